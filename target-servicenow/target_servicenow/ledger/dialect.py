"""Differences between the SQL of SQLite and of other databases.

The ledger's SQL is written as SQLite takes it, within what PostgreSQL takes too, except for the
phrases listed here.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass


@dataclass(frozen=True)
class Dialect:
    """The phrases of one database.

    Attributes:
        begin: Starts a transaction that writes, and locks out other writers at once.
        numbered: A primary key that the database counts up.
        integer: A whole number of 64 bits.
        keyed: Follows a table stored in the order of its primary key.
        parameter: Where a value goes.
    """

    begin: str
    numbered: str
    integer: str
    keyed: str
    parameter: str

    def translate(self, sql: str) -> str:
        """Return SQL written for SQLite as this database takes it."""
        for ours, theirs in zip(astuple(SQLITE), astuple(self), strict=True):
            sql = sql.replace(ours, theirs)
        return sql


SQLITE = Dialect(
    begin="BEGIN IMMEDIATE",
    numbered="INTEGER PRIMARY KEY",
    integer="INTEGER",
    keyed=" WITHOUT ROWID",
    parameter="?",
)
