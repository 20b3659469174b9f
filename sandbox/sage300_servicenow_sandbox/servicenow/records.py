"""The one way rows are written, whoever writes them."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING
from uuid import uuid4

from sage300_servicenow_sandbox.servicenow import errors, store
from sage300_servicenow_sandbox.servicenow.columns import canonical
from sage300_servicenow_sandbox.servicenow.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sage300_servicenow_sandbox.clock import Clock
    from sage300_servicenow_sandbox.servicenow.schema import Table
    from sage300_servicenow_sandbox.servicenow.store import Row, Store


class Records:
    """Inserts, updates and deletes, with what ServiceNow does to them on the way.

    Values that do not fit are not errors: unknown and read-only columns, values that do not parse
    and choices that are not in the list are left out; a reference to a row that is not there is
    stored empty.
    """

    def __init__(self, rows: Store, clock: Clock) -> None:
        """Write into `rows`, stamped with the time of `clock`."""
        self._rows = rows
        self._clock = clock

    def insert(self, table: Table, values: Mapping[str, object], *, user: str) -> Row:
        """Insert a row and return it; its sys_id is the caller's own where `values` holds one.

        Raises:
            ApiError: the table is the system's, a mandatory column is empty, or the sys_id is
                taken.
        """
        _check_writable(table, "Insert")
        now = self._now()
        stamps = {
            "sys_id": _own_sys_id(table, values) or uuid4().hex,
            "sys_created_on": now,
            "sys_created_by": user,
            "sys_updated_on": now,
            "sys_updated_by": user,
        }
        defaults = {name: column.default for name, column in table.columns.items()}
        with self._rows.transaction() as connection:
            row = {**defaults, **stamps, **_stored(connection, table, values)}
            _check_mandatory(table, row)
            try:
                store.insert(connection, table, row)
            except sqlite3.IntegrityError as error:
                display = row[table.display]
                raise ApiError(errors.INSERT_FAILED, table=table.name, display=display) from error
        return row

    def update(self, table: Table, sys_id: str, values: Mapping[str, object], *, user: str) -> None:
        """Change the columns sent; a row that already reads so is left untouched, stamps and all.

        Raises:
            ApiError: the table is the system's, there is no such row, or a mandatory column
                would be empty.
        """
        _check_writable(table, "Update")
        with self._rows.transaction() as connection:
            old = store.find(connection, table, sys_id)
            if old is None:
                raise ApiError(errors.NO_RECORD)
            sent = _stored(connection, table, values)
            changed = {name: value for name, value in sent.items() if value != old[name]}
            if not changed:
                return
            _check_mandatory(table, {**old, **changed})
            stamps = {
                "sys_updated_on": self._now(),
                "sys_updated_by": user,
                "sys_mod_count": str(int(old["sys_mod_count"]) + 1),
            }
            store.update(connection, table, sys_id, {**changed, **stamps})

    def delete(self, table: Table, sys_id: str) -> None:
        """Delete a row; references to it stay as they are (an assumption).

        Raises:
            ApiError: the table is the system's or there is no such row.
        """
        _check_writable(table, "Delete")
        with self._rows.transaction() as connection:
            if not store.delete(connection, table, sys_id):
                raise ApiError(errors.NO_RECORD)

    def _now(self) -> str:
        return f"{self._clock.now():%Y-%m-%d %H:%M:%S}"


def _check_writable(table: Table, operation: str) -> None:
    if table.system:
        raise ApiError(errors.ACL, operation=operation)


def _own_sys_id(table: Table, values: Mapping[str, object]) -> str | None:
    """Return the sys_id a caller chose: honoured by default, if it is 32 hexadecimal digits.

    The property that would forbid it, glide.rest.table_api.admin_only_sys_fields, is off by
    default; what other forms of sys_id would do is an assumption.
    """
    return canonical(table.columns["sys_id"], values.get("sys_id"))


def _stored(connection: sqlite3.Connection, table: Table, values: Mapping[str, object]) -> Row:
    """Keep of the values sent what their columns can store, in the form they store it in."""
    kept = {}
    for name, value in values.items():
        column = table.columns.get(name)
        if column is None or column.read_only:
            continue
        text = canonical(column, value)
        if text is None:
            continue
        if (
            text
            and column.reference
            and not store.exists(connection, column.reference, column.key, text)
        ):
            text = ""
        kept[name] = text
    return kept


def _check_mandatory(table: Table, row: Row) -> None:
    labels = [
        column.label for name, column in table.columns.items() if column.mandatory and not row[name]
    ]
    if labels:
        raise ApiError(errors.MANDATORY, labels=", ".join(labels))
