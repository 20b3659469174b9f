"""The rows of the fidelity page: whole, backed by tests, and equal to the page."""

from __future__ import annotations

import ast
from collections import Counter
from functools import cache
from pathlib import Path

import msgspec

from sage300_servicenow_sandbox import fidelity
from sage300_servicenow_sandbox.sage import behaviours as sage
from sage300_servicenow_sandbox.servicenow import behaviours as servicenow

ROOT = Path(__file__).parents[2]
SIDES = fidelity.sides()


@cache
def functions_of(path):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def is_whole(row):
    path, _, name = row.test.partition("::")
    return (
        all((row.about, row.does, row.source))
        and row.basis in fidelity.BASES
        and bool(row.ask) == (row.basis == "assumed")
        and name in functions_of(path)
    )


def test_every_row_is_whole_and_names_a_test_that_exists():
    assert [row for rows in SIDES.values() for row in rows if not is_whole(row)] == []


def test_every_quirk_is_there_once():
    for rows in SIDES.values():
        assert [about for about, times in Counter(r.about for r in rows).items() if times > 1] == []


def test_every_behaviour_is_there():
    for title, behaviours in (("Sage 300 Web API", sage), ("ServiceNow", servicenow)):
        switches = {field.name for field in msgspec.structs.fields(behaviours.Behaviours)}
        assert {row.switch for row in SIDES[title] if row.switch} == switches


def test_the_page_in_docs_is_up_to_date():
    page = (ROOT / "docs" / "fidelity.md").read_text(encoding="utf-8")
    assert page == fidelity.page(), (
        "Run python -m sage300_servicenow_sandbox.fidelity > docs/fidelity.md"
    )
