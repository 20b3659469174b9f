"""Columns that ServiceNow stores otherwise than sent, remembered so that they are not sent again.

A business rule, a read-only column, a choice that is not in the list, a rounded number: ServiceNow
answers 200 and stores something else. While neither the value to send nor the stored one changes,
sending it again would change nothing.

What an asynchronous business rule or a flow stores shows only after the answer, and looks like a
person's edit. So it is sent once more; found again, it is how ServiceNow stores the value. Pure.
"""

from __future__ import annotations

import hashlib
import typing as t
from dataclasses import asdict, replace

from target_servicenow.ledger.entries import Remembered
from target_servicenow.mapping.profile import MODIFICATIONS
from target_servicenow.mapping.types import proven, same
from target_servicenow.outcomes import Outcome
from target_servicenow.upsert.plan import Change

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from target_servicenow.mapping.profile import Table
    from target_servicenow.upsert.plan import Decision

MAX_REMEMBERED = 100
"""Characters of a value that are remembered as they are; of a longer one its digest is."""


NOTHING = Remembered({})
"""Of a row that stands as it should."""


def of_written(
    table: Table, wanted: Mapping[str, str], stored: Mapping[str, str]
) -> Remembered | None:
    """Return what to remember of a row that was written.

    Args:
        table: The table of the row.
        wanted: The row as it should be.
        stored: The row as ServiceNow answered that it is.

    Returns:
        None when the answer shows no column at all.
    """
    if not stored:
        return None
    changes = {
        name: Change(stored[name], value)
        for name, value in wanted.items()
        if name in stored and stored[name] != value
    }
    types = {name: table.type_of(name) for name in changes}
    return _remembered(
        {
            name: change
            for name, change in changes.items()
            if not same(change.old, change.new, types[name])
            or not proven(change.old, change.new, types[name])
        },
        stored.get(MODIFICATIONS, ""),
    )


def of_unchanged(decision: Decision) -> Remembered:
    """Return what to remember of a row that was looked up and left as it is."""
    return _remembered({**decision.altered, **decision.unproven}, decision.modifications)


def undecided(decisions: Iterable[Decision]) -> list[str]:
    """Return the identifiers of rows about which what is remembered may decide."""
    return [
        decision.row.identifier
        for decision in decisions
        if decision.outcome is Outcome.UPDATED or decision.unproven
    ]


def as_remembered(table: Table, decision: Decision, remembered: Remembered) -> Decision:
    """Return a decision without the columns that stand as they did after they were last sent.

    An amount that ServiceNow shows without its currency counts as the one that was last sent, as
    long as nobody changed the row, whatever today's rate makes of it; it is sent again when its
    amount or its currency has changed since.
    """
    if decision.outcome not in {Outcome.UPDATED, Outcome.UNCHANGED}:
        return decision
    if not (remembered.columns or remembered.resent):
        return decision
    untouched = decision.modifications and decision.modifications == remembered.modifications
    changes: dict[str, Change] = {}
    altered: dict[str, Change] = {}
    unproven: dict[str, Change] = {}
    learned: list[str] = []
    for name, change in {**decision.changes, **decision.unproven}.items():
        certain = proven(change.old, change.new, table.type_of(name))
        known, now = remembered.columns.get(name), _bounded(change)
        if (
            known
            and known["new"] == now["new"]
            and (known["old"] == now["old"] or (untouched and not certain))
        ):
            (altered if certain else unproven)[name] = change
        elif remembered.resent.get(name) == asdict(change):
            (altered if certain else unproven)[name] = change
            learned += [name] if certain else []
        elif known is None and name in decision.unproven:
            unproven[name] = change
        else:
            changes[name] = change
    return replace(
        decision,
        outcome=Outcome.UPDATED if changes else Outcome.UNCHANGED,
        values={name: change.new for name, change in changes.items()},
        changes=changes,
        unproven=unproven,
        altered=altered,
        learned=tuple(learned),
    )


def unexpected(changes: Mapping[str, Change], remembered: Remembered) -> dict[str, Change]:
    """Return the changes without those that were sent before, to no effect."""
    return {
        name: change
        for name, change in changes.items()
        if remembered.columns.get(name) != _bounded(change)
        and remembered.resent.get(name) != asdict(change)
    }


def _remembered(changes: Mapping[str, Change], modifications: str) -> Remembered:
    columns = {name: _bounded(change) for name, change in changes.items()}
    return Remembered(columns, modifications) if columns else NOTHING


def _bounded(change: Change) -> dict[str, str]:
    return {"old": _short(change.old), "new": _short(change.new)}


def _short(text: str) -> str:
    if len(text) <= MAX_REMEMBERED:
        return text
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"
