"""What users do to Sage 300's records, and snapshots, seen through the Web API."""

from __future__ import annotations

from decimal import Decimal

import pytest

BATCHES = "sage300/SAMINC/APInvoiceBatches"
VENDORS = "sage300/SAMINC/APVendors"
PAYMENTS = "sage300/SAMINC/APPaymentAndAdjustmentBatches"


def vendor_numbers(client):
    return [vendor["VendorNumber"] for vendor in client.page("APVendors")["value"]]


def batch_of(client, status):
    return next(b for b in client.records("APInvoiceBatches") if b["BatchStatus"] == status)


def test_a_touch_moves_the_change_date_and_nothing_else(client):
    before = client.page("APVendors('1020')")
    client.control("POST", "clock", {"now": "2026-12-24T10:00:00Z"})
    assert client.control("POST", f"{VENDORS}/1020/edit", {})[0] == 200
    after = client.page("APVendors('1020')")
    assert after == {**before, "DateLastMaintained": "2026-12-24T00:00:00Z"}


def test_a_record_of_a_composite_key_is_edited(client):
    before = client.page("APPaymentAndAdjustmentBatches(BatchSelector='PY',BatchNumber=1)")
    client.control("POST", f"{PAYMENTS}/PY,1/edit", {"Description": "Late payments"})
    after = client.page("APPaymentAndAdjustmentBatches(BatchSelector='PY',BatchNumber=1)")
    assert after == {
        **before,
        "Description": "Late payments",
        "DateLastEdited": "2026-11-20T00:00:00Z",
    }
    assert client.control("POST", f"{PAYMENTS}/PY/edit", {})[0] == 400
    assert client.control("POST", f"{PAYMENTS}/PY,x/edit", {})[0] == 404


@pytest.mark.parametrize(("number", "place"), [("0999", 0), ("1015", 2), ("ZZ9999", -1)])
def test_a_copy_takes_its_place_in_key_order(client, number, place):
    before = client.page("APVendors('1010')")
    status, copied = client.control(
        "POST", f"{VENDORS}/1010/copy", {"VendorNumber": number, "VendorName": "Twin Ltd."}
    )
    assert status == 200
    numbers = vendor_numbers(client)
    assert numbers == sorted(numbers)
    assert numbers[place] == number
    assert len(numbers) == 13
    assert client.page("APVendors('1010')") == before
    expected = {**before, "VendorNumber": number, "VendorName": "Twin Ltd."}
    expected["DateLastMaintained"] = "2026-11-20T00:00:00Z"
    del expected["@odata.context"]
    assert copied == expected


@pytest.mark.parametrize(
    ("path", "body", "status", "sentence"),
    [
        (f"{VENDORS}/1010/copy", {"VendorNumber": "1020"}, 400, "SAMINC has a record of APVendors"),
        (f"{VENDORS}/1010/copy", {"City": "Leeds"}, 400, "needs a VendorNumber of its own"),
        (f"{VENDORS}/9/copy", {"VendorNumber": "9999"}, 404, "has no APVendors with the key 9"),
        (f"{PAYMENTS}/PY,1/copy", {"BatchNumber": 9}, 400, "needs a BatchSelector of its own"),
    ],
)
def test_a_copy_that_cannot_be_is_refused(client, path, body, status, sentence):
    before = client.records("APVendors"), client.records("APPaymentAndAdjustmentBatches")
    answered, answer = client.control("POST", path, body)
    assert answered == status
    assert sentence in answer["error"]
    after = client.records("APVendors"), client.records("APPaymentAndAdjustmentBatches")
    assert after == before


@pytest.mark.parametrize(
    ("resource", "key", "literal"),
    [
        ("APVendors", "1030", "'1030'"),
        ("GLAccounts", "6000", "'6000'"),
        ("APPaymentAndAdjustmentBatches", "PY,1", "BatchSelector='PY',BatchNumber=1"),
    ],
)
def test_a_deleted_record_leaves_no_trace(client, resource, key, literal):
    before = client.records(resource)
    record = client.page(f"{resource}({literal})")
    status, deleted = client.control("DELETE", f"sage300/SAMINC/{resource}/{key}")
    assert status == 200
    assert deleted == {name: record[name] for name in record if name != "@odata.context"}
    assert client.refusal(f"{resource}({literal})")[:2] == (404, "RecordNotFound")
    assert client.records(resource) == [other for other in before if other != deleted]
    assert client.control("DELETE", f"sage300/SAMINC/{resource}/{key}")[0] == 404


@pytest.mark.parametrize("status", ["Open", "ReadyToPost"])
def test_a_deleted_batch_stays_with_its_number_and_its_entries(client, status):
    before = batch_of(client, status)
    number = before["BatchNumber"]
    client.control("POST", "clock", {"now": "2026-11-23T10:00:00Z"})
    assert client.control("DELETE", f"{BATCHES}/{number}")[0] == 200
    after = client.page(f"APInvoiceBatches({number})")
    del after["@odata.context"]
    assert after == {
        **before,
        "BatchStatus": "Deleted",
        "DateLastEdited": "2026-11-23T00:00:00Z",
    }
    again, answer = client.control("DELETE", f"{BATCHES}/{number}")
    assert again == 409
    assert answer["error"] == (
        f"Batch {number} is Deleted; only an Open or ReadyToPost batch can be deleted."
    )


def test_an_entry_is_taken_out_of_an_open_batch(client):
    before = max(
        (b for b in client.records("APInvoiceBatches") if b["BatchStatus"] == "Open"),
        key=lambda b: b["NumberOfEntries"],
    )
    number, gone = before["BatchNumber"], before["Invoices"][0]
    client.control("POST", "clock", {"now": "2026-11-23T10:00:00Z"})
    path = f"{BATCHES}/{number}/entries/{gone['EntryNumber']}"
    assert client.control("DELETE", path)[0] == 200
    after = client.page(f"APInvoiceBatches({number})")
    del after["@odata.context"]
    assert after == {
        **before,
        "Invoices": before["Invoices"][1:],
        "NumberOfEntries": before["NumberOfEntries"] - 1,
        "BatchTotal": before["BatchTotal"] - gone["DocumentTotalIncludingTax"],
        "DateLastEdited": "2026-11-23T00:00:00Z",
    }
    assert client.control("DELETE", path)[0] == 404
    for status in ("Posted", "ReadyToPost"):
        closed = batch_of(client, status)["BatchNumber"]
        assert client.control("DELETE", f"{BATCHES}/{closed}/entries/1")[0] == 409


def test_amounts_keep_their_digits_when_an_entry_goes(client):
    number = batch_of(client, "Open")["BatchNumber"]
    before = client.get(f"APInvoiceBatches({number})").text
    client.control("DELETE", f"{BATCHES}/{number}/entries/1")
    after = client.get(f"APInvoiceBatches({number})").text
    assert client.get(f"APInvoiceBatches({number})").status_code == 200
    rest = after[after.index('"Invoices":[') + 12 : after.rindex("],")]
    assert rest in before


def test_clearing_history_removes_deleted_and_posted_batches(client):
    before = client.records("APInvoiceBatches")
    last = 3
    status, answer = client.control("POST", f"{BATCHES}/clear-history/{last}")
    kept = [
        batch
        for batch in before
        if batch["BatchStatus"] not in ("Posted", "Deleted")
        or (batch["BatchStatus"] == "Posted" and batch["PostingSequenceNumber"] > last)
    ]
    assert status == 200
    assert answer == {"cleared": len(before) - len(kept)}
    assert client.records("APInvoiceBatches") == kept
    assert 0 < len(kept) < len(before) - last
    assert client.refusal("APInvoiceBatches(1)")[1] == "RecordNotFound"


def test_the_whole_history_cleared_still_lets_a_batch_be_posted(client):
    number = batch_of(client, "Open")["BatchNumber"]
    client.control("POST", f"{BATCHES}/clear-history/{10**18 - 1}")
    assert client.control("POST", f"{BATCHES}/{number}/post")[0] == 200
    assert client.page(f"APInvoiceBatches({number})")["BatchStatus"] == "Posted"


def test_a_snapshot_brings_both_sides_back_while_they_serve(client):
    resources = ("APVendors", "APInvoiceBatches", "POPurchaseOrders")
    client.control("POST", "servicenow/proc_vendor", {"name": "Acme Paper"})
    before = [client.records(name) for name in resources]
    rows = client.control("GET", "servicenow/proc_vendor")[1]
    assert client.control("POST", "snapshots/monday") == (200, {"snapshots": ["monday"]})
    client.control("DELETE", f"{VENDORS}/1010")
    client.control("POST", f"{VENDORS}/1020/edit", {"CreditLimit": 12.5})
    client.control("POST", "servicenow/proc_vendor", {"name": "Brown Paper"})
    client.control("POST", "snapshots/tuesday")
    assert client.control("GET", "snapshots")[1] == {"snapshots": ["monday", "tuesday"]}
    assert client.control("POST", "snapshots/monday/restore")[0] == 200
    assert [client.records(name) for name in resources] == before
    assert client.control("GET", "servicenow/proc_vendor")[1] == rows
    client.control("POST", "snapshots/tuesday/restore")
    assert client.page("APVendors('1020')")["CreditLimit"] == Decimal("12.5")
    names = {row["name"] for row in client.control("GET", "servicenow/proc_vendor")[1]["rows"]}
    assert names == {"Acme Paper", "Brown Paper"}
    client.control("POST", f"{VENDORS}/1020/edit", {"City": "Leeds"})
    assert client.page("APVendors('1020')")["City"] == "Leeds"


def test_a_snapshot_that_is_not_there_changes_nothing(client):
    before = client.records("APVendors")
    status, answer = client.control("POST", "snapshots/sunday/restore")
    assert (status, answer["error"]) == (404, "There is no snapshot sunday.")
    assert client.control("POST", "snapshots/a.b")[0] == 400
    assert client.records("APVendors") == before


def test_the_instance_behaves_as_it_is_told(client):
    stock = client.control("GET", "servicenow/behaviours")[1]
    status, changed = client.control("PATCH", "servicenow/behaviours", {"maintenance": True})
    assert (status, changed) == (200, {**stock, "maintenance": True})
    url = client.sandbox.servicenow_url + "/api/now/table/proc_vendor"
    assert client.session.get(url).status_code == 503
    status, answer = client.control("PATCH", "servicenow/behaviours", {"nonsense": 1})
    assert status == 400
    assert answer["error"].startswith("nonsense does not exist;")
    client.control("POST", "reset")
    assert client.control("GET", "servicenow/behaviours")[1] == stock
