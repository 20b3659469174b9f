"""What ServiceNow stores otherwise than sent, row by row, for as long as it does."""

from __future__ import annotations

import re
import typing as t

from target_servicenow.ledger.entries import Remembered, from_json, to_json
from target_servicenow.outcomes import WRITTEN, Outcome

if t.TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from target_servicenow.ledger.entries import Entry


_AMOUNT = re.compile(r"[A-Z]{3};-?[0-9.]+")


def shown(columns: str) -> dict[str, dict[str, str]]:
    """Return what is remembered of a row, as commands show it.

    An amount that ServiceNow shows without the currency it was sent in is left out: it is stored as
    sent, and only converted for whoever reads it.
    """
    remembered: dict[str, dict[str, str]] = from_json(columns)
    return {
        name: change
        for name, change in remembered.items()
        if not (change["old"] and ";" not in change["old"] and _AMOUNT.fullmatch(change["new"]))
    }


def keep(db: sqlite3.Connection, entries: Iterable[Entry]) -> None:
    """Keep what is remembered of rows, and forget it of those that stand as they should."""
    seen = [(e.table, e.identifier, e.remembered) for e in entries if e.remembered is not None]
    db.executemany(
        'DELETE FROM altered WHERE "table" = ? AND identifier = ?',
        [(table, identifier) for table, identifier, row in seen if not row.columns],
    )
    db.executemany(
        'INSERT INTO altered ("table", identifier, columns, modifications) VALUES (?, ?, ?, ?)'
        ' ON CONFLICT ("table", identifier) DO UPDATE SET columns = excluded.columns,'
        " modifications = excluded.modifications"
        " WHERE (altered.columns, altered.modifications)"
        " <> (excluded.columns, excluded.modifications)",
        [
            (table, identifier, to_json(row.columns), row.modifications)
            for table, identifier, row in seen
            if row.columns
        ],
    )


def read(db: sqlite3.Connection, table: str, identifiers: Iterable[str]) -> dict[str, Remembered]:
    """Return what is remembered of some rows of a table, by identifier."""
    found = {}
    for identifier in identifiers:
        rows = db.execute(
            'SELECT columns, modifications FROM altered WHERE "table" = ? AND identifier = ?',
            (table, identifier),
        ).fetchall()
        [(columns, modifications)] = rows or [("{}", "")]
        row = Remembered(from_json(columns), modifications, _resent(db, table, identifier))
        if row.columns or row.resent:
            found[identifier] = row
    return found


def _resent(db: sqlite3.Connection, table: str, identifier: str) -> dict[str, dict[str, str]]:
    """Return what the last write of a row sent again, if the row has not been seen since.

    A write that was answered is one with a status; what a plan would do has none.
    """
    writes = db.execute(
        "SELECT run = last_seen, outcome, changes FROM outcomes"
        ' JOIN records USING ("table", identifier)'
        ' WHERE "table" = ? AND identifier = ? AND outcome IN (?, ?, ?) AND status > 0'
        " ORDER BY number DESC LIMIT 2",
        (table, identifier, *sorted(WRITTEN)),
    ).fetchall()
    if len(writes) < 2:  # noqa: PLR2004 - one write sends nothing again
        return {}
    (is_latest, _, last), (_, outcome, before) = writes
    if not is_latest:
        return {}
    sent = {name: change["new"] for name, change in from_json(before).items()}
    unsent = "" if outcome == Outcome.CREATED else None  # empty columns are not sent
    return {
        name: change
        for name, change in from_json(last).items()
        if change["new"] == sent.get(name, unsent)
    }
