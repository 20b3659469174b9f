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


def test_a_complete_stream(invoice: Table) -> None:
    check_stream(invoice, BATCHES)  # raises nothing


def test_a_stream_without_a_schema_for_its_entries(invoice: Table) -> None:
    schema = {"properties": {"Invoices": {"type": "array"}}}
    check_stream(invoice, schema)  # raises nothing


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
    with pytest.raises(MappingError) as caught:
        check_stream(invoice, _without(absent))
    assert str(caught.value) == (
        f"Column invoice.{column} is made from {name}, which stream Batches does not send: select "
        "the property in the tap, or remove the column with mapping_overrides"
    )


def test_a_missing_list(invoice: Table) -> None:
    with pytest.raises(MappingError) as caught:
        check_stream(invoice, _without("Invoices"))
    assert str(caught.value) == (
        "Table invoice is filled from each of Invoices, but stream Batches sends no Invoices: "
        "select it in the tap"
    )
