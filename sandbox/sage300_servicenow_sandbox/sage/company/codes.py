"""Master data that others refer to: vendor groups, terms, account codes, currencies, items."""

from __future__ import annotations

import datetime as dt
import typing as t
from decimal import Decimal

from sage300_servicenow_sandbox.sage.company.accounts import account, segment_names
from sage300_servicenow_sandbox.sage.company.plan import tables

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from sage300_servicenow_sandbox.sage.company.plan import CompanyPlan

_STEP = 20  # Sage 300 numbers lines 20, 40, 60...


def vendor_groups(plan: CompanyPlan) -> Iterator[dict[str, t.Any]]:
    """Yield the non-empty properties of each vendor group, in key order."""
    for code, name, account_set, _, distribution in sorted(tables()["vendor_groups"]):
        yield {
            "GroupCode": code,
            "Description": name,
            "Status": "Active",
            "DateLastMaintained": _maintained(plan, "group", code),
            "AccountSet": account_set,
            "CurrencyCode": "USD",
            "RateType": "SP",
            "BankCode": "CCB",
            "DistributionCode": distribution,
            "DistributionType": "DistributionCode",
            "Terms": "NET30",
            "DuplicateAmountCode": "Warning",
            "DuplicateDateCode": "Warning",
            "TaxGroup": "USDTAX",
            "TaxClass1": 1,
            "TaxClass2": 1,
        }


def terms(plan: CompanyPlan) -> Iterator[dict[str, t.Any]]:
    """Yield the non-empty properties of each payment terms code, in key order."""
    for code, (name, percent, discount_days, instalments) in sorted(tables()["terms"].items()):
        yield {
            "TermsCode": code,
            "Description": name,
            "Status": "Active",
            "DateLastMaintained": _maintained(plan, "terms", code),
            "UsePaymentSchedule": "Yes" if len(instalments) > 1 else "No",
            "NumberOfPayments": len(instalments),
            "TotalPercentageDue": 100,
            "TermsPaymentSchedule": [
                {
                    "TermsCode": code,
                    "PaymentNumber": place * _STEP,
                    "PercentageDue": Decimal(share),
                    "DiscountPercent": Decimal(percent),
                    "DiscountNumberOfDays": discount_days,
                    "DueNumberOfDays": days,
                }
                for place, (days, share) in enumerate(instalments, 1)
            ],
        }


def account_groups() -> Iterator[dict[str, t.Any]]:
    """Yield the properties of each account group, in key order."""
    sort_codes = {group: sort_code for *_, group, sort_code in tables()["chart"]}
    for code, (name, category) in sorted(tables()["account_groups"].items()):
        yield {
            "AccountGroupCode": code,
            "AccountGroupDescription": name,
            "AccountGroupSortCode": sort_codes[code],
            "GroupCategory": category,
        }


def segment_codes(plan: CompanyPlan) -> Iterator[dict[str, t.Any]]:
    """Yield the segment codes that the plan's accounts use, in key order."""
    used: set[tuple[int, str]] = set()
    closing = ""
    for index in range(plan.accounts):
        made = account(plan, index)
        used.update(enumerate(made["AccountNumber"].split("-"), 1))
        if made["AccountType"] == "RetainedEarnings" and not closing:
            closing = made["UnformattedAccount"]
    for place, code in sorted(used):
        yield {
            "SegmentNumber": f"{place:06}",
            "SegmentCode": code,
            "SegmentCodeDescription": segment_names()[code],
            "ClosingAccount": closing,
        }


def currencies() -> Iterator[dict[str, t.Any]]:
    """Yield the properties of each currency, in key order."""
    for code, (name, symbol) in sorted(tables()["currencies"].items()):
        yield {
            "CurrencyCodeKey": code,
            "Description": name,
            "Symbol": symbol,
            "DecimalPlaces": "Num2",
            "ThousandsSeparator": ",",
            "DecimalSeparator": ".",
        }


def items(plan: CompanyPlan) -> Iterator[dict[str, t.Any]]:
    """Yield the non-empty properties of each inventory item, in key order."""
    for number, name, category, unit in sorted(tables()["items"]):
        unformatted = unformatted_item(number)
        segments = number.replace("/", "-").split("-")
        yield {
            "UnformattedItemNumber": unformatted,
            "ItemNumber": number,
            "Description": name,
            "DateLastMaintained": _maintained(plan, "item", number),
            "Category": category,
            "AccountSetCode": category,
            "StructureCode": "A",
            "StockItem": True,
            "Sellable": category == "FIN",
            "StockingUnitOfMeasure": unit,
            "WeightUnitOfMeasure": "Kg",
            "WeightConversionFactor": 1,
            **{f"Segment{place}": segment for place, segment in enumerate(segments, 1)},
            "ItemUnitsOfMeasure": [
                {
                    "ItemNumber": unformatted,
                    "UnitOfMeasure": unit,
                    "ConversionFactor": 1,
                    "FACTOR": 1,
                }
            ],
        }


def unformatted_item(number: str) -> str:
    """Return an item's key: its number without the separators."""
    return number.replace("-", "").replace("/", "")


def _maintained(plan: CompanyPlan, kind: str, code: str) -> dt.date:
    return plan.day - dt.timedelta(days=plan.random(kind, code).randint(0, 900))
