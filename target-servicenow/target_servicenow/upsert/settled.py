"""The fate of a row, made from its answer. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from target_servicenow.mapping.types import proven, same
from target_servicenow.outcomes import Cause, Outcome
from target_servicenow.upsert import altered
from target_servicenow.upsert.plan import Change

if t.TYPE_CHECKING:
    from target_servicenow.api.batch import ItemReply
    from target_servicenow.api.table import StoredRow
    from target_servicenow.ledger.entries import Remembered
    from target_servicenow.mapping.profile import Table
    from target_servicenow.mapping.types import ColumnType
    from target_servicenow.upsert.answers import Pending
    from target_servicenow.upsert.plan import Decision

TOO_LARGE = "the row is too large for the instance"


@dataclass(frozen=True)
class Settled:
    """The fate of a row, for the ledger.

    Attributes:
        status: The HTTP status of the write; 0 when nothing was sent.
        altered: Columns that came back other than they were sent: sent as `new`, stored as `old`.
        remembered: What to remember of the row; None when it was not seen after a write.
        unresolved: Why a reference of the row was left as it is; it is tried again.
        denied: Of a refusal that may be one of every row: what the user reads if it is.
    """

    decision: Decision
    outcome: Outcome
    sys_id: str = ""
    status: int = 0
    attempts: int = 0
    cause: Cause = Cause.NONE
    reason: str = ""
    altered: dict[str, Change] = field(default_factory=dict)
    remembered: Remembered | None = None
    unresolved: str = ""
    denied: str = ""


def stored(table: Table, entry: Pending, row: StoredRow, status: int) -> Settled:
    """Return the fate of a row that was written, and how it is stored."""
    decision = entry.decision
    return Settled(
        decision=decision,
        outcome=decision.outcome or Outcome.UNCHANGED,
        sys_id=row.sys_id or decision.sys_id,
        status=status,
        attempts=entry.attempts,
        altered={
            name: Change(old=row.values.get(name, ""), new=value)
            for name, value in decision.values.items()
            if _is_altered(row.values.get(name, ""), value, table.type_of(name))
        },
        remembered=altered.of_written(table, decision.row.values, row.values),
    )


def unshown(entry: Pending, sys_id: str, status: int) -> Settled:
    """Return the fate of a row that was written, and that the answer does not show."""
    decision = entry.decision
    return Settled(
        decision=decision,
        outcome=decision.outcome or Outcome.UNCHANGED,
        sys_id=sys_id or decision.sys_id,
        status=status,
        attempts=entry.attempts,
        cause=Cause.HIDDEN,
        reason="ServiceNow wrote the row and does not show it to the integration user",
    )


def held(entry: Pending, now: Decision) -> Settled:
    """Return the fate of a row that waits, by what was found of it after it was sent."""
    return Settled(
        now, Outcome.HELD, now.sys_id, attempts=entry.attempts, cause=now.cause, reason=now.reason
    )


def _is_altered(stored: str, sent: str, column_type: ColumnType) -> bool:
    return not same(stored, sent, column_type) and proven(stored, sent, column_type)


def done(entry: Pending, now: Decision) -> Settled:
    """Return the fate of a row that stands as it should: ours only if an answer was lost."""
    if not entry.may_be_done:  # ServiceNow refused a row that another run had just made
        return Settled(now, Outcome.UNCHANGED, now.sys_id, attempts=entry.attempts)
    return Settled(
        entry.decision,
        entry.decision.outcome or Outcome.UNCHANGED,
        sys_id=now.sys_id,
        attempts=entry.attempts,
        cause=Cause.LOST_ANSWER,
        reason="the answer was lost; the row was found afterwards",
    )


def refused(entry: Pending, reason: str, status: int = 0, cause: Cause = Cause.REFUSED) -> Settled:
    """Return the fate of a row that is at fault itself."""
    return Settled(
        decision=entry.decision,
        outcome=Outcome.REJECTED,
        sys_id=entry.decision.sys_id,
        status=status,
        attempts=entry.attempts,
        cause=cause,
        reason=reason,
    )


def too_large(entry: Pending, status: int = 0) -> Settled:
    """Return the fate of a row that ServiceNow cannot read."""
    return refused(entry, TOO_LARGE, status, Cause.TOO_LARGE)


def denied(entry: Pending, answer: ItemReply) -> Settled:
    """Return the fate of a row refused for a reason that may be one of all rows."""
    reason = f"ServiceNow refused the row: {answer.verdict.text}"
    return replace(refused(entry, reason, answer.status), denied=answer.verdict.sentence)


def failed(entry: Pending) -> Settled:
    """Return the fate of a row that ServiceNow failed on again and again."""
    assert entry.failure is not None  # noqa: S101 - it has failed
    reason = f"{entry.failure.verdict.sentence} (attempts: {entry.failures})"
    return replace(refused(entry, reason, entry.failure.status), denied=reason)
