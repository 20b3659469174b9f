"""References to other rows: resolved, held, left empty or rejected."""

from __future__ import annotations

import typing as t

import pytest

if t.TYPE_CHECKING:
    from conftest import Instance, Singer

REASON = "vendor points at sage300:SAMINC:Vendor:5, which is not in proc_vendor"


def test_an_invoice_ahead_of_its_vendor_is_written_in_the_same_run(
    instance: Instance, singer: Singer
) -> None:
    result = instance.run(
        [
            *singer.batches(singer.batch(1, {"VendorNumber": "5"})),
            singer.state(1),
            *singer.vendors(singer.vendor("5")),
            singer.state(2),
        ],
        checkpoint_seconds=0,
    )
    assert (result.code, result.states[-1]) == (0, 2)
    [vendor] = instance.rows("proc_vendor")
    [invoice] = instance.rows("sn_apo_invoice")
    assert invoice["vendor"] == vendor["sys_id"]
    assert instance.outcomes() == [("1", "held"), ("1", "created"), ("5", "created")]
    assert instance.counts("sn_apo_invoice") == {"created": 1}
    assert instance.rejects() == {}


def test_an_invoice_at_the_same_checkpoint_waits_for_its_vendor(
    instance: Instance, singer: Singer
) -> None:
    messages = [
        *singer.batches(singer.batch(1, {"VendorNumber": "5"})),
        *singer.vendors(singer.vendor("5")),
    ]
    assert instance.run(messages).code == 0
    assert instance.outcomes() == [("1", "created"), ("5", "created")]


def test_a_held_invoice_is_written_in_a_later_run(instance: Instance, singer: Singer) -> None:
    invoices = [{"VendorNumber": "5", "TaxTotal": 12.9}, {"VendorNumber": "6"}]
    result = instance.run([*singer.batches(singer.batch(1, *invoices)), singer.state(1)])
    assert (result.code, result.states) == (0, [1])
    assert instance.rows("sn_apo_invoice") == []
    assert instance.rejects()["1"] == ("held", REASON)
    assert instance.counts("sn_apo_invoice") == {"held": 2}
    instance.take_counters()

    assert instance.run(singer.vendors(singer.vendor("5"))).code == 0
    [vendor] = instance.rows("proc_vendor")
    [invoice] = instance.rows("sn_apo_invoice")
    assert (invoice["vendor"], invoice["tax_amount"]) == (vendor["sys_id"], "12.9")
    assert instance.rejects().keys() == {"2"}
    assert instance.written() == (2, 0)

    assert instance.run([]).code == 0
    assert instance.written() == (0, 0)
    assert instance.rejects().keys() == {"2"}


def test_a_newer_version_replaces_a_held_one(instance: Instance, singer: Singer) -> None:
    held = singer.batch(1, {"VendorNumber": "5", "PONumber": "old"})
    assert instance.run(singer.batches(held)).code == 0
    newer = singer.batch(1, {"VendorNumber": "6", "PONumber": "new"})
    vendors = singer.vendors(singer.vendor("5"), singer.vendor("6"))
    assert instance.run([*vendors, *singer.batches(newer)]).code == 0
    assert [row["po_number"] for row in instance.rows("sn_apo_invoice")] == ["new"]
    assert instance.rejects() == {}
    assert instance.run([]).code == 0
    assert [row["po_number"] for row in instance.rows("sn_apo_invoice")] == ["new"]


def test_blank_leaves_the_reference_empty(instance: Instance, singer: Singer) -> None:
    messages = singer.batches(singer.batch(1, {"VendorNumber": "5"}))
    assert instance.run(messages, on_missing_reference="blank").code == 0
    [invoice] = instance.rows("sn_apo_invoice")
    assert invoice["vendor"] == ""
    assert instance.outcomes() == [("1", "created")]
    vendors = singer.vendors(singer.vendor("5"))
    assert instance.run([*vendors, *messages], on_missing_reference="blank").code == 0
    [vendor] = instance.rows("proc_vendor")
    assert instance.rows("sn_apo_invoice")[0]["vendor"] == vendor["sys_id"]


def test_reject_rejects_the_row(instance: Instance, singer: Singer) -> None:
    messages = singer.batches(singer.batch(1, {"VendorNumber": "5"}, {"VendorNumber": ""}))
    assert instance.run(messages, on_missing_reference="reject").code == 0
    assert instance.by_source("sn_apo_invoice").keys() == {"2"}
    assert instance.rejects() == {"1": ("rejected", REASON)}


def test_an_empty_reference_clears_the_column(instance: Instance, singer: Singer) -> None:
    vendors = singer.vendors(singer.vendor("5"))
    with_vendor = singer.batches(singer.batch(1, {"VendorNumber": "5"}))
    assert instance.run([*vendors, *with_vendor]).code == 0
    assert instance.run(singer.batches(singer.batch(1, {"VendorNumber": " "}))).code == 0
    assert instance.rows("sn_apo_invoice")[0]["vendor"] == ""


def test_blank_never_empties_a_reference(instance: Instance, singer: Singer) -> None:
    """A vendor hidden for one run is not gone; what was changed besides is written."""
    both = singer.vendors(singer.vendor("5"), singer.vendor("6"))
    batches = singer.batches(singer.batch(1, {"VendorNumber": "5"}))
    assert instance.run([*both, *batches], on_missing_reference="blank").code == 0
    [before] = instance.rows("sn_apo_invoice")
    assert before["vendor"]
    hidden = {"table": "proc_vendor", "operation": "read", "when": "vendor_number=5"}
    instance.behave(access=[hidden])
    changed = singer.batches(singer.batch(1, {"VendorNumber": "5", "PONumber": "P1"}))
    assert instance.run(changed, on_missing_reference="blank").code == 0
    [after] = instance.rows("sn_apo_invoice")
    assert (after["vendor"], after["po_number"]) == (before["vendor"], "P1")
    vendors = {row["vendor_number"]: row["sys_id"] for row in instance.rows("proc_vendor")}
    reason = (
        "vendor points at sage300:SAMINC:Vendor:5, which ServiceNow does not show in proc_vendor "
        f"(its row was {vendors['5']}): let the integration user read that row, and see that its "
        "correlation_id is sage300:SAMINC:Vendor:5"
    )
    assert instance.rejects() == {"1": ("updated", reason)}

    instance.behave(access=[])
    instance.take_counters()
    assert instance.run([], on_missing_reference="blank").code == 0
    assert instance.written() == (0, 0)
    assert instance.rejects() == {}


def test_blank_tries_the_reference_again_by_itself(instance: Instance, singer: Singer) -> None:
    """The invoice does not come again; its vendor does."""
    batches = singer.batches(singer.batch(1, {"VendorNumber": "5"}))
    assert instance.run(batches, on_missing_reference="blank").code == 0
    assert instance.rejects() == {"1": ("created", REASON)}
    assert instance.run([], on_missing_reference="blank").code == 0
    assert instance.rejects() == {"1": ("unchanged", REASON)}
    vendors = singer.vendors(singer.vendor("5"))
    assert instance.run(vendors, on_missing_reference="blank").code == 0
    [vendor] = instance.rows("proc_vendor")
    [invoice] = instance.rows("sn_apo_invoice")
    assert invoice["vendor"] == vendor["sys_id"]
    assert instance.rejects() == {}
    assert instance.counts("sn_apo_invoice") == {"updated": 1}


@pytest.mark.parametrize("policy", ["hold", "reject"])
def test_an_ambiguous_reference_is_not_resolved(
    instance: Instance, singer: Singer, policy: str
) -> None:
    for city in ("Delft", "Gouda"):
        instance.insert_row("proc_vendor", name=city, correlation_id="sage300:SAMINC:Vendor:5")
    messages = singer.batches(singer.batch(1, {"VendorNumber": "5"}))
    assert instance.run(messages, on_missing_reference=policy).code == 0
    assert instance.rows("sn_apo_invoice") == []
    outcome = {"hold": "held", "reject": "rejected"}[policy]
    reason = (
        "vendor points at sage300:SAMINC:Vendor:5, which 2 rows of proc_vendor carry: delete or "
        "clear all but one"
    )
    assert instance.rejects() == {"1": (outcome, reason)}
