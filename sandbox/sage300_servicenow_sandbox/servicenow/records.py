"""Writing rows, the one way for every caller."""

from __future__ import annotations

import sqlite3
import typing as t
from contextlib import suppress

from sage300_servicenow_sandbox.servicenow import errors, store
from sage300_servicenow_sandbox.servicenow.columns import canonical, too_long
from sage300_servicenow_sandbox.servicenow.errors import ApiError
from sage300_servicenow_sandbox.servicenow.money import entered

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sage300_servicenow_sandbox.clock import Clock
    from sage300_servicenow_sandbox.servicenow.behaviours import Behaviours
    from sage300_servicenow_sandbox.servicenow.rules import RowRules
    from sage300_servicenow_sandbox.servicenow.schema import Table
    from sage300_servicenow_sandbox.servicenow.store import Row, Store


ADMIN = "admin"


class Records:
    """Inserts, updates and deletes, as ServiceNow carries them out.

    Values that do not fit are not errors: unknown and read-only columns, values that do not parse
    and choices that are not in the list are ignored; a reference to a missing row is stored empty.
    """

    def __init__(self, rows: Store, clock: Clock, behaviours: Behaviours, rules: RowRules) -> None:
        """Write into `rows`, stamped with the time of `clock`, under the rules."""
        self._rows = rows
        self._clock = clock
        self._behaviours = behaviours
        self._rules = rules
        self._due: list[tuple[Table, str, str]] = []  # for asynchronous rules, with the user

    def insert(self, table: Table, values: Mapping[str, object], *, user: str) -> Row:
        """Insert a row and return it; its sys_id is the caller's own where `values` holds one.

        Raises:
            ApiError: The table is the system's, a rule refuses the row, a mandatory column is
                empty, or the sys_id or the values of a unique index are taken.
        """
        _check_writable(table, "Insert")
        now = self._now()
        stamps = {
            "sys_created_on": now,
            "sys_created_by": user,
            "sys_updated_on": now,
            "sys_updated_by": user,
        }
        defaults = {name: column.default for name, column in table.columns.items()}
        with self._rows.transaction() as connection:
            sent = self._stored(connection, table, values, "insert")
            sys_id = self._own_sys_id(table, values, user) or self._rows.new_sys_id(table)
            new = {**defaults, **stamps, **sent, "sys_id": sys_id}
            row = self._rules.applied(connection, table, new)
            try:
                store.insert(connection, table, row)
            except sqlite3.IntegrityError as error:
                raise _failed(table, row, "insert") from error
        self._await_rules(table, sys_id, user)
        return row

    def update(self, table: Table, sys_id: str, values: Mapping[str, object], *, user: str) -> None:
        """Change the columns sent; a row that would not change keeps its stamps too.

        Raises:
            ApiError: The table is the system's, there is no such row, a rule refuses the row, a
                mandatory column would be empty, or the values of a unique index are taken.
        """
        _check_writable(table, "Update")
        with self._rows.transaction() as connection:
            old = store.find(connection, table, sys_id)
            if old is None:
                raise ApiError(errors.NO_RECORD)
            sent = self._stored(connection, table, values, "update")
            # An amount that is entered again is not converted again.
            sent |= {
                name: old[name]
                for name, value in sent.items()
                if table.columns[name].currencies and entered(value) == entered(old[name])
            }
            is_changed = any(value != old[name] for name, value in sent.items())
            new = self._rules.applied(connection, table, {**old, **sent}, changed=is_changed)
            changed = {name: value for name, value in new.items() if value != old[name]}
            if not changed:  # as it was, or a business rule put things back
                return
            try:
                store.update(connection, table, sys_id, {**changed, **self._stamps(old, user)})
            except sqlite3.IntegrityError as error:
                raise _failed(table, new, "update") from error
        self._await_rules(table, sys_id, user)

    def run_async_rules(self) -> None:
        """Run the asynchronous business rules of the rows written since this was last called."""
        due, self._due = self._due, []
        for table, sys_id, user in due:
            # What such a rule fails on is in the instance's log, and nowhere else.
            with suppress(sqlite3.IntegrityError), self._rows.transaction() as connection:
                old = store.find(connection, table, sys_id)
                if old is None:
                    continue
                new = self._rules.applied_later(connection, table, old)
                changed = {name: value for name, value in new.items() if value != old[name]}
                if changed:
                    store.update(connection, table, sys_id, {**changed, **self._stamps(old, user)})

    def delete(self, table: Table, sys_id: str) -> None:
        """Delete a row; references to it stay as they are (an assumption).

        Raises:
            ApiError: The table is the system's or there is no such row.
        """
        _check_writable(table, "Delete")
        with self._rows.transaction() as connection:
            if not store.delete(connection, table, sys_id):
                raise ApiError(errors.NO_RECORD)

    def _await_rules(self, table: Table, sys_id: str, user: str) -> None:
        if self._rules.runs_later(table):
            self._due.append((table, sys_id, user))

    def _stamps(self, old: Row, user: str) -> Row:
        """Return the columns that every change of a row changes."""
        return {
            "sys_updated_on": self._now(),
            "sys_updated_by": user,
            "sys_mod_count": str(int(old["sys_mod_count"]) + 1),
        }

    def _now(self) -> str:
        return f"{self._clock.now():%Y-%m-%d %H:%M:%S}"

    def _own_sys_id(self, table: Table, values: Mapping[str, object], user: str) -> str | None:
        """Return the sys_id a caller chose, if it may and if it is 32 hexadecimal digits.

        What other forms of sys_id would do is an assumption.
        """
        reserved = self._behaviours.property("glide.rest.table_api.admin_only_sys_fields")
        if reserved and user != ADMIN:
            return None
        return canonical(table.columns["sys_id"], values.get("sys_id"))

    def _stored(
        self,
        connection: sqlite3.Connection,
        table: Table,
        values: Mapping[str, object],
        operation: str,
    ) -> Row:
        """Return the values sent that their columns can store, in the form they store them in."""
        any_choice = self._behaviours.property("glide.rest.choice.allow_non_existing_value")
        kept = {}
        form = _TEXT[self._behaviours.stored_text]
        for name, sent in values.items():
            column = table.columns.get(name)
            if column is None or column.read_only:
                continue
            value = form(sent) if isinstance(sent, str) else sent
            if self._behaviours.over_long == "refuse" and too_long(column, value):
                raise _failed(table, values, operation)
            text = canonical(column, value, any_choice=any_choice)
            if text is None:
                continue
            if text and column.reference:
                found = store.exists(connection, column.reference, column.key, text)
                text = text if found else ""
            kept[name] = text
        return kept


_TEXT: dict[str, Callable[[str], str]] = {
    "as_sent": lambda text: text,
    "trimmed": str.strip,
    "crlf": lambda text: "\r\n".join(text.splitlines()),
}


def _check_writable(table: Table, operation: str) -> None:
    if table.system:
        raise ApiError(errors.ACL, operation=operation)


def _failed(table: Table, row: Mapping[str, object], operation: str) -> ApiError:
    display = row.get(table.display, "")
    return ApiError(errors.WRITE_FAILED, operation=operation, table=table.name, display=display)
