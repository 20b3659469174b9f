"""Both sides read and compared, mapped here by hand and not by the mapping."""

from __future__ import annotations

import typing as t
from decimal import Decimal

import pytest

from sage300_servicenow_sandbox import Sandbox, SandboxOptions

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Pair

ENOUGH = 20

ACCOUNT_TYPES = {
    "IncomeStatement": "income_statement",
    "BalanceSheet": "balance_sheet",
    "RetainedEarnings": "retained_earnings",
}
INVOICE_TYPES = {
    "Invoice": "invoice",
    "DebitNote": "debit_note",
    "CreditNote": "credit_note",
    "Interest": "interest",
}
STATES = {
    "Open": "open",
    "ReadyToPost": "ready_to_post",
    "PostInProgress": "post_in_progress",
    "Posted": "posted",
}


@pytest.fixture
def loaded(tmp_path: Path, pair_class: type[Pair]) -> Iterator[Pair]:
    """A company large enough to hold every oddity, loaded once."""
    options = SandboxOptions(
        sage_port=0, servicenow_port=0, companies=("SAMINC",), vendors=200, accounts=120, batches=40
    )
    with Sandbox(options) as running:
        pair = pair_class(running, tmp_path)
        assert pair.run().target == 0
        yield pair


def test_every_mapped_column_of_every_row_is_what_sage_holds(loaded: Pair) -> None:
    accounts = loaded.servicenow("itfm_gl_accounts")
    vendors = loaded.servicenow("proc_vendor")
    invoices = loaded.servicenow("sn_apo_invoice")

    wanted = {
        f"sage300:SAMINC:GLAccount:{a['UnformattedAccount']}": account(a)
        for a in loaded.sage("GLAccounts")
    }
    assert len(wanted) >= ENOUGH
    assert shown(accounts, wanted) == wanted

    wanted = {
        f"sage300:SAMINC:Vendor:{v['VendorNumber']}": vendor(v, accounts)
        for v in loaded.sage("APVendors")
    }
    assert len(wanted) >= ENOUGH
    assert shown(vendors, wanted) == wanted

    wanted = {
        f"sage300:SAMINC:Invoice:{b['BatchNumber']}:{i['EntryNumber']}": invoice(b, i, vendors)
        for b in loaded.sage("APInvoiceBatches")
        if b["BatchStatus"] != "Deleted"
        for i in b["Invoices"]
    }
    assert len(wanted) >= ENOUGH
    assert shown(invoices, wanted) == wanted
    assert {row["invoice_type"] for row in wanted.values()} >= {"invoice", "credit_note"}
    assert len({row["state"] for row in wanted.values()}) == len(STATES)


def shown(
    rows: dict[str, dict[str, str]], wanted: dict[str, dict[str, str]]
) -> dict[str, dict[str, str]]:
    """ServiceNow's rows cut down to the columns that are compared."""
    columns = next(iter(wanted.values())).keys()
    return {name: {column: row[column] for column in columns} for name, row in rows.items()}


def account(a: dict[str, t.Any]) -> dict[str, str]:
    return {
        "name": a["Description"] or a["AccountNumber"],
        "account_number": a["AccountNumber"],
        "unformatted_account": a["UnformattedAccount"],
        "account_type": ACCOUNT_TYPES[a["AccountType"]],
        "normal_balance": a["NormalBalanceDRCR"].lower(),
        "account_group": a["AccountGroupCode"],
        "structure_code": a["StructureCode"],
        "active": flag(a["Status"] == "Active"),
        "multicurrency": flag(a["Multicurrency"] == "Yes"),
        "currency": a["DefaultCurrencyCode"],
        "created_in_source": day(a["DateCreated"]),
        "company_code": "SAMINC",
    }


def vendor(v: dict[str, t.Any], accounts: dict[str, dict[str, str]]) -> dict[str, str]:
    lines = [v[f"AddressLine{n}"] for n in (1, 2, 3, 4)]
    gl_account = v["GLAccount"]
    return {
        "name": v["VendorName"],
        "vendor_number": v["VendorNumber"],
        "short_name": v["ShortName"],
        "legal_name": v["LegalName"],
        "vendor_group": v["GroupCode"],
        "active": flag(v["Status"] == "Active"),
        "on_hold": flag(v["OnHold"] == "OnHold"),
        "street": "\n".join(line for line in lines if line),
        "city": v["City"],
        "state": v["StateProvince"],
        "zip": v["ZipPostalCode"],
        "country": v["Country"],
        "contact_name": v["ContactName"],
        "phone": v["PhoneNumber"],
        "fax": v["FaxNumber"],
        "email": v["Email"],
        "contact_email": v["ContactsEmail"],
        "website": v["WebSite"],
        "currency": v["CurrencyCode"],
        "payment_terms": v["Terms"],
        "gl_account": (
            accounts[f"sage300:SAMINC:GLAccount:{gl_account}"]["sys_id"] if gl_account else ""
        ),
        "start_date": day(v["StartDate"]),
        "last_maintained": day(v["DateLastMaintained"]),
        "company_code": "SAMINC",
    }


def invoice(
    b: dict[str, t.Any], i: dict[str, t.Any], vendors: dict[str, dict[str, str]]
) -> dict[str, str]:
    return {
        "invoice_number": i["DocumentNumber"],
        "vendor": vendors[f"sage300:SAMINC:Vendor:{i['VendorNumber']}"]["sys_id"],
        "invoice_type": INVOICE_TYPES[i["DocumentType"]],
        "state": STATES[b["BatchStatus"]],
        "short_description": i["InvoiceDescription"] or b["Description"],
        "invoice_date": day(i["DocumentDate"]),
        "due_date": day(i["DueDate"]),
        "posting_date": day(i["PostingDate"]),
        "po_number": i["PONumber"],
        "order_number": i["OrderNumber"],
        "currency": i["CurrencyCode"],
        "exchange_rate": amount(i["ExchangeRate"]),
        "subtotal": amount(i["DistributedTotalBeforeTaxes"]),
        "tax_amount": amount(i["TaxTotal"]),
        "total_amount": amount(i["DocumentTotalIncludingTax"]),
        "functional_amount": amount(i["FunctionalDistributionWithTaxTotal"]),
        "fiscal_year": i["FiscalYear"],
        "fiscal_period": i["FiscalPeriod"],
        "payment_terms": i["Terms"],
        "batch_number": str(b["BatchNumber"]),
        "entry_number": str(i["EntryNumber"]),
        "on_hold": flag(i["OnHold"] == "Yes"),
        "company_code": "SAMINC",
    }


def flag(value: bool) -> str:  # noqa: FBT001
    return "true" if value else "false"


def day(text: str | None) -> str:
    return text[:10] if text else ""


def amount(value: t.Any) -> str:
    """As the sandbox's ServiceNow shows a decimal: without trailing zeros."""
    text = f"{Decimal(str(value)):f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"
