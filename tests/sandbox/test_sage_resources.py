"""The master data and documents around vendors and invoices: they exist and they agree."""

from __future__ import annotations

from decimal import Decimal

import pytest

TODAY = "2026-11-20T00:00:00Z"


@pytest.fixture(scope="module")
def invoices(reader):
    return [
        {**invoice, "BatchStatus": batch["BatchStatus"]}
        for batch in reader.records("APInvoiceBatches")
        for invoice in batch["Invoices"]
    ]


def by(records, name):
    return {record[name]: record for record in records}


def test_codes_that_vendors_and_accounts_use_exist(reader):
    vendors, accounts = reader.records("APVendors"), reader.records("GLAccounts")
    groups = by(reader.records("APVendorGroups"), "GroupCode")
    terms = by(reader.records("APTerms"), "TermsCode")
    currencies = by(reader.records("CSCurrencyCodes"), "CurrencyCodeKey")
    assert len(groups) == 5
    for vendor in vendors:
        assert groups[vendor["GroupCode"]]["AccountSet"] == vendor["AccountSet"]
        assert vendor["Terms"] in terms
        assert currencies[vendor["CurrencyCode"]]["DecimalPlaces"] == "Num2"
    for group in groups.values():
        assert group["Terms"] in terms
        assert group["CurrencyCode"] in currencies
    account_groups = by(reader.records("GLAccountGroups"), "AccountGroupCode")
    for account in accounts:
        group = account_groups[account["AccountGroupCode"]]
        assert group["AccountGroupSortCode"] == account["AccountGroupSortCode"]


def test_segment_codes_are_those_of_the_accounts(reader):
    segments = reader.records("GLSegmentCodes")
    used = {
        (f"{place:06}", account[f"AccountSegmentCode{place}"])
        for account in reader.records("GLAccounts")
        for place in range(1, 11)
        if account[f"AccountSegmentCode{place}"]
    }
    assert {(s["SegmentNumber"], s["SegmentCode"]) for s in segments} == used
    assert len(segments) == len(used) > 44
    accounts = by(reader.records("GLAccounts"), "UnformattedAccount")
    for segment in segments:
        assert segment["SegmentCodeDescription"]
        assert accounts[segment["ClosingAccount"]]["AccountType"] == "RetainedEarnings"


def test_terms_add_up_and_are_those_of_the_invoices(reader, invoices):
    terms = by(reader.records("APTerms"), "TermsCode")
    for term in terms.values():
        parts = term["TermsPaymentSchedule"]
        assert sum(part["PercentageDue"] for part in parts) == 100
        assert len(parts) == term["NumberOfPayments"]
        assert term["UsePaymentSchedule"] == ("Yes" if len(parts) > 1 else "No")
    for invoice in invoices:
        term = terms[invoice["Terms"]]
        assert invoice["NumberOfScheduledPayments"] == term["NumberOfPayments"]
        assert invoice["TermsDescription"] == term["Description"]


def test_every_posted_document_that_is_due_is_settled_once(reader, invoices):
    batches = reader.records("APPaymentAndAdjustmentBatches")
    due = {i["DocumentNumber"]: i for i in invoices if i["BatchStatus"] == "Posted"}
    due = {number: i for number, i in due.items() if i["DueDate"] <= TODAY}
    applied = [
        (batch["BatchSelector"], line)
        for batch in batches
        if batch["BatchStatus"] == "Posted"
        for entry in batch["PaymentsAdjustments"]
        for line in entry["AppliedPayments"]
    ]
    assert sorted(line["DocumentNumber"] for _, line in applied) == sorted(due)
    assert len(due) > 20
    for selector, line in applied:
        invoice = due[line["DocumentNumber"]]
        assert selector == ("AD" if invoice["DocumentType"] == "CreditNote" else "PY")
        assert line["VendorNumber"] == invoice["VendorNumber"]
        assert line["PaymentAmount"] == invoice["AmountDue"]


def test_payment_batches_add_up_and_agree_with_the_vendors_cards(reader):
    batches = reader.records("APPaymentAndAdjustmentBatches")
    keys = [(batch["BatchSelector"], batch["BatchNumber"]) for batch in batches]
    assert keys == sorted(keys)
    assert {selector for selector, _ in keys} == {"PY", "AD"}
    paid: dict[str, int] = {}
    for batch in batches:
        entries = batch["PaymentsAdjustments"]
        assert len(entries) == batch["NumberOfEntries"] == batch["LastEntryNumber"]
        if batch["BatchSelector"] == "PY":
            total = sum(entry["CheckAmountInBankCurrency"] for entry in entries)
            assert batch["BatchTotal"] == total > 0
        for entry in entries:
            keys_of_entry = (entry["BatchType"], entry["BatchNumber"])
            assert keys_of_entry == (batch["BatchSelector"], batch["BatchNumber"])
            if batch["BatchStatus"] == "Posted" and batch["BatchSelector"] == "PY":
                paid[entry["VendorNumber"]] = paid.get(entry["VendorNumber"], 0) + 1
    assert [b["BatchStatus"] for b in batches].count("Open") == 1
    for vendor in reader.records("APVendors"):
        assert vendor["TotalNumberOfPayments"] == paid.get(vendor["VendorNumber"], 0)


def test_orders_are_those_that_the_invoices_name(reader, invoices):
    orders = by(reader.records("POPurchaseOrders"), "PurchaseOrderNumber")
    items = by(reader.records("ICItems"), "UnformattedItemNumber")
    ordered = {invoice["PONumber"]: invoice for invoice in invoices if invoice["PONumber"]}
    assert set(orders) == set(ordered)
    assert len(orders) > 20
    with_items = 0
    for number, order in orders.items():
        invoice, lines = ordered[number], order["PurchaseOrderLines"]
        assert order["Vendor"] == invoice["VendorNumber"]
        assert order["Total"] == invoice["DocumentTotalIncludingTax"]
        assert order["Total"] == order["ExtendedCost"] + order["TotalTax"]
        assert order["Completed"] is (invoice["BatchStatus"] == "Posted")
        assert len(lines) == order["Lines"]
        assert sum((line["ExtendedCost"] for line in lines), Decimal(0)) == order["ExtendedCost"]
        for line in lines:
            assert line["PurchaseOrderSequenceKey"] == order["PurchaseOrderSequenceKey"]
            if line["ItemNumber"]:
                with_items += 1
                assert items[line["ItemNumber"]]["Description"] == line["ItemDescription"]
    assert with_items > 10


def test_items_are_kept_by_their_number_without_separators(reader):
    items = reader.records("ICItems")
    assert len(items) == 10
    for item in items:
        unformatted = item["ItemNumber"].replace("-", "").replace("/", "")
        assert item["UnformattedItemNumber"] == unformatted
        [unit] = item["ItemUnitsOfMeasure"]
        assert unit["UnitOfMeasure"] == item["StockingUnitOfMeasure"]


@pytest.mark.parametrize(
    "key",
    [
        "(BatchSelector='PY',BatchNumber=2)",
        "(BatchNumber=2,BatchSelector='PY')",
        "(BatchSelector=%27PY%27%2CBatchNumber=2)",
    ],
)
def test_a_composite_key_names_one_record(reader, key):
    record = reader.page(f"APPaymentAndAdjustmentBatches{key}")
    assert (record["BatchSelector"], record["BatchNumber"]) == ("PY", 2)
    assert record["@odata.context"].endswith("#APPaymentAndAdjustmentBatches/$entity")


@pytest.mark.parametrize(
    "key",
    [
        "('PY',2)",
        "(BatchSelector='PY')",
        "(BatchSelector='PY',BatchNumber='2')",
        "(BatchSelector=PY,BatchNumber=2)",
        "(BatchSelector='PY',BatchNumber=2,)",
        "(BatchSelector='PY',BatchNumber=2,BatchNumber=3)",
        "(BatchSelector='PY',Number=2)",
        "()",
    ],
)
def test_an_invalid_key_is_refused(reader, key):
    status, code, _ = reader.refusal(f"APPaymentAndAdjustmentBatches{key}")
    assert (status, code) == (400, "InvalidEntityKey")


def test_composite_keys_are_paged_in_the_order_of_both_parts(reader):
    whole = [
        (record["SegmentNumber"], record["SegmentCode"])
        for record in reader.records("GLSegmentCodes")
    ]
    read = []
    while len(read) < len(whole):
        page = reader.page("GLSegmentCodes", top=7, skip=len(read))
        read += [(record["SegmentNumber"], record["SegmentCode"]) for record in page["value"]]
    assert read == whole == sorted(whole)
    last = whole[9]
    text = (
        f"SegmentNumber gt '{last[0]}' or (SegmentNumber eq '{last[0]}' "
        f"and SegmentCode gt '{last[1]}')"
    )
    after = reader.page("GLSegmentCodes", filter=text, top=5)["value"]
    assert [(record["SegmentNumber"], record["SegmentCode"]) for record in after] == whole[10:15]


def test_thirty_companies_share_one_site(start, client_of):
    companies = tuple(f"CO{number:03}" for number in range(30))
    with start(companies=companies, vendors=3, accounts=44, batches=4) as sandbox:
        client = client_of(sandbox)
        first = {
            company: client.session.get(client.url("APVendors('1000')", company)).json()
            for company in companies
        }
        client.session.close()
    assert {record["Database"] for record in first.values()} == set(companies)
    assert len({record["VendorName"] for record in first.values()}) > 20
