"""AP invoices, credit notes and debit notes: headers, totals and payment schedules."""

from __future__ import annotations

import datetime as dt
import typing as t
from decimal import Decimal

from sage300_servicenow_sandbox.sage.company.lines import make_line, properties_of
from sage300_servicenow_sandbox.sage.company.optional_fields import invoice_optional_fields
from sage300_servicenow_sandbox.sage.company.plan import cents, tables
from sage300_servicenow_sandbox.sage.company.vendors import vendor

if t.TYPE_CHECKING:
    from sage300_servicenow_sandbox.sage.company.lines import Line
    from sage300_servicenow_sandbox.sage.company.plan import CompanyPlan

_NUMBERS = {"Invoice": "INV{}", "CreditNote": "CN-{}", "DebitNote": "DN-{}"}
_COPIED = (
    "VendorNumber",
    "VendorName",
    "AccountSet",
    "CurrencyCode",
    "RateType",
    "Terms",
    "TaxGroup",
    "AddressLine1",
    "AddressLine2",
    "City",
    "StateProvince",
    "ZipPostalCode",
    "Country",
    "ContactName",
    "PhoneNumber",
    "FaxNumber",
    "Num1099CPRSCode",
    "Email",
    "ContactsPhone",
    "ContactsEmail",
)


def invoice(
    plan: CompanyPlan, batch_number: int, entry_number: int, batch_date: dt.date
) -> dict[str, t.Any]:
    """Return the non-empty properties of one invoice, credit note or debit note."""
    rng = plan.random("invoice", batch_number, entry_number)
    supplier = vendor(plan, rng.randrange(plan.vendors))
    document_date = batch_date - dt.timedelta(days=rng.randint(0, 5))
    document_type = rng.choices(("Invoice", "CreditNote", "DebitNote"), (88, 8, 4))[0]
    number = f"{batch_number * _document_numbers(plan) + entry_number:06}"
    rate = Decimal(tables()["countries"][supplier["Country"]][2])
    taxable = rng.random() < 0.8  # noqa: PLR2004
    usual_lines = rng.choice((1, 1, 2, 2, 3, 4))
    lines = [
        make_line(plan, rng, supplier, place, taxable=taxable)
        for place in range(1, (plan.lines_per_invoice or usual_lines) + 1)
    ]
    options = invoice_optional_fields(rng, document_date)
    keys = {"BatchNumber": batch_number, "EntryNumber": entry_number}
    group = next(row for row in tables()["vendor_groups"] if row[0] == supplier["GroupCode"])
    return {
        **keys,
        **{name: supplier[name] for name in _COPIED},
        "VendorName2": supplier["VendorName"],
        "VendorGroupCode": group[0],
        "AcctSetDescription": group[3],
        "VendorDistCode": supplier["DistributionCode"],
        "VendorAccount": supplier["GLAccount"],
        "DocumentNumber": _NUMBERS[document_type].format(number),
        "DocumentType": document_type,
        "TransactionType": f"{document_type}SummaryEntered",
        "PONumber": f"PO{number}" if rng.random() < 0.4 else "",  # noqa: PLR2004
        "InvoiceDescription": lines[0].text if rng.random() < 0.7 else "",  # noqa: PLR2004
        "DocumentDate": document_date,
        "AsOfDate": document_date,
        "PostingDate": batch_date,
        "RateDate": document_date,
        "FiscalYear": f"{batch_date.year:04}",
        "FiscalPeriod": f"{batch_date.month:02}",
        "ExchangeRate": rate,
        "Taxable": "Yes" if taxable else "No",
        "NumberOfDetails": len(lines),
        "NumberOfDetailsDecimal": len(lines),
        "SourceApplication": "AP",
        "EnteredBy": "ADMIN",
        "APVersionCreatedIn": "71A",
        "OrigExists": 1,
        "OrigStatus": 1,
        "VendorExists": 1,
        "TermExists": 1,
        "TaxStateVersion": 1,
        "PropertyValue": 1,
        "PMLevel1Name": "Contract",
        "PMLevel2Name": "Project",
        "PMLevel3Name": "Category",
        **_totals(lines, rate),
        **_tax_group(supplier["TaxGroup"]),
        **_payment(keys, supplier["Terms"], lines, rate, document_date),
        "InvoiceDetails": [properties_of(rng, keys, line, rate, document_date) for line in lines],
        "NumberOfOptionalFields": len(options),
        "InvoiceOptionalFields": [{**keys, **option} for option in options],
    }


def _document_numbers(plan: CompanyPlan) -> int:
    """Return how far apart the document numbers of neighbouring batches are, a power of ten."""
    return int(10 ** len(str(plan.invoices_per_batch or 1)))


def _totals(lines: list[Line], rate: Decimal) -> dict[str, t.Any]:
    net = sum((line.amount for line in lines), Decimal(0))
    tax = sum((line.tax for line in lines), Decimal(0))
    recoverable = sum((line.recoverable for line in lines), Decimal(0))
    gross = net + tax
    totals: dict[str, t.Any] = {
        "DocumentTotalBeforeTaxes": net,
        "DistributedTotalBeforeTaxes": net,
        "DistributedTotalIncludingTax": gross,
        "DocumentTotalIncludingTax": gross,
        "FunctionalDistributionWithTaxTotal": cents(gross * rate),
        "TaxTotal": tax,
        "TotalDistributedTax": tax,
        "NetVendorTaxAmount": tax,
        "DistributedAllocatedTaxes": tax - recoverable,
        "TaxAmountTobeAllocated": tax - recoverable,
        "RecoverableTaxes": recoverable,
        "DistributionRecoverableTaxes": recoverable,
        "TaxReportingTotal": tax,
        "TaxReportingExchangeRate": 1,
        "TaxReportingAllocatedTax": tax - recoverable,
        "TaxReportingRecoverableTax": recoverable,
        "AmountDue": gross,
        "SourceAmountDue": gross,
        "FunctionalAmountDue": cents(gross * rate),
        "DiscountBaseWithTax": gross,
        "DiscountBaseWithoutTax": net,
        "DiscountBase": net,
    }
    for place in range(1, len(lines[0].taxes) + 1):
        amount = sum((line.taxes[place - 1].amount for line in lines), Decimal(0))
        totals |= {
            f"TaxClass{place}": 1,
            f"TaxBase{place}": net,
            f"TaxAmount{place}": amount,
            f"TaxAmount{place}Total": amount,
            f"TaxReportingAmount{place}": amount,
            f"FunctionalTaxBase{place}": cents(net * rate),
            f"FunctionalTaxAmount{place}": cents(amount * rate),
        }
    return totals


def _tax_group(code: str) -> dict[str, t.Any]:
    group_description, authorities = tables()["tax_groups"][code]
    currency = code.removesuffix("TAX")
    properties = {"TaxGroupDescription": group_description, "TaxReportingCurrencyCode": currency}
    for place, (authority, name, _, account) in enumerate(authorities, 1):
        properties |= {
            f"TaxAuthority{place}": authority,
            f"TaxAuth{place}Description": name,
            f"RecoverableAccount{place}": account,
        }
    return properties


def _payment(
    keys: dict[str, int], terms: str, lines: list[Line], rate: Decimal, day: dt.date
) -> dict[str, t.Any]:
    """Return due date, discount and schedule: instalments by percent, the last takes the rest."""
    terms_description, percent, discount_days, instalments = tables()["terms"][terms]
    net = sum((line.amount for line in lines), Decimal(0))
    gross = net + sum((line.tax for line in lines), Decimal(0))
    discount = cents(net * Decimal(percent) / 100)
    discount_date = day + dt.timedelta(days=discount_days) if discount_days else None
    parts = [cents(gross * Decimal(share) / 100) for _, share in instalments[:-1]]
    parts.append(gross - sum(parts, Decimal(0)))
    return {
        "TermsDescription": terms_description,
        "TermUsePaymentSchedule": int(len(parts) > 1),
        "DueDate": day + dt.timedelta(days=instalments[0][0]),
        "DiscountDate": discount_date,
        "DiscountPercentage": Decimal(percent),
        "DiscountAmountAvailable": discount,
        "FunctionalDiscountAmount": cents(discount * rate),
        "NumberOfScheduledPayments": len(parts),
        "InvoicePaymentSchedules": [
            {
                **keys,
                "PaymentNumber": place,
                "DueDate": day + dt.timedelta(days=days),
                "AmountDue": part,
                "FunctionalAmountDue": cents(part * rate),
                "DiscountDate": discount_date,
                "DiscountAmount": discount,
                "FunctionalDiscountAmount": cents(discount * rate),
            }
            for place, (part, (days, _)) in enumerate(zip(parts, instalments, strict=True), 1)
        ],
    }
