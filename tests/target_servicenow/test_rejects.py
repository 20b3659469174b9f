"""Rejected records: recorded with reason and payload, retried, and limited in number."""

from __future__ import annotations

import json
import typing as t

if t.TYPE_CHECKING:
    from conftest import Instance, Singer


def payloads(instance: Instance) -> dict[str, t.Any]:
    rows = instance.query("SELECT identifier, payload FROM rejects")
    return {name.rpartition(":")[2]: json.loads(text) for name, text in rows}


def test_a_text_that_is_too_long_is_rejected(instance: Instance, singer: Singer) -> None:
    long = singer.vendor("1", City="x" * 61, VendorName="n" * 100)
    assert instance.run(singer.vendors(long, singer.vendor("2", City="y" * 60))).code == 0
    assert instance.by_source("proc_vendor").keys() == {"2"}
    assert instance.rejects() == {
        "1": ("rejected", "too long for proc_vendor: city (61 characters, the column holds 60)")
    }
    assert payloads(instance) == {"1": long["record"]}
    assert instance.written() == (1, 0)


def test_a_text_that_is_too_long_is_truncated(instance: Instance, singer: Singer) -> None:
    messages = singer.vendors(singer.vendor("1", City="x" * 61))
    for _ in range(2):
        assert instance.run(messages, on_long_text="truncate").code == 0
    assert instance.by_source("proc_vendor")["1"]["city"] == "x" * 60
    assert instance.written() == (1, 0)
    assert instance.rejects() == {}


def test_a_refused_row_is_retried_in_the_next_run(instance: Instance, singer: Singer) -> None:
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

    corrected = {
        "tables": {
            "sn_apo_invoice": {"columns": {"invoice_number": "first(DocumentNumber, 'unknown')"}}
        }
    }
    assert instance.run([], mapping_overrides=corrected).code == 0
    row = instance.by_source("sn_apo_invoice")["1"]
    assert (row["invoice_number"], row["tax_amount"]) == ("unknown", "12.9")
    assert instance.rejects() == {}
    assert instance.outcomes() == [("1", "created")]


def test_records_that_cannot_be_rendered(instance: Instance, singer: Singer) -> None:
    bad = [singer.vendor("1", StartDate="soon"), singer.vendor(None), singer.vendor("  ")]
    result = instance.run([*singer.vendors(*bad, singer.vendor("2")), singer.state(1)])
    assert (result.code, result.states) == (0, [1])
    assert instance.by_source("proc_vendor").keys() == {"2"}
    reasons = sorted(reason for _, reason in instance.rejects().values())
    assert reasons == [
        "column start_date: 'soon' is not a valid date",
        "part of its key (CompanyID, VendorNumber) is empty",
        "part of its key (CompanyID, VendorNumber) is empty",
    ]
    kept = sorted(payloads(instance).values(), key=str)
    assert kept == sorted((record["record"] for record in bad), key=str)
    assert instance.counts("proc_vendor") == {"created": 1, "rejected": 3}


def test_the_last_version_wins_even_if_one_is_rejected(instance: Instance, singer: Singer) -> None:
    good, bad = singer.vendor("1", City="Delft"), singer.vendor("1", StartDate="soon")
    assert instance.run(singer.vendors(good, bad, bad)).code == 0
    assert instance.rows("proc_vendor") == []
    assert payloads(instance) == {"1": bad["record"]}
    assert instance.run(singer.vendors(bad, good)).code == 0
    assert instance.by_source("proc_vendor")["1"]["city"] == "Delft"
    assert instance.rejects() == {}


def test_more_rejects_than_allowed_stop_the_run(instance: Instance, singer: Singer) -> None:
    bad = [singer.vendor(n, StartDate="soon") for n in range(3)]
    messages = [*singer.vendors(*bad, singer.vendor("good")), singer.state(1)]
    result = instance.run(messages, max_rejects=2)
    assert (result.code, result.states) == (1, [])
    assert result.errors == [
        (
            "More rows were rejected (3) than max_rejects allows (2): see their reasons with "
            "target-servicenow ledger rejects, correct them, drop them there with --drop, or raise "
            "max_rejects, and run again"
        )
    ]
    assert instance.by_source("proc_vendor").keys() == {"good"}
    assert len(instance.rejects()) == 3
    assert instance.query("SELECT status, message FROM runs") == [("stopped", result.errors[0])]
    result = instance.run(messages, max_rejects=3)
    assert (result.code, result.states) == (0, [1])
