"""Columns that ServiceNow stores otherwise than sent, remembered so that they are not sent again.

A business rule, a read-only column, a choice that is not in the list, a rounded number: ServiceNow
answers 200 and stores something else. While neither the value to send nor the stored one changes,
sending it again would change nothing. Pure.
"""

from __future__ import annotations

import hashlib
import typing as t
from dataclasses import replace

from target_servicenow.mapping.types import proven, same
from target_servicenow.outcomes import Outcome
from target_servicenow.upsert.plan import Change

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from target_servicenow.mapping.profile import Table
    from target_servicenow.upsert.plan import Decision

MAX_REMEMBERED = 100
"""Characters of a value that are remembered as they are; of a longer one its digest is."""

Remembered = t.Mapping[str, t.Mapping[str, str]]
"""Columns of one row: stored as ``old``, sent as ``new``."""


def of_row(
    table: Table, wanted: Mapping[str, str], stored: Mapping[str, str]
) -> dict[str, Change] | None:
    """Return what to remember of a row that was written.

    Args:
        table: The table of the row.
        wanted: The row as it should be.
        stored: The row as ServiceNow answered that it is.

    Returns:
        The columns that it stores otherwise; None when the answer shows no column at all.
    """
    if not stored:
        return None
    return {
        name: Change(_bounded(stored[name]), _bounded(value))
        for name, value in wanted.items()
        if name in stored
        and stored[name] != value
        and not (
            same(stored[name], value, table.type_of(name))
            and proven(stored[name], value, table.type_of(name))
        )
    }


def of_unchanged(decision: Decision) -> dict[str, Change]:
    """Return what to remember of a row that was looked up and left as it is."""
    return {
        name: Change(_bounded(change.old), _bounded(change.new))
        for name, change in {**decision.altered, **decision.unproven}.items()
    }


def undecided(decisions: Iterable[Decision]) -> list[str]:
    """Return the identifiers of rows about which what is remembered may decide."""
    return [
        decision.row.identifier
        for decision in decisions
        if decision.outcome is Outcome.UPDATED or decision.unproven
    ]


def as_remembered(decision: Decision, remembered: Remembered) -> Decision:
    """Return a decision without the columns that stand as they did after they were last sent.

    An amount that ServiceNow shows without its currency counts as the one that was last sent: it is
    sent again when its currency has changed since.
    """
    if not remembered or decision.outcome not in {Outcome.UPDATED, Outcome.UNCHANGED}:
        return decision
    unproven = {
        name: change
        for name, change in decision.unproven.items()
        if name not in remembered or remembered[name]["new"] == _bounded(change.new)
    }
    changes = unexpected(decision.changes, remembered)
    altered = {n: change for n, change in decision.changes.items() if n not in changes}
    changes |= {n: change for n, change in decision.unproven.items() if n not in unproven}
    return replace(
        decision,
        outcome=Outcome.UPDATED if changes else Outcome.UNCHANGED,
        values={name: change.new for name, change in changes.items()},
        changes=changes,
        unproven=unproven,
        altered=altered,
    )


def unexpected(changes: Mapping[str, Change], remembered: Remembered) -> dict[str, Change]:
    """Return the changes without those that were sent before, to no effect."""
    return {
        name: change
        for name, change in changes.items()
        if remembered.get(name) != {"old": _bounded(change.old), "new": _bounded(change.new)}
    }


def _bounded(text: str) -> str:
    if len(text) <= MAX_REMEMBERED:
        return text
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"
