"""Business rules and data policies: an instance's own rules for rows that are written."""

from __future__ import annotations

import typing as t
from uuid import NAMESPACE_URL, uuid5

from sage300_servicenow_sandbox.declared import DeclarationError
from sage300_servicenow_sandbox.servicenow import errors, sql
from sage300_servicenow_sandbox.servicenow.columns import canonical
from sage300_servicenow_sandbox.servicenow.errors import ApiError, Failure

if t.TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from sage300_servicenow_sandbox.servicenow.behaviours import BusinessRule, DataPolicy
    from sage300_servicenow_sandbox.servicenow.schema import Schema, Table
    from sage300_servicenow_sandbox.servicenow.sql import Clause
    from sage300_servicenow_sandbox.servicenow.store import Row


class RowRules:
    """The rules of all tables."""

    def __init__(
        self,
        schema: Schema,
        business_rules: Iterable[BusinessRule],
        data_policies: Iterable[DataPolicy],
    ) -> None:
        """Take the rules, in the order they run in.

        Raises:
            DeclarationError: A rule names a column that does not exist, or a value its column
                cannot store, or it would refuse a row that has been written.
        """
        self._business: dict[str, list[tuple[Clause, BusinessRule]]] = {}
        self._async: dict[str, list[tuple[Clause, BusinessRule]]] = {}
        self._policies: dict[str, list[tuple[Clause, DataPolicy]]] = {}
        for rule in business_rules:
            schema.column(rule.table, rule.column if rule.action == "set" else "sys_id")
            if rule.action == "set":
                _check_value(schema, rule)
            elif rule.timing == "async":
                raise DeclarationError(
                    f"A business rule of {rule.table} cannot {rule.action} a row asynchronously: "
                    "the row has been written by then; it can set a column"
                )
            when = sql.declared(schema, rule.table, rule.when)
            rules = self._async if rule.timing == "async" else self._business
            rules.setdefault(rule.table, []).append((when, rule))
        for policy in data_policies:
            for name in policy.mandatory:
                schema.column(policy.table, name)
            when = sql.declared(schema, policy.table, policy.when)
            self._policies.setdefault(policy.table, []).append((when, policy))

    def applied(
        self, connection: sqlite3.Connection, table: Table, row: Row, *, changed: bool = True
    ) -> Row:
        """Return the row as it will be written.

        Args:
            connection: The connection to the rows.
            table: The table.
            row: The row as it was sent.
            changed: Whether that changes anything; where it does not, few rules run.

        Raises:
            ApiError: A business rule refuses it or fails, or a mandatory column is empty.
        """
        for when, rule in self._business.get(table.name, ()):
            if not (changed or rule.unchanged) or not sql.holds(connection, table, row, when):
                continue
            if rule.action == "refuse":
                sys_id = uuid5(NAMESPACE_URL, f"{table.name}/{rule.message}").hex
                values = {"table": table.name, "rule": rule.message, "sys_id": sys_id}
                raise ApiError(errors.BUSINESS_RULE, **values)
            if rule.action == "fail":
                failure = Failure(rule.status, "{message}", None)
                raise ApiError(failure, message=rule.message)
            row = {**row, rule.column: rule.value}
        if not changed:
            return row
        mandatory = {name for name, column in table.columns.items() if column.mandatory}
        for when, policy in self._policies.get(table.name, ()):
            if sql.holds(connection, table, row, when):
                mandatory |= {*policy.mandatory}
        labels = [
            column.label
            for name, column in table.columns.items()
            if name in mandatory and not row[name]
        ]
        if labels:
            raise ApiError(errors.MANDATORY, labels=", ".join(labels))
        return row

    def runs_later(self, table: Table) -> bool:
        """Tell whether a table has rules that run after a write has been answered."""
        return table.name in self._async

    def applied_later(self, connection: sqlite3.Connection, table: Table, row: Row) -> Row:
        """Return a written row as such rules leave it."""
        for when, rule in self._async.get(table.name, ()):
            if sql.holds(connection, table, row, when):
                row = {**row, rule.column: rule.value}
        return row


def _check_value(schema: Schema, rule: BusinessRule) -> None:
    column = schema.column(rule.table, rule.column)
    if canonical(column, rule.value) != rule.value:
        raise DeclarationError(
            f"A business rule of {rule.table} cannot set {rule.column} to {rule.value!r}: "
            "the column does not store that"
        )
