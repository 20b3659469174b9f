"""The control endpoints: edits, postings, clock, counters and reset, seen through the Web API."""

from __future__ import annotations

from decimal import Decimal

import pytest
import requests

from sage300_servicenow_sandbox.control_client import ControlClient


def _without(record, *names):
    return {name: value for name, value in record.items() if name not in names}


def test_an_edit_changes_the_record_and_moves_its_change_date(client):
    before = client.page("APVendors('1010')")
    client.control.set_clock("2026-11-25T23:30:00Z")
    answered = client.edit(
        "APVendors", "1010", VendorName="Añejo & Co", CreditLimit=Decimal("1234.5"), OnHold="OnHold"
    )
    after = client.page("APVendors('1010')")
    assert answered == _without(after, "@odata.context")
    assert after["VendorName"] == "Añejo & Co"
    assert after["CreditLimit"] == Decimal("1234.500")
    assert after["OnHold"] == "OnHold"
    assert after["DateLastMaintained"] == "2026-11-25T00:00:00Z"
    changed = ("VendorName", "CreditLimit", "OnHold", "DateLastMaintained")
    assert _without(after, *changed) == _without(before, *changed)
    assert '"CreditLimit":1234.500,' in client.get("APVendors('1010')").text


def test_an_edited_record_is_found_by_its_new_date(client):
    client.control.set_clock("2027-01-05T08:00:00Z")
    client.edit("APVendors", "1030", City="Leeds")
    page = client.page("APVendors", filter="DateLastMaintained ge 2027-01-01T00:00:00Z")
    assert [vendor["VendorNumber"] for vendor in page["value"]] == ["1030"]


def test_a_session_signed_on_with_another_date_stamps_that_date(client):
    client.edit("APVendors", "1030", DateLastMaintained="2026-10-01", City="Leeds")
    assert client.page("APVendors('1030')")["DateLastMaintained"] == "2026-10-01T00:00:00Z"


def test_an_edit_of_an_account_moves_no_date(client):
    before = client.page("GLAccounts('6000')")
    client.edit("GLAccounts", "6000", Description="Stationery")
    after = client.page("GLAccounts('6000')")
    assert after["Description"] == "Stationery"
    assert _without(after, "Description") == _without(before, "Description")


def test_entries_of_a_batch_can_be_deleted_and_changed(client):
    line = {"LineNumber": 20, "GLAccount": "6000", "DistributedAmount": 12.5}
    entry = {"EntryNumber": 2, "DocumentNumber": "INV7", "AmountDue": 12, "InvoiceDetails": [line]}
    client.edit("APInvoiceBatches", 3, Invoices=[entry], NumberOfEntries=1)
    after = client.page("APInvoiceBatches(3)")
    (invoice,) = after["Invoices"]
    assert {name: invoice[name] for name in entry if name != "InvoiceDetails"} == {
        "EntryNumber": 2,
        "DocumentNumber": "INV7",
        "AmountDue": 12,
    }
    assert {name: invoice["InvoiceDetails"][0][name] for name in line} == line
    assert (invoice["VendorNumber"], invoice["DueDate"]) == ("", None)
    assert after["DateLastEdited"] == "2026-11-20T00:00:00Z"
    text = client.get("APInvoiceBatches(3)").text
    assert ',"AmountDue":12.000,' in text
    assert ',"DistributedAmount":12.500,' in text


@pytest.mark.parametrize(
    ("path", "edit", "sentence"),
    [
        ("APVendors/1010", {"Nonsense": 1}, "APVendors has no property Nonsense"),
        ("APVendors/1010", {"VendorNumber": "2"}, "VendorNumber is the key of APVendors"),
        ("APVendors/1010", {"VendorName": "x" * 61}, "VendorName takes text of at most 60"),
        ("APVendors/1010", {"VendorName": None}, "VendorName takes text"),
        ("APVendors/1010", {"OnHold": "Yes"}, "OnHold takes one of NotOnHold, OnHold"),
        ("APVendors/1010", {"CreditLimit": 1.2345}, "at most 3 digits after the point"),
        ("APVendors/1010", {"CreditLimit": "12"}, "CreditLimit takes a number"),
        ("APVendors/1010", {"TaxClassCode1": 1.5}, "TaxClassCode1 takes a whole number"),
        ("APVendors/1010", {"TaxClassCode1": 2**31}, "TaxClassCode1 takes a whole number"),
        ("APVendors/1010", {"FATCA": "No"}, "FATCA takes true or false"),
        ("APVendors/1010", {"InactiveDate": "20261120"}, "InactiveDate takes a date"),
        ("APVendors/1010", {"InactiveDate": "2026-02-30"}, "InactiveDate takes a date"),
        ("APVendors/1010", {"VendorContactSelection": [1]}, "takes a list of objects"),
        ("APInvoiceBatches/3", {"Invoices": [{"Nonsense": 1}]}, "Invoice has no property"),
    ],
)
def test_an_edit_that_does_not_fit_is_refused_and_changes_nothing(client, path, edit, sentence):
    resource = path.partition("/")[0]
    before = client.records(resource)
    status, refusal = client.refused("POST", f"sage300/SAMINC/{path}/edit", edit)
    assert status == 400
    assert sentence in refusal
    assert client.records(resource) == before


def test_posting_changes_status_and_sequence_but_not_the_date(client):
    batches = client.records("APInvoiceBatches")
    last = max(batch["PostingSequenceNumber"] for batch in batches)
    waiting = [b for b in batches if b["BatchStatus"] in ("Open", "ReadyToPost")]
    assert {batch["BatchStatus"] for batch in waiting} == {"Open", "ReadyToPost"}
    client.control.set_clock("2026-12-24T12:00:00Z")
    for sequence, before in enumerate(waiting, last + 1):
        number = before["BatchNumber"]
        answered = client.control.post_batch("SAMINC", number)
        after = client.page(f"APInvoiceBatches({number})")
        assert answered == _without(after, "@odata.context")
        assert answered == {
            **before,
            "BatchStatus": "Posted",
            "PostingSequenceNumber": sequence,
        }


@pytest.mark.parametrize("state", ["Posted", "Deleted", "PostInProgress"])
def test_a_posted_or_deleted_batch_cannot_be_posted(client, state):
    batches = client.records("APInvoiceBatches")
    number = next(b["BatchNumber"] for b in batches if b["BatchStatus"] == state)
    status, refusal = client.refused("POST", f"sage300/SAMINC/APInvoiceBatches/{number}/post")
    assert status == 409
    assert refusal.startswith(f"Batch {number} is {state};")
    assert client.records("APInvoiceBatches") == batches


def test_the_clock_stands_still_until_it_is_moved_or_released(client):
    assert client.control.set_clock("2030-01-01T00:00:00Z") == "2030-01-01T00:00:00Z"
    assert client.control.call("GET", "clock") == {"now": "2030-01-01T00:00:00Z"}
    moved = client.control.advance_clock(86399.5)
    assert moved == "2030-01-01T23:59:59Z"
    client.control.advance_clock(-60)
    assert client.control.call("GET", "clock") == {"now": "2030-01-01T23:58:59Z"}
    released = client.control.set_clock(None)
    assert released < "2030"


@pytest.mark.parametrize(
    "body",
    [{}, {"now": "tomorrow"}, {"now": "2030-01-01T00:00:00"}, {"advance_seconds": 1e300}],
)
def test_an_invalid_time_is_refused(client, body):
    before = client.control.call("GET", "clock")
    status, refusal = client.refused("POST", "clock", body)
    assert status == 400
    assert refusal.startswith("The clock takes ")
    assert client.control.call("GET", "clock") == before


def test_calls_are_counted_by_side_and_resource_not_by_key(client):
    client.control.reset_counters()
    client.get("APVendors('1010')")
    client.get("APVendors('1020')")
    client.get("APVendors('9')")
    client.get("GLAccounts", top=1)
    requests.get(client.url("APInvoiceBatches"))
    requests.post(client.sandbox.servicenow_url + "/oauth_token.do", data={})
    requests.get(client.sandbox.servicenow_url + "/api/now/table/proc_vendor/" + "0" * 32)
    counts = client.control.counters()
    assert counts["sage300"] == {
        "calls": 5,
        "by_method": {"GET": 5},
        "by_status": {"200": 3, "404": 1, "401": 1},
        "by_path": {"AP/APVendors": 3, "GL/GLAccounts": 1, "AP/APInvoiceBatches": 1},
    }
    assert counts["servicenow"]["calls"] == 2
    assert counts["servicenow"]["token_calls"] == 1
    assert counts["servicenow"]["by_path"] == {"oauth_token.do": 1, "table/proc_vendor": 1}
    assert counts["servicenow"]["batch_items"] == {"GET": 0, "POST": 0, "PATCH": 0}
    client.control.reset_counters()
    reset = client.control.counters()
    assert reset["sage300"]["calls"] == reset["servicenow"]["calls"] == 0


def test_the_number_of_counted_paths_is_bounded(client):
    for number in range(230):
        client.get(f"AP{number}")
    paths = client.sandbox.counters.snapshot()["sage300"]["by_path"]
    assert len(paths) <= 201
    assert sum(paths.values()) == 230


def test_both_ports_have_the_controls_and_neither_counts_them(client):
    for url in (client.sandbox.sage_url, client.sandbox.servicenow_url + "/api/now"):
        assert "POST /_sandbox/reset" in ControlClient(url).call("GET", "")
    assert requests.get(f"{client.sandbox.servicenow_url}/_sandbox").status_code == 200
    counts = client.sandbox.counters.snapshot()
    assert counts["sage300"]["calls"] == counts["servicenow"]["calls"] == 0


def test_rows_of_servicenow_are_read_and_typed_in(client):
    row = client.control.insert_row("proc_vendor", name="Acme Paper")
    assert client.control.rows("proc_vendor") == [row]
    assert row["name"] == "Acme Paper"
    assert len(row["sys_id"]) == 32


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "servicenow/no_such_table", None, 404),
        ("POST", "servicenow/no_such_table", {"name": "x"}, 404),
        ("POST", "servicenow/proc_vendor", {"no_such_column": "x"}, 400),
        ("POST", "servicenow/proc_vendor", {}, 400),
        ("POST", "servicenow/proc_vendor", ["x"], 400),
        ("GET", "sage300/NOCOMP/APVendors", None, 404),
        ("GET", "sage300/SAMINC/APPayments", None, 404),
        ("POST", "sage300/SAMINC/APVendors/9/edit", {"City": "Leeds"}, 404),
        ("POST", "sage300/SAMINC/APInvoiceBatches/x/edit", {"Description": ""}, 404),
        ("POST", "sage300/SAMINC/APInvoiceBatches/4711/post", None, 404),
        ("POST", "sage300/SAMINC/APVendors/1010/edit", "text", 400),
        ("GET", "reset", None, 405),
        ("DELETE", "clock", None, 405),
        ("GET", "nonsense", None, 404),
    ],
)
def test_wrong_calls_are_answered_with_a_sentence(client, method, path, body, status):
    answered, refusal = client.refused(method, path, body)
    assert answered == status
    assert refusal[0].isupper()
    assert "\n" not in refusal


def test_reset_puts_both_sides_back_even_after_the_clock_has_moved(client):
    before = {
        name: client.records(name) for name in ("APVendors", "APInvoiceBatches", "GLAccounts")
    }
    client.control.set_clock("2028-02-29T12:00:00Z")
    client.edit("APVendors", "1010", City="Leeds")
    client.control.insert_row("proc_vendor", name="Acme Paper")
    client.get("APVendors")
    client.control.reset()
    assert client.control.counters()["sage300"]["calls"] == 0
    assert {name: client.records(name) for name in before} == before
    assert client.control.rows("proc_vendor") == []
