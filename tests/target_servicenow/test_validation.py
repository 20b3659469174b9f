"""Records that do not match their schema: each of their rows is rejected, none becomes stale."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from conftest import Instance, Singer


def batches_with_schema(singer: Singer, *records: dict[str, t.Any]) -> list[dict[str, t.Any]]:
    schema = singer.schema("APInvoiceBatches", Description={"type": ["string", "null"]})
    return [schema, *records]


def lines(*numbers: int) -> list[dict[str, t.Any]]:
    return [{"LineNumber": number, "DistributedAmount": 5} for number in numbers]


def test_every_row_is_rejected_until_a_matching_version_arrives(
    instance: Instance, singer: Singer
) -> None:
    entries = [{"InvoiceDetails": lines(1, 2)}, {"InvoiceDetails": lines(1)}]
    bad = singer.batch(1, *entries, Description=7)
    good = singer.batch(2, {"InvoiceDetails": lines(1)}, Description="fits")
    result = instance.run(
        [*batches_with_schema(singer, bad, good), singer.state(1)], validate_records=True
    )
    assert (result.code, result.states) == (0, [1])
    assert instance.by_key("sn_apo_invoice").keys() == {"2:1"}
    waiting = instance.query("SELECT identifier, reason FROM rejects ORDER BY identifier")
    assert [name.split(":", 3)[-1] for name, _ in waiting] == [
        *("1:1", "1:2"),
        *("1:1:1", "1:1:2", "1:2:1"),
    ]
    assert {reason for _, reason in waiting} == {
        "it does not match its schema: data.Description must be string or null"
    }
    corrected = singer.batch(1, entries[0], Description="fits")
    assert instance.run(batches_with_schema(singer, corrected), validate_records=True).code == 0
    assert instance.by_key("sn_apo_invoice").keys() == {"1:1", "2:1"}
    assert instance.rejects() == {}
    before = {name: instance.rows(name) for name in ("sn_apo_invoice", "sn_apo_invoice_line")}
    assert instance.run([]).code == 0  # nothing of the rejected version comes back
    assert {name: instance.rows(name) for name in before} == before


def test_a_mismatch_changes_no_existing_rows(instance: Instance, singer: Singer) -> None:
    good = singer.batch(1, {"InvoiceDetails": lines(1)}, {"InvoiceDetails": []})
    assert instance.run(batches_with_schema(singer, good), validate_records=True).code == 0
    before = instance.rows("sn_apo_invoice")
    bad = singer.batch(1, Description=7)
    assert instance.run(batches_with_schema(singer, bad), validate_records=True).code == 0
    assert instance.rows("sn_apo_invoice") == before
    assert {outcome for outcome, _ in instance.rejects().values()} == {"rejected"}
    assert instance.run(batches_with_schema(singer, good), validate_records=True).code == 0
    assert instance.rejects() == {}


def test_a_mismatch_after_a_version_in_the_same_batch(instance: Instance, singer: Singer) -> None:
    schema = singer.schema("APVendors", City={"type": "string"})
    records = [singer.vendor("1", City="Delft"), singer.vendor("2"), singer.vendor("1", City=7)]
    assert instance.run([schema, *records], validate_records=True).code == 0
    assert instance.by_source("proc_vendor")["1"]["city"] == "Delft"
    assert instance.by_source("proc_vendor").keys() == {"1", "2"}
    rejects = instance.query(
        "SELECT identifier, outcome FROM rejects WHERE \"table\" = 'proc_vendor'"
    )
    assert rejects == [("sage300:SAMINC:Vendor:1", "rejected")]


def test_mismatches_without_a_key_are_recorded_separately(
    instance: Instance, singer: Singer
) -> None:
    schema = singer.schema("APVendors", VendorNumber={"type": "string"})
    bad = [singer.vendor(None, City=city) for city in ("Delft", "Gouda")]
    result = instance.run([schema, *bad, singer.vendor("1")], validate_records=True)
    assert result.code == 0
    assert len(instance.query("SELECT DISTINCT identifier FROM rejects")) == 2
    assert instance.by_source("proc_vendor").keys() == {"1"}


def test_max_rejects_counts_mismatches(instance: Instance, singer: Singer) -> None:
    schema = singer.schema("APVendors", City={"type": "string"})
    bad = [singer.vendor(n, City=7) for n in range(3)]
    messages = [schema, *bad, singer.state(1)]
    rejected = 3 * len(singer.profile.of_stream("APVendors"))
    result = instance.run(messages, validate_records=True, max_rejects=rejected - 1)
    assert (result.code, result.states) == (1, [])
    assert result.errors == [
        (
            f"More rows were rejected ({rejected}) than max_rejects allows ({rejected - 1}): see "
            "their reasons with target-servicenow ledger rejects, correct them, drop them there "
            "with --drop, or raise max_rejects, and run again"
        )
    ]
    assert instance.run(messages, validate_records=True, max_rejects=rejected).states == [1]


def test_validation_is_off_by_default(instance: Instance, singer: Singer) -> None:
    schema = singer.schema("APVendors", City={"type": "integer"})
    assert instance.run([schema, singer.vendor("1", City="Delft")]).code == 0
    assert instance.by_source("proc_vendor")["1"]["city"] == "Delft"
