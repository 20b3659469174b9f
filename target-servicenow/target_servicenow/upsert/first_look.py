"""Looking rows up, and deciding about them as they stand in ServiceNow."""

from __future__ import annotations

import typing as t

from target_servicenow.outcomes import Outcome
from target_servicenow.upsert import adopt, lookup
from target_servicenow.upsert.plan import Decision, Recorded, copied, decide

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from target_servicenow.api.session import Session
    from target_servicenow.mapping.profile import Table
    from target_servicenow.mapping.render import Row
    from target_servicenow.upsert.adopt import Claims
    from target_servicenow.upsert.notes import Recorder


def look(
    session: Session,
    table: Table,
    rows: Sequence[Row],
    recorder: Recorder,
    claims: Claims | None,
) -> list[Decision]:
    """Return what is to be done about each row.

    Args:
        session: The session to look up with.
        table: The table of the rows.
        rows: The rows, their references resolved.
        recorder: Knows what has been in ServiceNow before.
        claims: The records that could claim a row typed in by hand, these included; None while
            more may come.

    Raises:
        StopRunError: They cannot be looked up.
    """
    found = lookup.find(session, table, [row.identifier for row in rows])
    unmatched = [row.identifier for row in rows if not found.rows[row.identifier]]
    recorded = _recorded(session, table, unmatched, found.unshown, recorder)
    new = set(unmatched) - recorded.keys()
    newcomers = [row for row in rows if row.identifier in new]
    unclaimed, waiting = adopt.candidates(
        session, table, newcomers, owned=recorder.owned, claims=claims
    )
    held = {decision.row.identifier for decision in waiting}
    decided = [
        decide(
            table,
            row,
            found.rows[row.identifier],
            unclaimed.get(row.identifier, []),
            recorded.get(row.identifier),
        )
        for row in rows
        if row.identifier not in held
    ]
    return waiting + _without_copies(session, table, decided, recorder)


def _without_copies(
    session: Session, table: Table, decisions: Sequence[Decision], recorder: Recorder
) -> list[Decision]:
    """Return the decisions, where only rows that a record had before are updated.

    A row that carries an identifier may be the copy of one that ServiceNow does not show.
    """
    updated = {d.row.identifier: d for d in decisions if d.outcome is Outcome.UPDATED}
    known = recorder.known(table.name, updated)
    moved = {name: old for name, old in known.items() if old and old != updated[name].sys_id}
    recorded = lookup.recorded(session, table, moved) if moved else {}
    copies = {
        name: copied(table, updated[name], there)
        for name, there in recorded.items()
        if there.row is None or there.row.values.get(table.source_column) == name
    }
    return [copies.get(decision.row.identifier, decision) for decision in decisions]


def _recorded(
    session: Session, table: Table, unmatched: Sequence[str], unshown: int, recorder: Recorder
) -> dict[str, Recorded]:
    """Return what is known of rows that are in ServiceNow and were not found, by identifier.

    Args:
        session: The session to look up with.
        table: The table of the rows.
        unmatched: The identifiers that were not found.
        unshown: The rows that ServiceNow counted and did not show.
        recorder: Knows what has been in ServiceNow before.
    """
    known = recorder.known(table.name, unmatched)
    found = lookup.recorded(session, table, known) if known else {}
    hidden = sum(row.row is None and row.counted is not False for row in found.values())
    if unshown > hidden:  # another ledger, or a run that was cut off, made some
        others = [name for name in unmatched if name not in found]
        found |= {
            name: Recorded("", counted=True) for name in lookup.counted(session, table, others)
        }
    return found
