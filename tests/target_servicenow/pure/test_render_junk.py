"""Junk in place of any property of a record: rendering returns rows or reasons."""

from __future__ import annotations

import itertools
import typing as t
from decimal import Decimal

import pytest

from target_servicenow.mapping.identifiers import parent_prefix
from target_servicenow.mapping.parse import load
from target_servicenow.mapping.render import Row, render_record

if t.TYPE_CHECKING:
    from target_servicenow.mapping.render import Unrendered

RULE = {
    "when": "optional_field(AccountOptionalFields, 'CC') != ''",
    "code": "optional_field(AccountOptionalFields, 'CC')",
}
PROFILE = load("default", {"rules": {"cost_center": [RULE, {"otherwise": "hold"}]}})
JUNK = [
    *(None, True, False, 0, 7, -1, Decimal("1.50"), Decimal("NaN"), "", " ", "x", "2026-02-30"),
    *([], {}, [[]], [None], [7], ["x"], [{}], {"a": 1}, {"a": [{}]}, "\u0000", "ü" * 200),
]


def record_of(stream: str) -> dict[str, t.Any]:
    """A record with every property that the mapping reads: keys filled, others empty."""
    tables = PROFILE.of_stream(stream)
    expressions = [e for table in tables for _, e in table.expressions()]
    names = {name.removeprefix("parent.") for e in expressions for name in e.names}
    keys = {name for table in tables for part in table.key for name in part.names}
    flat: dict[str, t.Any] = {
        **dict.fromkeys(names - PROFILE.rules.keys(), ""),
        **dict.fromkeys(keys - PROFILE.rules.keys(), "1"),
        "CompanyID": "SAMINC",
    }
    if "AccountOptionalFields" in flat:
        flat["AccountOptionalFields"] = [{"OptionalField": "CC", "Value": "100"}]
    record = flat
    for name in reversed(max((table.each for table in tables), key=len)):
        record = {**flat, name: [record]}
    return record


def with_value(record: dict[str, t.Any], name: str, value: t.Any) -> dict[str, t.Any]:
    """The record with a property replaced, also in the entries of its lists."""
    entries = {
        key: [with_value(entry, name, value) for entry in inner]
        for key, inner in record.items()
        if key != "AccountOptionalFields" and isinstance(inner, list)
    }
    return {**record, **entries, name: value}


def render(stream: str, name: str, junk: t.Any) -> list[Row | Unrendered]:
    """The rows of all tables from a record with junk in a property."""
    record = with_value(record_of(stream), name, junk)
    tables = PROFILE.of_stream(stream)
    assert all(isinstance(parent_prefix(PROFILE, table, record), str) for table in tables)
    return [row for table in tables for row in render_record(PROFILE, table, record)]


@pytest.mark.parametrize("stream", sorted({table.stream for table in PROFILE.tables}))
def test_junk_in_any_property(stream: str) -> None:
    names = record_of(stream)
    rendered = 0
    for name, junk in itertools.product(names, JUNK):
        for row in render(stream, name, junk):
            if isinstance(row, Row):
                rendered += 1
                assert {type(value) for value in row.values.values()} <= {str}, (name, junk)
            else:
                assert row.reason, (name, junk)
                assert "\n" not in row.reason, (name, junk)
    assert rendered > len(names)
