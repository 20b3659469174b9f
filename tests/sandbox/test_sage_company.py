"""The generated company: the same every time, and as coherent as books have to be."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

import pytest

CENT = Decimal("0.01")


@pytest.fixture(scope="module")
def vendors(reader):
    return {vendor["VendorNumber"]: vendor for vendor in reader.records("APVendors")}


@pytest.fixture(scope="module")
def batches(reader):
    return reader.records("APInvoiceBatches")


@pytest.fixture(scope="module")
def invoices(batches):
    return [invoice for batch in batches for invoice in batch["Invoices"]]


@pytest.fixture(scope="module")
def accounts(reader):
    return {account["UnformattedAccount"]: account for account in reader.records("GLAccounts")}


def _records_of(client, company):
    return [
        client.control.call("GET", f"sage300/{company}/{resource}")
        for resource in ("APVendors", "APInvoiceBatches", "GLAccounts")
    ]


def test_the_same_seed_on_the_same_day_makes_the_same_company(reader, start, client_of):
    with start() as sandbox:
        client = client_of(sandbox)
        assert _records_of(client, "SAMINC") == _records_of(reader, "SAMINC")
        client.session.close()


def test_another_seed_and_another_company_differ(reader, start, client_of):
    with start(companies=("SAMINC", "SAMLTD"), random_seed=301) as sandbox:
        client = client_of(sandbox)
        reseeded, other = _records_of(client, "SAMINC"), _records_of(client, "SAMLTD")
        client.session.close()
    before = _records_of(reader, "SAMINC")
    for first, second, third in zip(before, reseeded, other, strict=True):
        assert first != second != third != first


def test_companies_share_vendor_numbers_and_nothing_else(start, client_of):
    with start(companies=("SAMINC", "SAMLTD")) as sandbox:
        client = client_of(sandbox)
        first, second = client.records("APVendors"), client.records("APVendors", "SAMLTD")
        client.session.close()
    names = {vendor["VendorNumber"]: vendor["VendorName"] for vendor in first}
    shared = [vendor for vendor in second if vendor["VendorNumber"] in names]
    assert len(shared) > 100
    assert sum(names[v["VendorNumber"]] != v["VendorName"] for v in shared) > len(shared) * 0.9
    assert {vendor["Database"] for vendor in second} == {"SAMLTD"}


def test_vendor_names_are_different_and_some_are_hard_on_escaping(start, client_of):
    with start(vendors=700, accounts=44, batches=0) as sandbox:
        client = client_of(sandbox)
        names = [vendor["VendorName"] for vendor in client.records("APVendors")]
        client.session.close()
    assert len({name.casefold() for name in names}) == 700
    for character in "'&,^\"\\%=éŁä":
        assert any(character in name for name in names), character


def test_vendors_refer_to_accounts_that_exist(vendors, accounts):
    numbers = [vendor["GLAccount"] for vendor in vendors.values()]
    assert 10 < numbers.count("") < 80
    for number in set(numbers) - {""}:
        assert accounts[number]["Status"] == "Active"


def test_vendors_are_of_every_kind(vendors):
    rows = list(vendors.values())
    currencies = [vendor["CurrencyCode"] for vendor in rows]
    assert currencies.count("USD") > 150
    assert set(currencies) == {"USD", "CAD", "EUR", "GBP"}
    assert {vendor["Status"] for vendor in rows} == {"Active", "Inactive"}
    assert {vendor["OnHold"] for vendor in rows} == {"OnHold", "NotOnHold"}
    assert 5 < sum(vendor["DateLastMaintained"] is None for vendor in rows) < 30
    dates = [vendor["DateLastMaintained"] for vendor in rows if vendor["DateLastMaintained"]]
    assert "2026-11-17T00:00:00Z" <= max(dates) <= "2026-11-20T00:00:00Z"
    for vendor in rows:
        assert re.fullmatch(r"\S+@\S+\.example\.(com|org|net)", vendor["Email"])


def test_accounts_are_put_together_from_their_segments(accounts):
    lengths = set()
    for number, account in accounts.items():
        segments = [account[f"AccountSegmentCode{place}"] for place in range(1, 11)]
        given = [segment for segment in segments if segment]
        lengths.add((len(given), account["StructureCode"]))
        assert number == "".join(given)
        assert account["AccountNumber"] == "-".join(given)
        assert segments[len(given) :] == [""] * (10 - len(given))
    assert lengths == {(1, "ACCT"), (2, "ACDV"), (3, "ACDVRG")}
    assert {account["Status"] for account in accounts.values()} == {"Active", "Inactive"}
    assert {account["AccountType"] for account in accounts.values()} == {
        "IncomeStatement",
        "BalanceSheet",
        "RetainedEarnings",
    }


def test_batches_are_of_every_status_mostly_posted(batches):
    statuses = [batch["BatchStatus"] for batch in batches]
    assert set(statuses) == {"Open", "ReadyToPost", "PostInProgress", "Posted", "Deleted"}
    assert statuses.count("Posted") > len(statuses) * 0.7
    sequences = [b["PostingSequenceNumber"] for b in batches if b["BatchStatus"] == "Posted"]
    assert sequences == list(range(1, len(sequences) + 1))
    for batch in batches:
        assert batch["BatchDate"] <= batch["DateLastEdited"] <= "2026-11-20T00:00:00Z"
        if batch["BatchStatus"] in ("Open", "ReadyToPost", "PostInProgress"):
            assert batch["PostingSequenceNumber"] == 0
            assert batch["BatchDate"] >= "2026-11-10T00:00:00Z"


def test_totals_add_up_from_the_lines_to_the_batch(batches):
    for batch in batches:
        assert len(batch["Invoices"]) == batch["NumberOfEntries"] == batch["LastEntryNumber"]
        assert 1 <= batch["NumberOfEntries"] <= 6
        assert batch["BatchTotal"] == sum(i["DocumentTotalIncludingTax"] for i in batch["Invoices"])
        for invoice in batch["Invoices"]:
            lines, schedule = invoice["InvoiceDetails"], invoice["InvoicePaymentSchedules"]
            net = sum(line["DistributedAmount"] for line in lines)
            tax = sum(invoice[f"TaxAmount{place}"] for place in range(1, 6))
            assert invoice["DistributedTotalBeforeTaxes"] == net
            assert invoice["TaxTotal"] == tax == sum(line["TaxTotal"] for line in lines)
            assert invoice["DocumentTotalIncludingTax"] == net + tax == invoice["AmountDue"]
            assert sum(payment["AmountDue"] for payment in schedule) == invoice["AmountDue"]
            assert schedule[0]["DueDate"] == invoice["DueDate"] > invoice["DocumentDate"]
            assert [line["LineNumber"] for line in lines] == [
                20 * place for place in range(1, len(lines) + 1)
            ]


def test_a_batch_may_be_made_as_large_as_a_test_needs(start, client_of):
    with start(
        vendors=20, accounts=44, batches=2, invoices_per_batch=120, lines_per_invoice=2
    ) as sandbox:
        client = client_of(sandbox)
        batches = client.records("APInvoiceBatches")
        served = client.page("APInvoiceBatches")["value"]
        client.session.close()
    assert served == batches
    assert [batch["NumberOfEntries"] for batch in batches] == [120, 120]
    invoices = [invoice for batch in batches for invoice in batch["Invoices"]]
    assert {len(invoice["InvoiceDetails"]) for invoice in invoices} == {2}
    assert len({invoice["DocumentNumber"] for invoice in invoices}) == 240


def test_taxes_are_rates_of_the_lines(invoices):
    taxed = 0
    for line in (line for invoice in invoices for line in invoice["InvoiceDetails"]):
        for place in range(1, 6):
            exact = line[f"BaseTax{place}"] * line[f"TaxRate{place}"] / 100
            assert line[f"TaxAmount{place}"] == exact.quantize(CENT, ROUND_HALF_UP)
            taxed += bool(line[f"TaxAmount{place}"])
    assert taxed > 100


def test_functional_amounts_are_converted_half_up(invoices):
    foreign = [invoice for invoice in invoices if invoice["CurrencyCode"] != "USD"]
    assert len({invoice["CurrencyCode"] for invoice in foreign}) >= 2
    for invoice in foreign:
        exact = invoice["AmountDue"] * invoice["ExchangeRate"]
        assert invoice["ExchangeRate"] != 1
        assert invoice["FunctionalAmountDue"] == exact.quantize(CENT, ROUND_HALF_UP)


def test_invoices_carry_what_their_vendor_has(invoices, vendors, accounts):
    types = set()
    for invoice in invoices:
        vendor = vendors[invoice["VendorNumber"]]
        for name in ("VendorName", "AddressLine1", "City", "CurrencyCode", "Terms", "TaxGroup"):
            assert invoice[name] == vendor[name]
        assert invoice["VendorGroupCode"] == vendor["GroupCode"]
        types.add(invoice["DocumentType"])
        for line in invoice["InvoiceDetails"]:
            assert line["AccountDescription"] == accounts[line["GLAccount"]]["Description"]
    assert types == {"Invoice", "CreditNote", "DebitNote"}
    assert len({invoice["DocumentNumber"] for invoice in invoices}) == len(invoices)


def test_posted_documents_appear_on_the_vendors_cards(batches, vendors):
    balances = dict.fromkeys(vendors, Decimal(0))
    for batch in batches:
        if batch["BatchStatus"] != "Posted":
            continue
        for invoice in batch["Invoices"]:
            if invoice["DueDate"] > "2026-11-20T00:00:00Z":
                sign = -1 if invoice["DocumentType"] == "CreditNote" else 1
                balances[invoice["VendorNumber"]] += sign * invoice["AmountDue"]
    assert any(balances.values())
    for number, balance in balances.items():
        assert vendors[number]["BalanceDueInVendorCurrency"] == balance


def test_amounts_are_written_with_all_their_digits(reader):
    text = reader.get("APInvoiceBatches").text
    for name, digits in (("AmountDue", 3), ("ExchangeRate", 7), ("TaxRate1", 5), ("Quantity", 4)):
        written = re.findall(rf'"{name}":([^,]+),', text)
        assert written
        assert all(re.fullmatch(rf"\d+\.\d{{{digits}}}", number) for number in written), name
    assert re.search(r'"BatchNumber":\d+,', text)


def test_optional_fields_are_counted_and_written_as_sage_writes_them(invoices):
    fields = [field for invoice in invoices for field in invoice["InvoiceOptionalFields"]]
    for invoice in invoices:
        assert invoice["NumberOfOptionalFields"] == len(invoice["InvoiceOptionalFields"])
    dates = {f["Value"]: f["DateValue"] for f in fields if f["OptionalField"] == "DATERCVD"}
    assert dates.pop("00000000") is None
    for value, date in dates.items():
        assert date == f"{value[:4]}-{value[4:6]}-{value[6:]}T00:00:00Z"
    assert {field["TimeValue"] for field in fields} == {"1899-12-30T00:00:00Z"}
    assert dates
    warranties = [
        field
        for invoice in invoices
        for line in invoice["InvoiceDetails"]
        for field in line["InvoiceDetailOptionalFields"]
    ]
    assert {field["Value"] for field in warranties} == {" " * 59 + "0", " " * 59 + "1"}
