"""What users do to Sage 300's records, seen through the Web API."""

from __future__ import annotations

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
    client.control.set_clock("2026-12-24T10:00:00Z")
    client.edit("APVendors", "1020")
    after = client.page("APVendors('1020')")
    assert after == {**before, "DateLastMaintained": "2026-12-24T00:00:00Z"}


def test_a_record_of_a_composite_key_is_edited(client):
    before = client.page("APPaymentAndAdjustmentBatches(BatchSelector='PY',BatchNumber=1)")
    client.edit("APPaymentAndAdjustmentBatches", "PY,1", Description="Late payments")
    after = client.page("APPaymentAndAdjustmentBatches(BatchSelector='PY',BatchNumber=1)")
    assert after == {
        **before,
        "Description": "Late payments",
        "DateLastEdited": "2026-11-20T00:00:00Z",
    }
    assert client.refused("POST", f"{PAYMENTS}/PY/edit", {})[0] == 400
    assert client.refused("POST", f"{PAYMENTS}/PY,x/edit", {})[0] == 404


@pytest.mark.parametrize(("number", "place"), [("0999", 0), ("1015", 2), ("ZZ9999", -1)])
def test_a_copy_takes_its_place_in_key_order(client, number, place):
    before = client.page("APVendors('1010')")
    copied = client.control.copy(
        "SAMINC", "APVendors", "1010", VendorNumber=number, VendorName="Twin Ltd."
    )
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
        (
            f"{VENDORS}/1010/copy",
            {"VendorNumber": "1020"},
            400,
            "SAMINC already has a record of APVendors",
        ),
        (f"{VENDORS}/1010/copy", {"City": "Leeds"}, 400, "needs a VendorNumber of its own"),
        (f"{VENDORS}/9/copy", {"VendorNumber": "9999"}, 404, "has no APVendors with the key 9"),
        (f"{PAYMENTS}/PY,1/copy", {"BatchNumber": 9}, 400, "needs a BatchSelector of its own"),
    ],
)
def test_an_impossible_copy_is_refused(client, path, body, status, sentence):
    before = client.records("APVendors"), client.records("APPaymentAndAdjustmentBatches")
    answered, refusal = client.refused("POST", path, body)
    assert answered == status
    assert sentence in refusal
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
    deleted = client.control.delete("SAMINC", resource, key)
    assert deleted == {name: record[name] for name in record if name != "@odata.context"}
    assert client.refusal(f"{resource}({literal})")[:2] == (404, "RecordNotFound")
    assert client.records(resource) == [other for other in before if other != deleted]
    assert client.refused("DELETE", f"sage300/SAMINC/{resource}/{key}")[0] == 404


@pytest.mark.parametrize("status", ["Open", "ReadyToPost"])
def test_a_deleted_batch_stays_with_its_number_and_its_entries(client, status):
    before = batch_of(client, status)
    number = before["BatchNumber"]
    client.control.set_clock("2026-11-23T10:00:00Z")
    client.control.delete("SAMINC", "APInvoiceBatches", number)
    after = client.page(f"APInvoiceBatches({number})")
    del after["@odata.context"]
    assert after == {
        **before,
        "BatchStatus": "Deleted",
        "DateLastEdited": "2026-11-23T00:00:00Z",
    }
    assert client.refused("DELETE", f"{BATCHES}/{number}") == (
        409,
        f"Batch {number} is Deleted; only an Open or ReadyToPost batch can be deleted",
    )


def test_an_entry_is_deleted_from_an_open_batch(client):
    before = max(
        (b for b in client.records("APInvoiceBatches") if b["BatchStatus"] == "Open"),
        key=lambda b: b["NumberOfEntries"],
    )
    number, gone = before["BatchNumber"], before["Invoices"][0]
    client.control.set_clock("2026-11-23T10:00:00Z")
    client.control.remove_entry("SAMINC", number, gone["EntryNumber"])
    after = client.page(f"APInvoiceBatches({number})")
    del after["@odata.context"]
    assert after == {
        **before,
        "Invoices": before["Invoices"][1:],
        "NumberOfEntries": before["NumberOfEntries"] - 1,
        "BatchTotal": before["BatchTotal"] - gone["DocumentTotalIncludingTax"],
        "DateLastEdited": "2026-11-23T00:00:00Z",
    }
    again = f"{BATCHES}/{number}/entries/{gone['EntryNumber']}"
    assert client.refused("DELETE", again)[0] == 404
    for status in ("Posted", "ReadyToPost"):
        closed = batch_of(client, status)["BatchNumber"]
        assert client.refused("DELETE", f"{BATCHES}/{closed}/entries/1")[0] == 409


def test_amounts_keep_their_digits_when_an_entry_is_deleted(client):
    number = batch_of(client, "Open")["BatchNumber"]
    before = client.get(f"APInvoiceBatches({number})").text
    client.control.remove_entry("SAMINC", number, 1)
    after = client.get(f"APInvoiceBatches({number})").text
    assert client.get(f"APInvoiceBatches({number})").status_code == 200
    rest = after[after.index('"Invoices":[') + 12 : after.rindex("],")]
    assert rest in before


def test_clearing_history_removes_deleted_and_posted_batches(client):
    before = client.records("APInvoiceBatches")
    last = 3
    cleared = client.control.clear_history("SAMINC", last)
    kept = [
        batch
        for batch in before
        if batch["BatchStatus"] not in ("Posted", "Deleted")
        or (batch["BatchStatus"] == "Posted" and batch["PostingSequenceNumber"] > last)
    ]
    assert cleared == len(before) - len(kept)
    assert client.records("APInvoiceBatches") == kept
    assert 0 < len(kept) < len(before) - last
    assert client.refusal("APInvoiceBatches(1)")[1] == "RecordNotFound"


def test_the_whole_history_cleared_still_lets_a_batch_be_posted(client):
    number = batch_of(client, "Open")["BatchNumber"]
    client.control.clear_history("SAMINC", 10**18 - 1)
    client.control.post_batch("SAMINC", number)
    assert client.page(f"APInvoiceBatches({number})")["BatchStatus"] == "Posted"


def test_the_instance_changes_its_behaviour(client):
    stock = client.control.servicenow_behaviours()
    changed = client.control.servicenow_behaviours(maintenance=True)
    assert changed == {**stock, "maintenance": True}
    url = client.sandbox.servicenow_url + "/api/now/table/proc_vendor"
    assert client.session.get(url).status_code == 503
    status, refusal = client.refused("PATCH", "servicenow/behaviours", {"nonsense": 1})
    assert status == 400
    assert "nonsense" in refusal
    client.control.reset()
    assert client.control.servicenow_behaviours() == stock
