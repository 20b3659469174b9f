"""What a person decides about rows between two runs: to drop those that wait, or to forget some."""

from __future__ import annotations

import typing as t
from contextlib import closing, contextmanager

from target_servicenow.ledger import file
from target_servicenow.ledger.entries import now
from target_servicenow.outcomes import Outcome

if t.TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path


def drop(path: Path, rows: Iterable[Mapping[str, t.Any]], reason: str) -> None:
    """Take rows off the list, and keep in their history that and why.

    The record is kept, so that the row stays dropped while it would wait with the same one.

    Args:
        path: The ledger.
        rows: What `LedgerReader.rejects` returned.
        reason: Why, in the words of whoever drops them.

    Raises:
        LedgerError: A run is using the ledger, or it cannot be written.
    """
    with _changing(path) as db:
        for row in rows:
            db.execute(
                'UPDATE rejects SET outcome = ?, reason = ? WHERE "table" = ? AND identifier = ?',
                (Outcome.DROPPED, reason, row["table"], row["identifier"]),
            )
            _note(db, row["run"], {**row, "sys_id": ""}, Outcome.DROPPED, reason)


def forget(path: Path, rows: Iterable[Mapping[str, t.Any]], reason: str) -> None:
    """Forget that rows have been in ServiceNow, so that they may be created again.

    Args:
        path: The ledger.
        rows: What `LedgerReader.find` returned.
        reason: Why, in the words of whoever says so.

    Raises:
        LedgerError: A run is using the ledger, or it cannot be written.
    """
    with _changing(path) as db:
        for row in rows:
            db.execute(
                'DELETE FROM records WHERE "table" = ? AND identifier = ?',
                (row["table"], row["identifier"]),
            )
            _note(db, row["last_seen"], {**row, "cause": ""}, Outcome.FORGOTTEN, reason)


@contextmanager
def _changing(path: Path) -> Iterator[sqlite3.Connection]:
    """Give the ledger, upgraded and within a transaction, to nobody else meanwhile."""
    with closing(file.lock(path)), closing(file.open_to_write(path)) as db:
        file.upgrade(db, path)
        with file.writing(db):
            yield db


def _note(
    db: sqlite3.Connection, run: int, row: Mapping[str, t.Any], outcome: Outcome, reason: str
) -> None:
    """Keep in the history of a row what was decided, with the last run that met it."""
    db.execute(
        'INSERT INTO outcomes (run, at, "table", identifier, sys_id, outcome, changes,'
        " altered, status, attempts, reason, cause)"
        " VALUES (?, ?, ?, ?, ?, ?, '{}', '{}', 0, 0, ?, ?)",
        (run, now(), row["table"], row["identifier"], row["sys_id"], outcome, reason, row["cause"]),
    )
