"""The instance's rows in SQLite: one table per table, every value text."""

from __future__ import annotations

import sqlite3
import typing as t
from contextlib import contextmanager

from sage300_servicenow_sandbox.servicenow import identifiers, money
from sage300_servicenow_sandbox.servicenow.columns import ExactSum, compare_numbers

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from sage300_servicenow_sandbox.servicenow.schema import Schema, Table

Row = dict[str, str]
_UNIQUE = "unique_"


class Store:
    """Rows by table, for one thread at a time, which is up to the caller.

    The file survives the process but not a power failure: synchronous is off, for speed.
    """

    def __init__(self, path: Path, schema: Schema, random_seed: int) -> None:
        """Open or create the SQLite file at `path` and the tables of `schema` in it.

        New sys_ids are made from the seed.
        """
        self._random_seed = random_seed
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = OFF")
        self.connection.create_collation("number", compare_numbers)
        self.connection.create_aggregate("exact_sum", 1, ExactSum)
        self.connection.create_aggregate("reference_sum", 1, money.ReferenceSum)
        self.connection.create_function("money_part", 2, money.part, deterministic=True)
        self.connection.create_function("money_entered", 1, money.entered, deterministic=True)
        with self.transaction() as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS _sys_ids (made INTEGER NOT NULL)")
            connection.execute(
                "INSERT INTO _sys_ids SELECT 0 WHERE NOT EXISTS (SELECT * FROM _sys_ids)"
            )
            for table in schema.tables.values():
                create(connection, table)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Open a transaction: committed at the end, undone by an error."""
        self.connection.execute("BEGIN")
        try:
            yield self.connection
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def new_sys_id(self, table: Table) -> str:
        """Make a sys_id for a row of a table, within a transaction.

        The file counts them, so that none repeats, not even after a restart.
        """
        while True:
            self.connection.execute("UPDATE _sys_ids SET made = made + 1")
            [made] = self.connection.execute("SELECT made FROM _sys_ids").fetchone()
            sys_id = identifiers.sys_id(self._random_seed, made)
            # A caller may have copied it from another instance with the same seed.
            if not exists(self.connection, table.name, "sys_id", sys_id):
                return sys_id

    def close(self) -> None:
        """Close the file."""
        self.connection.close()


def insert(connection: sqlite3.Connection, table: Table, row: Mapping[str, str]) -> None:
    """Add a row that holds every column.

    Raises:
        sqlite3.IntegrityError: The sys_id is taken.
    """
    marks = ", ".join("?" * len(table.columns))
    connection.execute(
        f'INSERT INTO "{table.name}" VALUES ({marks})',  # noqa: S608 (names from tables.yml)
        [row[name] for name in table.columns],
    )


def update(
    connection: sqlite3.Connection, table: Table, sys_id: str, values: Mapping[str, str]
) -> None:
    """Change some columns of a row."""
    assignments = ", ".join(f'"{name}" = ?' for name in values)
    connection.execute(
        f'UPDATE "{table.name}" SET {assignments} WHERE "sys_id" = ?',  # noqa: S608
        [*values.values(), sys_id],
    )


def delete(connection: sqlite3.Connection, table: Table, sys_id: str) -> bool:
    """Remove a row; tell whether it was there."""
    sql = f'DELETE FROM "{table.name}" WHERE "sys_id" = ?'  # noqa: S608
    return connection.execute(sql, [sys_id]).rowcount > 0


def clear(connection: sqlite3.Connection, table: Table) -> None:
    """Remove every row."""
    connection.execute(f'DELETE FROM "{table.name}"')  # noqa: S608


def restart_count(connection: sqlite3.Connection) -> None:
    """Start again with the first sys_id; the tables must be empty."""
    connection.execute("UPDATE _sys_ids SET made = 0")


def find(connection: sqlite3.Connection, table: Table, sys_id: str) -> Row | None:
    """Return a row with every column, or None."""
    sql = f'SELECT * FROM "{table.name}" WHERE "sys_id" = ?'  # noqa: S608
    values = connection.execute(sql, [sys_id]).fetchone()
    return values and dict(zip(table.columns, values, strict=True))


def exists(connection: sqlite3.Connection, table: str, key: str, value: str) -> bool:
    """Tell whether a row of `table` has `value` in its column `key`."""
    sql = f'SELECT 1 FROM "{table}" WHERE "{key}" = ?'  # noqa: S608
    return connection.execute(sql, [value]).fetchone() is not None


def every(connection: sqlite3.Connection, table: Table) -> list[Row]:
    """Return all rows with every column, in the order of their sys_id."""
    sql = f'SELECT * FROM "{table.name}" ORDER BY "sys_id"'  # noqa: S608
    rows = connection.execute(sql).fetchall()
    return [dict(zip(table.columns, values, strict=True)) for values in rows]


def set_unique(
    connection: sqlite3.Connection, indexes: Iterable[tuple[str, tuple[str, ...]]]
) -> None:
    """Replace the unique indexes by these, given as (table, columns); empty values may repeat.

    Raises:
        sqlite3.IntegrityError: A table holds duplicates already.
    """
    sql = "SELECT name FROM sqlite_master WHERE type = 'index' AND name LIKE ?"
    for (name,) in connection.execute(sql, [f"{_UNIQUE}%"]).fetchall():
        connection.execute(f'DROP INDEX "{name}"')
    for number, (table, columns) in enumerate(indexes):
        keys = ", ".join(f'"{column}"' for column in columns)
        filled = " AND ".join(f"\"{column}\" <> ''" for column in columns)
        connection.execute(
            f'CREATE UNIQUE INDEX "{_UNIQUE}{number}" ON "{table}" ({keys}) WHERE {filled}'
        )


def create(connection: sqlite3.Connection, table: Table) -> None:
    """Create a table and its index unless they exist."""
    definitions = ", ".join(
        f'"{name}" TEXT NOT NULL COLLATE NOCASE{" PRIMARY KEY" if name == "sys_id" else ""}'
        for name in table.columns
    )
    connection.execute(f'CREATE TABLE IF NOT EXISTS "{table.name}" ({definitions}) WITHOUT ROWID')
    if "correlation_id" in table.columns:
        connection.execute(
            f'CREATE INDEX IF NOT EXISTS "{table.name}_correlation_id"'
            f' ON "{table.name}" ("correlation_id")'
        )
