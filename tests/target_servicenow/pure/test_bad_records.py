"""No value that JSON can hold makes rendering fail: a record at fault is a reason, no traceback."""

from __future__ import annotations

import typing as t
from decimal import Decimal

import pytest

from target_servicenow.mapping.parse import load
from target_servicenow.mapping.render import Row, parent_prefix, render_record

RULE = {
    "when": "optional_field(AccountOptionalFields, 'CC') != ''",
    "code": "optional_field(AccountOptionalFields, 'CC')",
}
PROFILE = load("default", {"rules": {"cost_center": [RULE, {"otherwise": "hold"}]}})
JUNK = [
    *(None, True, False, 0, 7, -1, Decimal("1.50"), Decimal("NaN"), "", " ", "x", "2026-02-30"),
    *([], {}, [[]], [None], [7], ["x"], [{}], {"a": 1}, {"a": [{}]}, "\u0000", "ü" * 200),
]
KEYS = {
    "CompanyID": "SAMINC",
    "UnformattedAccount": "6000",
    "VendorNumber": "1",
    "BatchNumber": 1,
    "EntryNumber": 2,
    "LineNumber": 3,
}


def record(stream: str) -> dict[str, t.Any]:
    """A record that holds every property the mapping reads, empty save the keys."""
    tables = PROFILE.of_stream(stream)
    expressions = [e for table in tables for _, e in table.expressions()]
    names = {name.removeprefix("parent.") for e in expressions for name in e.names}
    whole = {**dict.fromkeys(names - {"cost_center"}, ""), **KEYS}
    if stream == "GLAccounts":
        whole["AccountOptionalFields"] = [{"OptionalField": "CC", "Value": "100"}]
    if stream == "APInvoiceBatches":
        whole["Invoices"] = [{**whole, "InvoiceDetails": [dict(whole)]}]
    return whole


@pytest.mark.parametrize("stream", ["GLAccounts", "APVendors", "APInvoiceBatches"])
def test_every_property_may_hold_anything(stream: str, subtests: pytest.Subtests) -> None:
    whole = record(stream)
    made = 0
    for name in whole:
        for junk in JUNK:
            with subtests.test(name=name, junk=repr(junk)[:20]):
                bad = {**whole, name: junk}
                if name != "Invoices" and "Invoices" in whole:
                    inner = {**whole["Invoices"][0], name: junk}
                    bad["Invoices"] = [{**inner, "InvoiceDetails": [{**inner, name: junk}]}]
                for table in PROFILE.of_stream(stream):
                    assert isinstance(parent_prefix(PROFILE, table, bad), str)
                    for row in render_record(PROFILE, table, bad):
                        if isinstance(row, Row):
                            made += 1
                            assert {type(value) for value in row.values.values()} <= {str}
                        else:
                            assert row.reason
                            assert "\n" not in row.reason
    assert made > len(whole)
