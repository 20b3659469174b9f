"""Lines of AP documents: an account, an amount and the taxes on it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from decimal import Decimal

from sage300_servicenow_sandbox.sage.company.accounts import description, expense_account
from sage300_servicenow_sandbox.sage.company.optional_fields import detail_optional_fields
from sage300_servicenow_sandbox.sage.company.plan import cents, tables

if t.TYPE_CHECKING:
    import datetime as dt
    import random

    from sage300_servicenow_sandbox.sage.company.plan import CompanyPlan

_STEP = 20  # Sage 300 numbers lines 20, 40, 60...


@dataclass(frozen=True)
class Tax:
    """The tax of one authority on one line."""

    place: int
    rate: Decimal
    amount: Decimal
    recoverable: bool


@dataclass(frozen=True)
class Line:
    """A line's own facts, from which its properties follow."""

    number: int
    amount: Decimal
    account: str
    text: str
    taxes: tuple[Tax, ...]

    @property
    def tax(self) -> Decimal:
        """All taxes on the line."""
        return sum((tax.amount for tax in self.taxes), Decimal(0))

    @property
    def recoverable(self) -> Decimal:
        """The part of the taxes that the authorities refund; the rest is a cost."""
        return sum((tax.amount for tax in self.taxes if tax.recoverable), Decimal(0))


def make_line(
    plan: CompanyPlan,
    rng: random.Random,
    supplier: dict[str, t.Any],
    place: int,
    *,
    taxable: bool,
) -> Line:
    """Make a line of a document; the first goes to the vendor's own account, if it has one."""
    account = expense_account(plan, rng)
    if place == 1 and supplier["GLAccount"]:
        account = supplier["GLAccount"]
    large = rng.random() < 0.05  # noqa: PLR2004
    amount = Decimal(rng.randint(1200, 9_000_000 if large else 250_000)) / 100
    authorities = tables()["tax_groups"][supplier["TaxGroup"]][1]
    taxes = tuple(
        Tax(position, Decimal(percent), cents(amount * Decimal(percent) / 100), bool(recoverable))
        for position, (_, _, percent, recoverable) in enumerate(authorities, 1)
    )
    text = rng.choice(tables()["line_texts"])
    return Line(place * _STEP, amount, account, text, taxes if taxable else ())


def properties_of(
    rng: random.Random, keys: dict[str, int], line: Line, rate: Decimal, day: dt.date
) -> dict[str, t.Any]:
    """Return a line's non-empty properties; `rate` converts to functional currency."""
    options = detail_optional_fields(rng)
    allocated = line.tax - line.recoverable
    properties: dict[str, t.Any] = {
        **keys,
        "LineNumber": line.number,
        "DistributionDescription": line.text,
        "SageFixedAssetsAssetDescript": line.text,
        "GLAccount": line.account,
        "AccountDescription": description(line.account),
        "AccountExists": 1,
        "AccountStatus": 1,
        "DestinationExists": 1,
        "DestinationStatus": 1,
        "DistributionCodeStatus": 1,
        "RouteStatus": 1,
        "BillingDate": day,
        "Discountable": "Yes",
        "DistributedAmount": line.amount,
        "DistributedAmountBeforeTaxes": line.amount,
        "FunctionalDistributedAmount": cents(line.amount * rate),
        "FunctionalDistributionNetOfTaxes": cents(line.amount * rate),
        "TaxTotal": line.tax,
        "TaxReportingTotal": line.tax,
        "TaxAllocatedTotal": allocated,
        "TaxReportingAllocatedTax": allocated,
        "FunctionalTaxAllocatedTotal": cents(allocated * rate),
        "GLDistributedAmount": line.amount + allocated,
        "NumberOfOptionalFields": len(options),
        "InvoiceDetailOptionalFields": [
            {**keys, "LineNumber": line.number, **option} for option in options
        ],
    }
    for tax in line.taxes:
        spent = "RecoverableTaxAmount" if tax.recoverable else "TaxAllocatedAmount"
        functional = "TaxRecoverableAmount" if tax.recoverable else "TaxAllocatedAmount"
        properties |= {
            f"TaxClass{tax.place}": 1,
            f"TaxRate{tax.place}": tax.rate,
            f"BaseTax{tax.place}": line.amount,
            f"TaxAmount{tax.place}": tax.amount,
            f"TaxAmount{tax.place}Total": tax.amount,
            f"TaxReportingAmount{tax.place}": tax.amount,
            f"FunctionalTaxBase{tax.place}": cents(line.amount * rate),
            f"FunctionalTaxAmount{tax.place}": cents(tax.amount * rate),
            f"{spent}{tax.place}": tax.amount,
            f"Functional{functional}{tax.place}": cents(tax.amount * rate),
        }
        if tax.recoverable:
            properties[f"TaxReportingRecoverableTax{tax.place}"] = tax.amount
    return properties
