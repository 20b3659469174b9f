"""Whether a stream sends every property its table is made from."""

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
def invoice(sound: dict[str, t.Any]) -> Table:
    return parse(sound, "mine").table("invoice")


def _without(name: str) -> dict[str, t.Any]:
    outer = {k: v for k, v in BATCHES["properties"].items() if k not in {name, "Invoices"}}
    entry = BATCHES["properties"]["Invoices"]["items"]["properties"]
    inner = {k: v for k, v in entry.items() if k != name}
    if name != "Invoices":
        outer["Invoices"] = {"items": {"properties": inner}}
    return {"properties": outer}


def test_a_stream_that_sends_all(invoice: Table) -> None:
    check_stream(invoice, BATCHES)  # raises nothing


def test_a_stream_that_does_not_say_what_its_entries_hold(invoice: Table) -> None:
    schema = {"properties": {"Invoices": {"type": "array"}}}
    check_stream(invoice, schema)  # raises nothing


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
def test_a_stream_that_lacks_a_property(
    invoice: Table, absent: str, place: str, named: str
) -> None:
    with pytest.raises(MappingError) as caught:
        check_stream(invoice, _without(absent))
    assert str(caught.value) == (
        f"Column invoice.{place} is made from {named}, which stream Batches does not send: select "
        "the property in the tap, or take the column out with mapping_overrides"
    )


def test_a_stream_that_lacks_the_list(invoice: Table) -> None:
    with pytest.raises(MappingError) as caught:
        check_stream(invoice, _without("Invoices"))
    assert str(caught.value) == (
        "Table invoice is filled from each of Invoices, but stream Batches sends no Invoices: "
        "select it in the tap"
    )
