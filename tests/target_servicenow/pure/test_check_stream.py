"""Whether a stream sends every property its table is made from."""

from __future__ import annotations

from typing import Any

import pytest

from target_servicenow.mapping.expression import MappingError
from target_servicenow.mapping.load import parse
from target_servicenow.mapping.profile import check_stream

INVOICE = parse(
    {
        "tables": {
            "invoice": {
                "stream": "Batches",
                "each": ["Invoices"],
                "identity": {"entity": "Invoice", "company": "Company", "key": ["Batch", "Entry"]},
                "columns": {
                    "number": "Number",
                    "vendor": "Vendor",
                    "total": {"value": "Total", "type": "currency", "currency": "Currency"},
                    "state": "parent.Status",
                },
            },
        },
    },
    "mine",
).table("invoice")

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


def _without(name: str) -> dict[str, Any]:
    outer = {k: v for k, v in BATCHES["properties"].items() if k not in {name, "Invoices"}}
    entry = BATCHES["properties"]["Invoices"]["items"]["properties"]
    inner = {k: v for k, v in entry.items() if k != name}
    if name != "Invoices":
        outer["Invoices"] = {"items": {"properties": inner}}
    return {"properties": outer}


def test_a_stream_that_sends_all() -> None:
    check_stream(INVOICE, BATCHES)


def test_a_stream_that_does_not_say_what_its_entries_hold() -> None:
    schema = {"properties": {"Invoices": {"type": "array"}}}
    check_stream(INVOICE, schema)


@pytest.mark.parametrize(
    ("absent", "place", "named"),
    [
        ("Entry", "identity", "Entry"),
        ("Company", "identity", "Company"),
        ("Vendor", "vendor", "Vendor"),
        ("Currency", "total", "Currency"),
        ("Status", "state", "parent.Status"),
    ],
)
def test_a_stream_that_lacks_a_property(absent: str, place: str, named: str) -> None:
    with pytest.raises(MappingError) as caught:
        check_stream(INVOICE, _without(absent))
    assert str(caught.value) == (
        f"Column invoice.{place} is made from {named}, which stream Batches does not send: select "
        "the property in the tap, or take the column out with mapping_overrides"
    )


def test_a_stream_that_lacks_the_list() -> None:
    with pytest.raises(MappingError) as caught:
        check_stream(INVOICE, _without("Invoices"))
    assert str(caught.value) == (
        "Table invoice is filled from each of Invoices, but stream Batches sends no Invoices: "
        "select it in the tap"
    )
