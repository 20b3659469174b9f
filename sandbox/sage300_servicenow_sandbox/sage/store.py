"""The store of the Sage 300 side: SQLite, each record as the JSON text that is sent.

A company has a table per resource. Keys, change date and indexed properties are columns that
SQLite derives from the record's text; every other property is extracted when a filter needs it.
"""

from __future__ import annotations

import sqlite3
import threading
import typing as t
import zlib
from contextlib import contextmanager
from dataclasses import dataclass

from sage300_servicenow_sandbox.sage.records import empty
from sage300_servicenow_sandbox.sage.resources import RESOURCES

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from sage300_servicenow_sandbox.sage.resources import Resource


@dataclass(frozen=True)
class Sql:
    """An SQL expression and the values to bind to it."""

    text: str
    values: tuple[t.Any, ...]


EVERY = Sql("TRUE", ())


def column(resource: Resource, name: str) -> str:
    """Return the SQL expression that gives a property's value."""
    if name in _stored(resource):
        return f'"{name}"'
    value = f"json_extract(record, '$.{name}')"
    site_property = next((prop for prop in resource.site_properties if prop.name == name), None)
    if site_property is None:
        return value
    # A record has a site's own property only once it was edited.
    return f"coalesce({value}, json_extract({_quoted(empty(site_property))}, '$'))"


def key_order(resource: Resource) -> str:
    """Return the SQL that orders by key."""
    return ", ".join(f'"{key}"' for key in resource.keys)


def caseless_order(resource: Resource) -> str:
    """Return the SQL that orders by key without regard to case, as many collations do."""
    return ", ".join(f'"{key}" COLLATE NOCASE, "{key}"' for key in resource.keys)


def shuffled_order(resource: Resource) -> str:
    """Return the SQL of an order that only looks random."""
    keys = key_order(resource)
    return f"shuffled({keys}), {keys}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _shuffled(*key: str | int) -> int:
    return zlib.crc32("/".join(map(str, key)).encode())


class Store:
    """The records of every company; safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        """Open the database file, or make it."""
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.create_function("shuffled", -1, _shuffled, deterministic=True)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS company (name TEXT PRIMARY KEY, made_from TEXT NOT NULL)"
        )

    def close(self) -> None:
        """Close the database file."""
        with self._lock:
            self._db.close()

    def companies(self) -> dict[str, str]:
        """Return what each company was made from, by company."""
        with self._lock:
            return dict(self._db.execute("SELECT name, made_from FROM company ORDER BY name"))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do everything inside or nothing; nobody else sees an intermediate state."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def create_company(self, company: str, made_from: str) -> None:
        """Make a company's tables, empty; a company of that name is dropped first."""
        for resource in RESOURCES.values():
            self._db.execute(f"DROP TABLE IF EXISTS {_table(company, resource)}")
            self._db.execute(_create_table(company, resource))
            for position, columns in enumerate(_indexes(resource)):
                unique = "UNIQUE" if columns == resource.keys else ""
                names = ", ".join(f'"{name}"' for name in columns)
                self._db.execute(
                    f'CREATE {unique} INDEX "{company}.{resource.name}.{position}" '
                    f"ON {_table(company, resource)} ({names})"
                )
        self._db.execute("REPLACE INTO company VALUES (?, ?)", (company, made_from))

    def insert(self, company: str, resource: Resource, records: Iterable[str]) -> None:
        """Add records, given as JSON text."""
        sql = f"INSERT INTO {_table(company, resource)} (record) VALUES (?)"  # noqa: S608
        with self._lock:
            self._db.executemany(sql, ((record,) for record in records))

    def replace(self, company: str, resource: Resource, key: Sequence[t.Any], record: str) -> None:
        """Replace the record with that key."""
        condition = by_key(resource, key)
        sql = f"UPDATE {_table(company, resource)} SET record = ? WHERE {condition.text}"  # noqa: S608
        with self._lock:
            self._db.execute(sql, (record, *condition.values))

    def delete(self, company: str, resource: Resource, condition: Sql) -> int:
        """Remove the records that meet a condition, and return how many."""
        sql = f"DELETE FROM {_table(company, resource)} WHERE {condition.text}"  # noqa: S608
        with self._lock:
            return self._db.execute(sql, condition.values).rowcount

    def get(self, company: str, resource: Resource, key: Sequence[t.Any]) -> str | None:
        """Return the record with that key, as JSON text."""
        found = self.select(company, resource, by_key(resource, key))
        return found[0] if found else None

    def select(
        self,
        company: str,
        resource: Resource,
        condition: Sql = EVERY,
        *,
        order: str = "",
        skip: int = 0,
        limit: int = -1,
    ) -> list[str]:
        """Return records as JSON text, by default all of them in key order."""
        sql = (
            f"SELECT record FROM {_table(company, resource)} "  # noqa: S608
            f"WHERE {condition.text} ORDER BY {order or key_order(resource)} LIMIT ? OFFSET ?"
        )
        with self._lock:
            rows = self._db.execute(sql, (*condition.values, limit, skip)).fetchall()
        return [record for (record,) in rows]

    def value(self, company: str, resource: Resource, expression: str, condition: Sql) -> t.Any:
        """Return an SQL aggregate over the records that meet a condition."""
        sql = f"SELECT {expression} FROM {_table(company, resource)} WHERE {condition.text}"  # noqa: S608
        with self._lock:
            return self._db.execute(sql, condition.values).fetchone()[0]

    def count(self, company: str, resource: Resource, condition: Sql = EVERY) -> int:
        """Return how many records meet a condition."""
        return int(self.value(company, resource, "count(*)", condition))


def _table(company: str, resource: Resource) -> str:
    return f'"{company}.{resource.name}"'


def _stored(resource: Resource) -> tuple[str, ...]:
    # Of the product's own properties only: a site's may come and go.
    change_date = RESOURCES[resource.name].change_date
    return (*resource.keys, *((change_date,) if change_date else ()), *resource.indexed)


def _indexes(resource: Resource) -> list[tuple[str, ...]]:
    others = [name for name in _stored(resource) if name not in resource.keys]
    return [resource.keys, *((name, *resource.keys) for name in others)]


def _create_table(company: str, resource: Resource) -> str:
    derived = "".join(
        f"\"{name}\" AS (json_extract(record, '$.{name}')) STORED, " for name in _stored(resource)
    )
    # The long text comes last, so that reading a key does not have to skip it.
    return f"CREATE TABLE {_table(company, resource)} ({derived}record TEXT NOT NULL)"


def by_key(resource: Resource, key: Sequence[t.Any]) -> Sql:
    """Return the condition that the record with that key meets."""
    return Sql(" AND ".join(f'"{name}" = ?' for name in resource.keys), tuple(key))
