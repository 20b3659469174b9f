"""The table of what is true of the sandbox's ServiceNow, and how sure that is."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import fields
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from sage300_servicenow_sandbox import servicenow
from sage300_servicenow_sandbox.servicenow.behaviours import Behaviours

ROOT = Path(__file__).parents[3]
ROWS = yaml.safe_load((files(servicenow) / "fidelity.yml").read_text(encoding="utf-8"))


def named_tests(path):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", ROWS, ids=[row["about"] for row in ROWS])
def test_a_row_is_whole_and_names_a_test_that_exists(row):
    assert set(row) - {"switch", "ask"} == {"about", "does", "sure", "source", "test"}
    assert row["sure"] in {"documented", "measured", "assumed"}
    assert ("ask" in row) == (row["sure"] == "assumed")
    assert all(isinstance(value, str) and value for value in row.values())
    path, _, name = row["test"].partition("::")
    assert name.startswith("test_")
    assert name in named_tests(path)


def test_every_quirk_stands_once():
    assert [
        about for about, times in Counter(row["about"] for row in ROWS).items() if times > 1
    ] == []


def test_every_switch_is_in_the_table():
    switches = {one.name for one in fields(Behaviours)}
    assert {row["switch"] for row in ROWS if "switch" in row} == switches
