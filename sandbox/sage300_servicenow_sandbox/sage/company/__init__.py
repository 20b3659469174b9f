"""The generator: companies with vendors, accounts and two years of invoice batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sage300_servicenow_sandbox.sage.records import render

from .accounts import account, most_accounts
from .activity import Activity
from .batches import batches
from .plan import CompanyPlan
from .vendors import vendor

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["CompanyPlan", "generate", "most_accounts"]


def generate(plan: CompanyPlan) -> Iterator[tuple[str, Iterable[str]]]:
    """Give a company's records as JSON text, resource by resource.

    Each resource's records have to be taken up before the next resource is asked for: what the
    batches posted stands on the vendors' cards.
    """
    activity = Activity(plan)
    yield (
        "GLAccounts",
        (render("GLAccounts", "Account", account(plan, index)) for index in range(plan.accounts)),
    )
    yield "APInvoiceBatches", _batches(plan, activity)
    yield "APVendors", _vendors(plan, activity)


def _batches(plan: CompanyPlan, activity: Activity) -> Iterator[str]:
    for batch in batches(plan):
        activity.add(batch)
        yield render("APInvoiceBatches", "InvoiceBatch", batch)


def _vendors(plan: CompanyPlan, activity: Activity) -> Iterator[str]:
    for index in range(plan.vendors):
        card = vendor(plan, index)
        yield render("APVendors", "Vendor", {**card, **activity.card(card["VendorNumber"])})
