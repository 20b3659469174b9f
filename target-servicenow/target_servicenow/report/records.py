"""Records as the ledger knows them: what was done with each, and what people call it."""

from __future__ import annotations

import re
import typing as t
from dataclasses import replace

from target_servicenow.ledger.reader import matching
from target_servicenow.outcomes import WRITTEN
from target_servicenow.report import words
from target_servicenow.report.facts import Event, Record

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from target_servicenow.ledger.reader import LedgerReader

_SYS_ID = re.compile("[0-9a-f]{32}")
_NOT_IN_LIKE = re.compile(r"[^ -~]|[\"\\%_]")
_SHORTEST_PART: t.Final = 3
"""Characters of a part of a name that is searched for; shorter ones are in most names."""


def event(row: Mapping[str, t.Any], run: int, mode: str = "") -> Event:
    """Return what was done with a row, from the ledger's row about it."""
    return Event(
        run=run,
        at=row["at"],
        mode=mode,
        outcome=row["outcome"],
        cause=row["cause"],
        reason=row["reason"],
        changes=_columns(row["changes"]),
        altered=_columns(row["altered"]),
        attempts=row["attempts"],
    )


def life(reader: LedgerReader, table: str, identifier: str, name: str = "") -> Record:
    """Return a record with all that was done with it.

    Its name is the last one that ServiceNow has of it, or else the one given.
    """
    history = [row for row in reader.history(identifier) if row["table"] == table]
    values: dict[str, str] = {}
    for row in history:
        if row["outcome"] in WRITTEN:
            values |= {name: str(change["new"]) for name, change in row["changes"].items()}
    sys_id = next((row["sys_id"] for row in reversed(history) if row["sys_id"]), "")
    events = [event(row, row["run"], row["mode"]) for row in history]
    told = tuple(
        e for e, before in zip(events, [None, *events], strict=False) if not _same(e, before)
    )
    return Record(table, identifier, sys_id, words.name_of_row(values) or name, told)


def entities(reader: LedgerReader, run: int) -> dict[str, str]:
    """Return what the rows of each table are, such as ``Vendor``.

    Args:
        reader: The ledger.
        run: A run whose rows may not be among the records, as those of a plan.
    """
    return {table: words.entity(*ends) for table, ends in reader.identifiers(run).items()}


def pointed_at(reader: LedgerReader, records: Iterable[Record]) -> dict[str, tuple[str, str]]:
    """Return table and identifier of the rows that changed columns point at, by sys_id."""
    values = {
        value
        for record in records
        for event in record.events
        for _, *both in event.changes
        for value in both
    }
    return reader.pointed_at({value for value in values if _SYS_ID.fullmatch(value)})


def find(reader: LedgerReader, key: str) -> list[tuple[str, str]]:
    """Return the table and identifier of each record that somebody may mean.

    Args:
        reader: The ledger.
        key: A source identifier or the end of one, a sys_id, or a name as people call it, such as a
            vendor's name or an invoice's number. Without one that is the same, part of a name.
    """
    if not key.strip():
        return []
    found = [(row["table"], row["identifier"]) for row in reader.find(key)]
    waiting = matching(reader.rejects(), key)
    found += [(row["table"], row["identifier"]) for row in waiting]
    found += [(row["table"], key) for row in reader.history(key)]  # also of a row forgotten
    if any(identifier == key for _, identifier in found):
        return sorted({one for one in found if one[1] == key})
    sought = key.strip().casefold()
    same, part = [], []
    for table, identifier, values, is_record in reader.mentions(
        f"%{_NOT_IN_LIKE.sub('%', key.strip())}%"
    ):
        names = [words.name_of_record(values)] if is_record else _names(values)
        if any(name.casefold() == sought for name in names):
            same.append((table, identifier))
        elif len(sought) >= _SHORTEST_PART and any(sought in name.casefold() for name in names):
            part.append((table, identifier))
    return sorted(set(found + same) or set(part), key=lambda one: one[::-1])


def _names(changes: Mapping[str, Mapping[str, t.Any]]) -> list[str]:
    """Return the names that a row had and got by a change."""
    sides = ({n: str(c.get(side, "")) for n, c in changes.items()} for side in ("old", "new"))
    return [words.name_of_row(values) for values in sides]


def _columns(changes: Mapping[str, Mapping[str, t.Any]]) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (column, str(change.get("old", "")), str(change.get("new", "")))
        for column, change in changes.items()
    )


def _same(event: Event, before: Event | None) -> bool:
    """Tell whether a row that waits was only tried again, in the same run and in vain."""
    return before is not None and replace(event, at=before.at) == before
