"""A stream must send every property its table is made from."""

from __future__ import annotations

import typing as t

import pytest

from target_servicenow.mapping.expression import MappingError
from target_servicenow.mapping.parse import parse
from target_servicenow.mapping.profile import check_stream

if t.TYPE_CHECKING:
    from target_servicenow.mapping.profile import Table

BATCHES = {
    "properties": {
        "Company": {},
        "Batch": {},
        "Status": {},
        "Invoices": {
            "items": {
                "properties": {
                    name: {} for name in ("Entry", "Number", "Vendor", "Total", "Currency")
                }
            }
        },
    }
}


@pytest.fixture
def invoice(valid_mapping: dict[str, t.Any]) -> Table:
    return parse(valid_mapping, "mine").table("invoice")


def _without(name: str) -> dict[str, t.Any]:
    outer = {k: v for k, v in BATCHES["properties"].items() if k not in {name, "Invoices"}}
    entry = BATCHES["properties"]["Invoices"]["items"]["properties"]
    inner = {k: v for k, v in entry.items() if k != name}
    if name != "Invoices":
        outer["Invoices"] = {"items": {"properties": inner}}
    return {"properties": outer}


def _complaint(table: Table, schema: dict[str, t.Any]) -> str | None:
    try:
        check_stream(table, schema)
    except MappingError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param(BATCHES, id="complete"),
        pytest.param(
            {"properties": {"Invoices": {"type": "array"}}}, id="no schema for the entries"
        ),
    ],
)
def test_a_stream_with_nothing_missing(invoice: Table, schema: dict[str, t.Any]) -> None:
    assert _complaint(invoice, schema) is None


@pytest.mark.parametrize(
    ("absent", "column", "name"),
    [
        ("Entry", "identity", "Entry"),
        ("Company", "identity", "Company"),
        ("Vendor", "vendor", "Vendor"),
        ("Currency", "total", "Currency"),
        ("Status", "state", "parent.Status"),
    ],
)
def test_a_missing_property(invoice: Table, absent: str, column: str, name: str) -> None:
    assert _complaint(invoice, _without(absent)) == (
        f"Column invoice.{column} is made from {name}, which stream Batches does not send: select "
        "the property in the tap, or remove the column with mapping_overrides"
    )


def test_a_missing_list(invoice: Table) -> None:
    assert _complaint(invoice, _without("Invoices")) == (
        "Table invoice is filled from each of Invoices, but stream Batches sends no Invoices: "
        "select it in the tap"
    )
