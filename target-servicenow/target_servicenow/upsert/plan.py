"""What to do about one row, given what is in ServiceNow. Pure."""

from __future__ import annotations

import hashlib
import typing as t
from dataclasses import dataclass, field, replace

from target_servicenow.mapping.profile import MODIFICATIONS
from target_servicenow.mapping.types import proven, same
from target_servicenow.outcomes import Cause, Outcome

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from target_servicenow.api.table import StoredRow
    from target_servicenow.mapping.profile import Table
    from target_servicenow.mapping.render import Row


@dataclass(frozen=True)
class Change:
    """One column's old and new value, in ServiceNow's string forms."""

    old: str
    new: str


@dataclass(frozen=True)
class Decision:
    """What becomes of a row: written when CREATED, ADOPTED or UPDATED, else only recorded.

    Attributes:
        outcome: None: the row is not wanted in ServiceNow (``create_when``) and leaves no trace.
        values: The columns to send.
        sys_id: The row that is there already; "" where there is none.
        new_sys_id: The sys_id a new row is created with; "" for any other outcome.
        unseen: Columns that ServiceNow did not show in this row, so that they are left alone.
        deferred: It is decided at the end of the run.
        unproven: Amounts that count as agreeing, while only one side names its currency.
        modifications: The `MODIFICATIONS` of the row that is there; "" where they are not read.
        altered: Columns left alone, since ServiceNow stores them otherwise than sent (`altered`).
        learned: Those of them of which that has only turned out now.
    """

    row: Row
    outcome: Outcome | None
    values: dict[str, str] = field(default_factory=dict)
    sys_id: str = ""
    new_sys_id: str = ""
    changes: dict[str, Change] = field(default_factory=dict)
    cause: Cause = Cause.NONE
    reason: str = ""
    unseen: tuple[str, ...] = ()
    deferred: bool = False
    unproven: dict[str, Change] = field(default_factory=dict)
    altered: dict[str, Change] = field(default_factory=dict)
    learned: tuple[str, ...] = ()
    modifications: str = ""


@dataclass(frozen=True)
class Recorded:
    """What ServiceNow says of the row that an identifier had when it was last seen.

    Attributes:
        sys_id: Where it was; "" for a row that was created and never shown.
        row: The row as it stands; None where ServiceNow does not show it.
        counted: Whether ServiceNow counts it, which it does in spite of access rules; None where
            that is not known.
    """

    sys_id: str
    row: StoredRow | None = None
    counted: bool | None = None


def decide(
    table: Table,
    row: Row,
    matches: Sequence[StoredRow],
    candidates: Sequence[StoredRow],
    recorded: Recorded | None = None,
) -> Decision:
    """Decide about a row whose references are resolved into its values.

    Args:
        table: The table of the row.
        row: The row as it should be.
        matches: The rows that carry its identifier.
        candidates: The rows with its natural key that carry no identifier at all.
        recorded: Where none carries it: the row that did, if the ledger knows of one.
    """
    if len(matches) > 1:
        return Decision(
            row,
            Outcome.REJECTED,
            cause=Cause.DUPLICATE,
            reason=f"{len(matches)} rows of {table.name} carry {table.source_column} "
            f"{row.identifier} ({_sys_ids(matches)}): delete or clear all but one; none was "
            "changed",
        )
    if matches:
        return _update(table, row, matches[0], Outcome.UPDATED, row.values)
    if recorded is not None:
        return _decide_recorded(table, row, recorded)
    if not row.creatable:
        return Decision(row, None)
    return _adopt_or_create(table, row, candidates)


def _adopt_or_create(table: Table, row: Row, candidates: Sequence[StoredRow]) -> Decision:
    if len(candidates) > 1:
        return Decision(
            row,
            Outcome.HELD,
            cause=Cause.ADOPTION,
            reason=f"{len(candidates)} rows of {table.name} have {table.adopt_by} "
            f"{row.values.get(table.adopt_by or '')!r} and no {table.source_column} "
            f"({_sys_ids(candidates)}): set {table.source_column} to {row.identifier} on the right "
            "one",
        )
    identified = {**row.values, table.source_column: row.identifier}
    if candidates:
        return _update(table, row, candidates[0], Outcome.ADOPTED, identified)
    values = {name: value for name, value in identified.items() if value != ""}
    changes = {name: Change("", value) for name, value in values.items()}
    return Decision(
        row,
        Outcome.CREATED,
        values=values,
        new_sys_id=own_sys_id(row.identifier),
        changes=changes,
    )


def _decide_recorded(table: Table, row: Row, recorded: Recorded) -> Decision:
    """Decide about a row that was in ServiceNow once: it is never created a second time."""
    if recorded.row is None:
        return hidden(table, row, recorded)
    carried = carried_identifier(table, recorded.row)
    if carried == row.identifier:  # the lookup did not find it
        return _update(table, row, recorded.row, Outcome.UPDATED, row.values)
    if carried == "":  # cleared by hand
        wanted = {**row.values, table.source_column: row.identifier}
        return _update(table, row, recorded.row, Outcome.UPDATED, wanted)
    if carried is None:
        return hidden(table, row, recorded)
    return Decision(
        row,
        Outcome.HELD,
        cause=Cause.REASSIGNED,
        reason=f"its row {recorded.sys_id} of {table.name} carries {table.source_column} {carried} "
        f"now: set that to {row.identifier} again, or, if the row is no longer its own, run "
        f"{forget_command(row.identifier)} to have another one created",
    )


def hidden(table: Table, row: Row, recorded: Recorded) -> Decision:
    """Hold a row that is in ServiceNow, as far as is known, and not shown to the account."""
    if recorded.row is not None:
        likely = f"a rule of the column hides its {table.source_column}"
    elif recorded.counted:
        likely = "an access rule of the table hides it, since ServiceNow counts it"
    elif recorded.counted is None:
        likely = "an access rule hides it, it is in another domain, or it was deleted"
    else:
        likely = (
            "it is in another domain, a rule of queries hides it, or it was deleted, since "
            "ServiceNow does not count it"
        )
    its_row = f"its row {recorded.sys_id} of" if recorded.sys_id else "its row of"
    return Decision(
        row,
        Outcome.HELD,
        sys_id=recorded.sys_id,
        cause=Cause.HIDDEN,
        reason=f"ServiceNow does not show {its_row} {table.name} ({likely}): let the integration "
        f"user read it, or, if it was deleted, run {forget_command(row.identifier)} to have "
        "another one created",
    )


def copied(table: Table, decision: Decision, recorded: Recorded) -> Decision:
    """Hold a row that was found in another place than it had, where it may still be."""
    identifier = decision.row.identifier
    there = "is still there" if recorded.row else "is not shown to the integration user"
    return Decision(
        decision.row,
        Outcome.HELD,
        cause=Cause.DUPLICATE,
        reason=f"row {decision.sys_id} of {table.name} carries {table.source_column} {identifier}, "
        f"but the record's own row is {recorded.sys_id}, which {there}: clear "
        f"{table.source_column} of the copy, or, if {recorded.sys_id} was deleted, run "
        f"{forget_command(identifier)}",
    )


def forget_command(identifier: str) -> str:
    """Return the command that makes the ledger forget a row."""
    return f"target-servicenow ledger forget {identifier}"


def _update(
    table: Table, row: Row, current: StoredRow, outcome: Outcome, wanted: Mapping[str, str]
) -> Decision:
    shown = current.values
    # Most rows stand as they should, to the letter.
    changes = {} if wanted.items() <= shown.items() else difference(table, shown, wanted)
    unseen = () if wanted.keys() <= shown.keys() else tuple(n for n in wanted if n not in shown)
    unproven = {
        name: Change(shown[name], wanted[name])
        for name in table.currencies
        if name in wanted and name in shown and name not in changes
        if not proven(shown[name], wanted[name], table.type_of(name))
    }
    return Decision(
        row,
        outcome if changes else Outcome.UNCHANGED,
        values={name: change.new for name, change in changes.items()},
        sys_id=current.sys_id,
        changes=changes,
        unseen=unseen,
        unproven=unproven,
        modifications=shown.get(MODIFICATIONS, ""),
    )


def was_written(
    table: Table, decision: Decision, outcome: str, changes: Mapping[str, Mapping[str, str]]
) -> bool:
    """Tell whether a row shows that a write of it, whose answer is unknown, was carried out.

    Args:
        table: The table of the row.
        decision: What is to be done about the row as it stands now.
        outcome: The outcome that the write was to have.
        changes: The columns that it was to change.
    """
    if not decision.sys_id or decision.outcome is Outcome.ADOPTED:
        return False  # no row carries the identifier
    if outcome != Outcome.UPDATED:
        return True
    due = decision.changes
    wanted = {**decision.row.values, table.source_column: decision.row.identifier}
    stands = {n: due[n].old if n in due else wanted.get(n, "") for n in changes}
    return any(same(stands[n], change["new"], table.type_of(n)) for n, change in changes.items())


def difference(
    table: Table, current: Mapping[str, str], wanted: Mapping[str, str]
) -> dict[str, Change]:
    """Return the columns whose values differ; columns absent from `current` do not count."""
    changes = {}
    for name, value in wanted.items():
        old = current.get(name)
        if old is not None and old != value and not same(old, value, table.type_of(name)):
            changes[name] = Change(old, value)
    return changes


def too_long(row: Row, lengths: Mapping[str, int]) -> list[str]:
    """Return the columns whose text is longer than the column, each with both lengths."""
    values = row.values
    return [
        f"{name} ({len(values[name])} characters, the column holds {length})"
        for name, length in lengths.items()
        if 0 < length < len(values.get(name, ""))
    ]


def truncated(row: Row, lengths: Mapping[str, int]) -> Row:
    """Return the row with every text cut to its column's length."""
    values = {
        name: value[: lengths[name]] if lengths.get(name, 0) else value
        for name, value in row.values.items()
    }
    return replace(row, values=values)


def carried_identifier(table: Table, row: StoredRow) -> str | None:
    """Return the identifier that a row carries, None if that is not shown.

    Without blanks at its end: no identifier ends in one, and some servers pad their columns.
    """
    carried = row.values.get(table.source_column)
    return None if carried is None else carried.rstrip()


def natural_key(text: str) -> str:
    """Return a natural key as it is compared: trimmed and case-folded."""
    return text.strip().casefold()


def own_sys_id(identifier: str) -> str:
    """Return the sys_id a row is created with: 32 hexadecimal digits made of its identifier."""
    return hashlib.md5(identifier.encode(), usedforsecurity=False).hexdigest()


def _sys_ids(rows: Sequence[StoredRow]) -> str:
    return ", ".join(row.sys_id for row in rows[:5])
