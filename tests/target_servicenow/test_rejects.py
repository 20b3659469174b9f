"""Records at fault: recorded with reason and payload, tried again, and counters."""

from __future__ import annotations

import json
import typing as t

if t.TYPE_CHECKING:
    from conftest import Instance, Singer


def payloads(instance: Instance) -> dict[str, t.Any]:
    rows = instance.query("SELECT identifier, payload FROM rejects")
    return {name.rpartition(":")[2]: json.loads(text) for name, text in rows}


def test_a_text_too_long_is_rejected_with_both_lengths(instance: Instance, singer: Singer) -> None:
    long = singer.vendor("1", City="x" * 61, VendorName="n" * 100)
    assert instance.run(singer.vendors(long, singer.vendor("2", City="y" * 60))).code == 0
    assert instance.by_source("proc_vendor").keys() == {"2"}
    assert instance.rejects() == {
        "1": ("rejected", "too long for proc_vendor: city (61 characters, the column holds 60)")
    }
    assert payloads(instance) == {"1": long["record"]}
    assert instance.written() == (1, 0)


def test_a_text_too_long_is_cut(instance: Instance, singer: Singer) -> None:
    messages = singer.vendors(singer.vendor("1", City="x" * 61))
    for _ in range(2):
        assert instance.run(messages, on_long_text="truncate").code == 0
    assert instance.by_source("proc_vendor")["1"]["city"] == "x" * 60
    assert instance.written() == (1, 0)
    assert instance.rejects() == {}


def test_a_row_servicenow_refuses_is_settled_in_the_next_run(
    instance: Instance, singer: Singer
) -> None:
    nameless = singer.batch(1, {"DocumentNumber": "", "TaxTotal": 12.90}, {})
    result = instance.run([*singer.batches(nameless), singer.state(1)])
    assert (result.code, result.states) == (0, [1])
    assert instance.by_source("sn_apo_invoice").keys() == {"2"}
    assert instance.rejects() == {
        "1": (
            "rejected",
            (
                "ServiceNow refused the row: Operation Failed: Data Policy Exception: The "
                "following fields are mandatory: Invoice number"
            ),
        )
    }
    record = nameless["record"]
    assert payloads(instance) == {"1": {**record, "Invoices": record["Invoices"][:1]}}
    status = instance.query("SELECT status, attempts FROM outcomes WHERE outcome = 'rejected'")
    assert status == [(403, 1)]

    mended = {
        "tables": {
            "sn_apo_invoice": {"columns": {"invoice_number": "first(DocumentNumber, 'unknown')"}}
        }
    }
    assert instance.run([], mapping_overrides=mended).code == 0
    row = instance.by_source("sn_apo_invoice")["1"]
    assert (row["invoice_number"], row["tax_amount"]) == ("unknown", "12.9")
    assert instance.rejects() == {}
    assert instance.outcomes() == [("1", "created")]


def test_a_record_that_cannot_be_rendered(instance: Instance, singer: Singer) -> None:
    bad = [singer.vendor("1", StartDate="soon"), singer.vendor(None), singer.vendor("  ")]
    result = instance.run([*singer.vendors(*bad, singer.vendor("2")), singer.state(1)])
    assert (result.code, result.states) == (0, [1])
    assert instance.by_source("proc_vendor").keys() == {"2"}
    reasons = sorted(reason for _, reason in instance.rejects().values())
    assert reasons == [
        "a part of its key (CompanyID, VendorNumber) is empty",
        "a part of its key (CompanyID, VendorNumber) is empty",
        "column start_date: 'soon' is not a date",
    ]
    kept = sorted(payloads(instance).values(), key=str)
    assert kept == sorted((record["record"] for record in bad), key=str)
    assert instance.counts("proc_vendor") == {"created": 1, "rejected": 3}


def test_the_last_version_counts_also_when_one_is_at_fault(
    instance: Instance, singer: Singer
) -> None:
    good, bad = singer.vendor("1", City="Delft"), singer.vendor("1", StartDate="soon")
    assert instance.run(singer.vendors(good, bad, bad)).code == 0
    assert instance.rows("proc_vendor") == []
    assert payloads(instance) == {"1": bad["record"]}
    assert instance.run(singer.vendors(bad, good)).code == 0
    assert instance.by_source("proc_vendor")["1"]["city"] == "Delft"
    assert instance.rejects() == {}


def test_more_rejects_than_allowed_fail_the_run(instance: Instance, singer: Singer) -> None:
    bad = [singer.vendor(n, StartDate="soon") for n in range(3)]
    messages = [*singer.vendors(*bad, singer.vendor("good")), singer.state(1)]
    result = instance.run(messages, max_rejects=2)
    assert (result.code, result.states) == (1, [])
    assert result.errors == [
        (
            "3 rows were rejected, more than max_rejects (2): see their reasons with "
            "target-servicenow ledger rejects, correct them or raise max_rejects, and run again"
        )
    ]
    assert instance.by_source("proc_vendor").keys() == {"good"}
    assert len(instance.rejects()) == 3
    assert instance.query("SELECT status, message FROM runs") == [("stopped", result.errors[0])]
    result = instance.run(messages, max_rejects=3)
    assert (result.code, result.states) == (0, [1])


def test_values_servicenow_swallows_are_told(instance: Instance, singer: Singer) -> None:
    overrides = {"tables": {"proc_vendor": {"columns": {"u_absent": "City", "short_name": "City"}}}}
    vendor = singer.vendors(singer.vendor("1", City="Delft", Email="e" * 40, CurrencyCode="EURO"))
    result = instance.run(vendor, mapping_overrides=overrides, on_long_text="reject")
    assert result.code == 0
    assert instance.rejects()["1"][1] == (
        "too long for proc_vendor: currency (4 characters, the column holds 3)"
    )
    vendor = singer.vendors(singer.vendor("1", City="Delft"))
    assert instance.run(vendor, mapping_overrides=overrides).code == 0
    [altered] = instance.query("SELECT altered FROM outcomes WHERE outcome = 'created'")
    assert json.loads(altered[0]) == {"u_absent": {"old": "", "new": "Delft"}}
    warnings = [r.getMessage() for r in instance.caplog.records if r.levelname == "WARNING"]
    assert warnings == [
        (
            "proc_vendor has no column u_absent: what is mapped there is omitted; add the "
            "columns, or remove them with mapping_overrides"
        ),
        (
            "ServiceNow altered proc_vendor.u_absent in 1 rows; the ledger has what was sent and "
            "stored"
        ),
    ]
    instance.take_counters()
    assert instance.run(vendor, mapping_overrides=overrides).code == 0
    assert instance.written() == (0, 0)
