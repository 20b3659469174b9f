"""What ServiceNow stores otherwise than sent, row by row, for as long as it does."""

from __future__ import annotations

import re
import typing as t

from target_servicenow.ledger.entries import Remembered, from_json, to_json

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
        )
        for columns, modifications in rows:
            found[identifier] = Remembered(from_json(columns), modifications)
    return found
