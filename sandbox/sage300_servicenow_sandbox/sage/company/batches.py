"""AP invoice batches: two years of posted and deleted ones, the latest ones still open."""

from __future__ import annotations

import datetime as dt
import typing as t
from decimal import Decimal

from sage300_servicenow_sandbox.sage.company.invoices import invoice

if t.TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from sage300_servicenow_sandbox.sage.company.plan import CompanyPlan

_HISTORY_DAYS = 730
_RECENT_DAYS = 9
_RECENT_SHARE = 10
_LEAST_RECENT = 4
_DELETED_EVERY = 11
_TYPES = ("Entered", "Entered", "Entered", "Imported", "Generated", "Recurring", "External")


def batches(plan: CompanyPlan) -> Iterator[dict[str, t.Any]]:
    """Yield the non-empty properties of each batch, in batch number order."""
    sequence = 0
    for number in range(1, plan.batches + 1):
        status = _status(plan, number)
        if status == "Posted":
            sequence += 1
        yield _batch(plan, number, status, sequence if status == "Posted" else 0)


def _status(plan: CompanyPlan, number: int) -> str:
    """Return a batch's status: the last tenth is unposted, every eleventh of the others deleted."""
    place = number - _settled(plan)
    if place > 0:
        if place == 1:
            return "PostInProgress"
        return "ReadyToPost" if place % 3 == 2 else "Open"  # noqa: PLR2004
    return "Deleted" if number % _DELETED_EVERY == _LEAST_RECENT else "Posted"


def _settled(plan: CompanyPlan) -> int:
    """Return how many batches are posted or deleted."""
    return plan.batches - max(_LEAST_RECENT, plan.batches // _RECENT_SHARE)


def _age(plan: CompanyPlan, number: int, rng: random.Random) -> int:
    """Return the days from a batch's date to the plan's day."""
    before_last = _settled(plan) - number
    if before_last < 0:
        return rng.randint(0, _RECENT_DAYS)
    return _RECENT_DAYS + before_last * _HISTORY_DAYS // _settled(plan)


def _batch(plan: CompanyPlan, number: int, status: str, sequence: int) -> dict[str, t.Any]:
    rng = plan.random("batch", number)
    batch_date = plan.day - dt.timedelta(days=_age(plan, number, rng))
    usual_entries = rng.randint(1, 6)
    entries = [
        invoice(plan, number, entry, batch_date)
        for entry in range(1, (plan.invoices_per_batch or usual_entries) + 1)
    ]
    total = sum((entry["DocumentTotalIncludingTax"] for entry in entries), Decimal(0))
    batch_type = rng.choice(_TYPES)
    return {
        "BatchNumber": number,
        "BatchDate": batch_date,
        "Description": f"{batch_type} invoices {batch_date:%d %b %Y}",
        "NumberOfEntries": len(entries),
        # Assumed: the sum of all documents, credit notes not taken off.
        "BatchTotal": total,
        "BatchType": batch_type,
        "BatchStatus": status,
        "LastEntryNumber": len(entries),
        "PostingSequenceNumber": sequence,
        "DateLastEdited": min(batch_date + dt.timedelta(days=rng.randint(0, 2)), plan.day),
        "BatchPrintedFlag": "Yes" if status == "Posted" else "No",
        "SourceApplication": "PO" if batch_type == "External" else "AP",
        "Invoices": entries,
    }
