"""Generating a company: its records, resource by resource."""

from __future__ import annotations

import typing as t

from sage300_servicenow_sandbox.sage.company import codes
from sage300_servicenow_sandbox.sage.company.accounts import account
from sage300_servicenow_sandbox.sage.company.activity import Activity
from sage300_servicenow_sandbox.sage.company.batches import batches
from sage300_servicenow_sandbox.sage.company.orders import Orders
from sage300_servicenow_sandbox.sage.company.payments import Settlements
from sage300_servicenow_sandbox.sage.company.vendors import vendor
from sage300_servicenow_sandbox.sage.records import render
from sage300_servicenow_sandbox.sage.resources import RESOURCES

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sage300_servicenow_sandbox.sage.company.plan import CompanyPlan


def generate(plan: CompanyPlan) -> Iterator[tuple[str, Iterable[str]]]:
    """Yield each resource with its records as JSON text.

    Each resource's records must be consumed before the next resource is taken: what the invoice
    batches posted appears on the vendors' cards, is paid, and was ordered.
    """
    for resource, records in _resources(plan):
        type_name = RESOURCES[resource].record_type.name
        yield resource, (render(resource, type_name, record) for record in records)


def _resources(plan: CompanyPlan) -> Iterator[tuple[str, Iterable[dict[str, t.Any]]]]:
    activity, settlements, orders = Activity(plan), Settlements(plan), Orders()
    yield "GLAccountGroups", codes.account_groups()
    yield "GLSegmentCodes", codes.segment_codes(plan)
    yield "GLAccounts", (account(plan, index) for index in range(plan.accounts))
    yield "CSCurrencyCodes", codes.currencies()
    yield "APVendorGroups", codes.vendor_groups(plan)
    yield "APTerms", codes.terms(plan)
    yield "ICItems", codes.items(plan)
    yield "APInvoiceBatches", _batches(plan, activity, settlements, orders)
    yield "APVendors", _vendors(plan, activity)
    yield "APPaymentAndAdjustmentBatches", settlements.batches()
    yield "POPurchaseOrders", orders.records()


def _batches(
    plan: CompanyPlan, *followed_by: Activity | Settlements | Orders
) -> Iterator[dict[str, t.Any]]:
    for batch in batches(plan):
        for follower in followed_by:
            follower.add(batch)
        yield batch


def _vendors(plan: CompanyPlan, activity: Activity) -> Iterator[dict[str, t.Any]]:
    for index in range(plan.vendors):
        card = vendor(plan, index)
        yield {**card, **activity.card(card["VendorNumber"])}
