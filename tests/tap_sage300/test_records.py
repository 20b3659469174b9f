"""From Sage's entities to Singer's records."""

from __future__ import annotations

import json
from decimal import Decimal
from importlib.resources import files

import pytest

from tap_sage300.reading import records

SCHEMAS = sorted(
    file.name.removesuffix(".json") for file in files("tap_sage300").joinpath("schemas").iterdir()
)


def schema_of(stream):
    source = files("tap_sage300").joinpath("schemas", f"{stream}.json")
    return json.loads(source.read_text(encoding="utf-8"))


def build(stream, entity, deselected=()):
    maker = records.builder(schema_of(stream), lambda path: path[0] not in deselected, ("AcctSel",))
    (record,) = maker.build("SAMINC", [entity])
    return record


def test_a_batch_keeps_its_details_and_its_digits():
    made = build(
        "APInvoiceBatches",
        {
            "BatchNumber": Decimal("58.0"),
            "BatchTotal": Decimal("12.990"),
            "UpdateOperation": "Unspecified",
            "PartnerField": "x",
            "Invoices": [
                {
                    "BatchNumber": Decimal("58.00"),
                    "EntryNumber": 1,
                    "ExchangeRate": Decimal("1.0000000"),
                    "UpdateOperation": "Unspecified",
                    "PartnerField": "y",
                    "InvoiceDetails": [{"LineNumber": Decimal("20.0"), "UpdateOperation": "U"}],
                    "InvoicePaymentSchedules": None,
                }
            ],
        },
    )
    assert next(iter(made)) == "CompanyID"
    assert made == {
        "CompanyID": "SAMINC",
        "BatchNumber": 58,
        "BatchTotal": Decimal("12.990"),
        "Invoices": [
            {
                "BatchNumber": 58,
                "EntryNumber": 1,
                "ExchangeRate": Decimal("1.0000000"),
                "PartnerField": "y",
                "InvoiceDetails": [{"LineNumber": 20}],
                "InvoicePaymentSchedules": None,
            }
        ],
    }
    assert type(made["BatchNumber"]) is int
    assert type(made["Invoices"][0]["InvoiceDetails"][0]["LineNumber"]) is int
    assert str(made["BatchTotal"]) == "12.990"


def test_what_is_not_selected_is_not_there():
    entity = {"VendorNumber": "1", "VendorName": "A", "City": "B"}
    assert build("APVendors", entity, {"City"}) == {
        "CompanyID": "SAMINC",
        "VendorNumber": "1",
        "VendorName": "A",
    }


def test_rows_of_one_page_may_have_other_properties():
    maker = records.builder(schema_of("APVendors"), lambda path: path[0] != "City", ())
    rows = [
        {"VendorNumber": "1", "City": "B"},
        {"VendorNumber": "2", "Partner": 1, "Country": "C"},
        {"VendorNumber": "3", "City": "B"},
        {"City": "B", "VendorNumber": "4"},
    ]
    assert list(maker.build("X", rows)) == [
        {"CompanyID": "X", "VendorNumber": "1"},
        {"CompanyID": "X", "VendorNumber": "2", "Country": "C"},
        {"CompanyID": "X", "VendorNumber": "3"},
        {"CompanyID": "X", "VendorNumber": "4"},
    ]


def test_unknown_properties_are_named_but_helpers_are_not():
    maker = records.builder(schema_of("GLAccounts"), lambda _path: True, ("AcctSelector",))
    entity = {
        "UnformattedAccount": "1",
        "AcctSelectorFromAccount": "",
        "UpdateOperation": "Unspecified",
        "PartnerField": 1,
    }
    assert maker.unknown(entity) == {"PartnerField"}


def test_select_is_used_only_when_something_is_deselected():
    schema = schema_of("APInvoiceBatches")
    everything = records.builder(schema, lambda _path: True, ())
    assert everything.to_select(["BatchNumber"]) == []
    few = records.builder(schema, lambda path: path[0] in {"CompanyID", "Description"}, ())
    assert few.to_select(("BatchNumber", "DateLastEdited", "BatchStatus")) == [
        "BatchNumber",
        "BatchStatus",
        "DateLastEdited",
        "Description",
    ]


@pytest.mark.parametrize("stream", SCHEMAS)
def test_every_property_of_a_schema_is_typed(stream):
    def check(schema, path):
        for name, one in schema["properties"].items():
            assert one["type"], f"{path}.{name}"
            if "array" in one["type"]:
                assert one["items"]["additionalProperties"] is True
                check(one["items"], f"{path}.{name}")

    check(schema_of(stream), stream)


@pytest.mark.parametrize("stream", SCHEMAS)
def test_no_schema_holds_helper_properties(stream):
    names = schema_of(stream)["properties"]
    assert not [n for n in names if n.startswith("AcctSelector") or n == "UpdateOperation"]
