"""The tables of what is true of the sandbox: whole, backed by tests, and equal to the page."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from dataclasses import fields
from pathlib import Path

import pytest

from sage300_servicenow_sandbox import fidelity
from sage300_servicenow_sandbox.sage.behaviours import Behaviours

ROOT = Path(__file__).parents[2]
SIDES = fidelity.sides()
ROWS = [row for rows in SIDES.values() for row in rows]


def named_tests(path):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", ROWS, ids=[row.about for row in ROWS])
def test_a_row_is_whole_and_names_a_test_that_exists(row):
    assert all((row.about, row.does, row.source))
    assert row.sure in {"documented", "measured", "assumed"}
    assert bool(row.ask) == (row.sure == "assumed")
    path, _, name = row.test.partition("::")
    assert name in named_tests(path)


def test_every_quirk_stands_once():
    for rows in SIDES.values():
        assert [about for about, times in Counter(r.about for r in rows).items() if times > 1] == []


def test_every_switch_of_the_sage_300_side_is_in_its_table_and_as_sure():
    rows = {row.switch: row.sure for row in SIDES["Sage 300 Web API"] if row.switch}
    assert rows == {switch.name: switch.metadata["sure"] for switch in fields(Behaviours)}


def test_the_page_in_docs_is_the_one_that_the_command_prints():
    printed = subprocess.run(
        [sys.executable, "-m", "sage300_servicenow_sandbox.fidelity"],
        capture_output=True,
        check=True,
    ).stdout
    page = (ROOT / "docs" / "fidelity.md").read_text(encoding="utf-8")
    assert page == printed.decode(), (
        "Run python -m sage300_servicenow_sandbox.fidelity and keep what it prints as "
        "docs/fidelity.md."
    )
