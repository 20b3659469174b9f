"""Forgetting where rows are, by a person who knows that they were deleted in ServiceNow."""

from __future__ import annotations

import typing as t
from contextlib import closing

from target_servicenow.ledger import file
from target_servicenow.ledger.entries import now

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

FORGOTTEN: t.Final = "forgotten"
"""The outcome that stays in the history of a row."""


def forget(path: Path, rows: Iterable[Mapping[str, t.Any]], reason: str) -> None:
    """Forget that rows have been in ServiceNow, so that they may be created again.

    Args:
        path: The ledger.
        rows: What `LedgerReader.find` returned.
        reason: Why, in the words of whoever says so.

    Raises:
        LedgerError: A run is using the ledger, or it cannot be written.
    """
    with closing(file.lock(path)), closing(file.open_to_write(path)) as db:
        file.upgrade(db, path)
        with file.writing(db):
            for row in rows:
                key = (row["table"], row["identifier"])
                db.execute('DELETE FROM records WHERE "table" = ? AND identifier = ?', key)
                db.execute(
                    'INSERT INTO outcomes (run, at, "table", identifier, sys_id, outcome, changes,'
                    " altered, status, attempts, reason)"
                    " VALUES (?, ?, ?, ?, ?, ?, '{}', '{}', 0, 0, ?)",
                    (row["last_seen"], now(), *key, row["sys_id"], FORGOTTEN, reason),
                )
