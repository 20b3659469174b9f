"""What the ledger remembers of rows: which identifier was where. It is asked before a create."""

from __future__ import annotations

import typing as t
from itertools import islice

from target_servicenow.ledger import file
from target_servicenow.ledger.entries import Reject
from target_servicenow.outcomes import FOR_A_PERSON

if t.TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

UNSHOWN: t.Final = "?"
"""The sys_id of a row that was created and that ServiceNow never showed."""

_CHUNK = 500
"""Values in one statement: SQLite takes 999 at least."""

# A plan has a table `records` of its own, with rows that exist nowhere.
_RECORDS: t.Final = "main.records"


class Memory:
    """The rows that runs which wrote have seen, and those that wait.

    What a plan would do is no part of the former, and a part of the latter.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        """Read from an open ledger."""
        self._db = db

    def known(self, table: str, identifiers: Iterable[str]) -> dict[str, str]:
        """Return those of `identifiers` that have been in ServiceNow, with their sys_id or "".

        Raises:
            LedgerError: The ledger cannot be read, as in every method here.
        """
        rows = self._each("identifier, sys_id", "identifier", table, identifiers)
        return {name: "" if sys_id == UNSHOWN else sys_id for name, sys_id in rows if sys_id}

    def owned(self, table: str, sys_ids: Iterable[str]) -> set[str]:
        """Return those of `sys_ids` that are the rows of records."""
        return {sys_id for (sys_id,) in self._each("sys_id", "sys_id", table, sys_ids)}

    def latest(self, table: str, limit: int) -> dict[str, str]:
        """Return the identifiers that were seen last, each with its sys_id."""
        sql = (
            f'SELECT identifier, sys_id FROM {_RECORDS} WHERE "table" = ?'  # noqa: S608 - a constant
            " AND sys_id NOT IN ('', ?) ORDER BY last_seen DESC, identifier LIMIT ?"
        )
        with file.reading():
            return dict(self._db.execute(sql, (table, UNSHOWN, limit)).fetchall())

    def waiting(self, table: str) -> list[Reject]:
        """Return the rows of a table that wait with their record, those this run rejected too."""
        sql = (
            'SELECT "table", identifier, run, outcome, cause FROM rejects WHERE "table" = ?'
            " AND outcome IN ('held', 'rejected') AND payload <> '{}' ORDER BY identifier"
        )
        with file.reading():
            found = [Reject(*row) for row in self._db.execute(sql, (table,))]
        return [reject for reject in found if reject.cause not in FOR_A_PERSON]

    def _each(
        self, columns: str, column: str, table: str, values: Iterable[str]
    ) -> Iterator[tuple[str, ...]]:
        rest = iter(values)
        while chunk := list(islice(rest, _CHUNK)):
            marks = ", ".join("?" * len(chunk))
            sql = f'SELECT {columns} FROM {_RECORDS} WHERE "table" = ? AND {column} IN ({marks})'  # noqa: S608 - names from here
            with file.reading():
                found = self._db.execute(sql, (table, *chunk)).fetchall()
            yield from found
