"""What ServiceNow stores otherwise than sent, column by column, for as long as it does."""

from __future__ import annotations

import typing as t

from target_servicenow.ledger.entries import from_json, to_json

if t.TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

    from target_servicenow.ledger.entries import Entry


def keep(db: sqlite3.Connection, entries: Iterable[Entry]) -> None:
    """Keep what is remembered of rows, and forget it of those that stand as they should."""
    seen = [entry for entry in entries if entry.remembered is not None]
    db.executemany(
        'DELETE FROM altered WHERE "table" = ? AND identifier = ?',
        [(entry.table, entry.identifier) for entry in seen if not entry.remembered],
    )
    db.executemany(
        'INSERT INTO altered ("table", identifier, columns) VALUES (?, ?, ?)'
        ' ON CONFLICT ("table", identifier) DO UPDATE SET columns = excluded.columns'
        " WHERE altered.columns <> excluded.columns",
        [(e.table, e.identifier, to_json(e.remembered)) for e in seen if e.remembered],
    )


def read(
    db: sqlite3.Connection, table: str, identifiers: Iterable[str]
) -> dict[str, Mapping[str, Mapping[str, str]]]:
    """Return what is remembered of some rows of a table, by identifier and column."""
    found = {}
    for identifier in identifiers:
        rows = db.execute(
            'SELECT columns FROM altered WHERE "table" = ? AND identifier = ?', (table, identifier)
        )
        for (columns,) in rows:
            found[identifier] = from_json(columns)
    return found
