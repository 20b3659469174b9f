"""Looking rows up again whose answer does not say what became of them."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from target_servicenow.outcomes import Outcome
from target_servicenow.upsert import lookup
from target_servicenow.upsert import settled as fate
from target_servicenow.upsert.plan import Decision, Recorded, decide

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from target_servicenow.api.session import Session
    from target_servicenow.mapping.profile import Table
    from target_servicenow.upsert.answers import Pending
    from target_servicenow.upsert.settled import Settled


@dataclass
class Seen:
    """What was found of some rows.

    Attributes:
        settled: Rows whose fate is certain now.
        again: Rows to be sent (again), with what is to be done about them now.
        unwanted: Rows that are gone meanwhile, and not to be created (``create_when``).
    """

    settled: list[Settled] = field(default_factory=list)
    again: list[Pending] = field(default_factory=list)
    unwanted: list[Decision] = field(default_factory=list)


def look_again(session: Session, table: Table, entries: Sequence[Pending]) -> Seen:
    """Look rows up, and decide about them as they stand now.

    Raises:
        StopRunError: They cannot be looked up.
    """
    found = lookup.find(session, table, [entry.decision.row.identifier for entry in entries])
    missing = [entry for entry in entries if not found.rows[entry.decision.row.identifier]]
    recorded = _recorded(session, table, [entry for entry in missing if entry.refusal])
    unshown = _unshown(session, table, missing) if found.unshown else set()
    seen = Seen()
    for entry in entries:
        before = entry.decision
        name = before.row.identifier
        now = decide(table, before.row, found.rows[name], [], recorded.get(name))
        if now.outcome is None:
            seen.unwanted.append(before)
        elif name in unshown:
            seen.settled.append(fate.unshown(entry, "", 0))
        elif known := _fate(entry, now):
            seen.settled.append(known)
        else:
            if now.sys_id:
                entry.decision = replace(now, outcome=before.outcome) if entry.may_be_done else now
            elif entry.refusal or not before.sys_id:
                entry.decision = now
            # Else it is a PATCH of a row that exists, which can be repeated safely.
            seen.again.append(entry)
    return seen


def _fate(entry: Pending, now: Decision) -> Settled | None:
    """Return the fate of a row by what was found of it, None if it is to be sent (again)."""
    if now.outcome is Outcome.HELD:
        return fate.held(entry, now)
    if now.outcome is Outcome.REJECTED:
        return fate.refused(entry, now.reason, cause=now.cause)
    if now.outcome is Outcome.UNCHANGED:
        return fate.done(entry, now)
    if now.outcome is Outcome.CREATED and entry.refusal and not entry.decision.sys_id:
        # Another row prevents it: one that is not shown or counted, or one with its unique value.
        return fate.refused(entry, entry.refusal)
    return fate.failed(entry) if entry.is_at_fault else None


def _unshown(session: Session, table: Table, missing: Sequence[Pending]) -> set[str]:
    """Return which rows were created by a call whose answer was lost, and cannot be read."""
    lost = [entry.decision for entry in missing if entry.may_be_done and not entry.refusal]
    names = [decision.row.identifier for decision in lost if not decision.sys_id]
    return lookup.counted(session, table, names)


def _recorded(session: Session, table: Table, refused: Sequence[Pending]) -> dict[str, Recorded]:
    """Return what is known of rows that ServiceNow refused to write, and that are not found.

    A row that was to be changed is gone, or hidden since. Where a create is refused, the row may be
    there under the sys_id it was sent with.
    """
    decisions = {
        entry.decision.row.identifier: entry.decision
        for entry in refused
        if entry.decision.outcome is not Outcome.ADOPTED  # never its own
    }
    if not decisions:
        return {}
    sent = {name: one.sys_id or one.new_sys_id for name, one in decisions.items()}
    return {
        name: recorded
        for name, recorded in lookup.recorded(session, table, sent).items()
        if decisions[name].sys_id or recorded.row or recorded.counted
    }
