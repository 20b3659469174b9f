"""Dropping rows that wait, by a person between two runs."""

from __future__ import annotations

import typing as t
from contextlib import closing

from target_servicenow.ledger import file
from target_servicenow.ledger.entries import now
from target_servicenow.outcomes import Outcome

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
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
    with closing(file.lock(path)), closing(file.open_to_write(path)) as db:
        file.upgrade(db, path)
        with file.writing(db):
            for row in rows:
                key = (row["table"], row["identifier"])
                db.execute(
                    'UPDATE rejects SET outcome = ?, reason = ? WHERE "table" = ?'
                    " AND identifier = ?",
                    (Outcome.DROPPED, reason, *key),
                )
                db.execute(
                    'INSERT INTO outcomes (run, at, "table", identifier, sys_id, outcome, changes,'
                    " altered, status, attempts, reason, cause)"
                    " VALUES (?, ?, ?, ?, '', ?, '{}', '{}', 0, 0, ?, ?)",
                    (row["run"], now(), *key, Outcome.DROPPED, reason, row["cause"]),
                )
