"""What the integration account may read, query and write."""

from __future__ import annotations

import typing as t

from sage300_servicenow_sandbox.declared import DeclarationError
from sage300_servicenow_sandbox.servicenow import errors, sql
from sage300_servicenow_sandbox.servicenow.errors import ApiError

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sage300_servicenow_sandbox.servicenow.behaviours import AccessRule, Behaviours
    from sage300_servicenow_sandbox.servicenow.encoded_query import EncodedQuery
    from sage300_servicenow_sandbox.servicenow.schema import Schema, Table
    from sage300_servicenow_sandbox.servicenow.sql import Clause

_WHOLE = "*"
_MATCHING = {
    *("=", "!=", "IN", "NOT IN", "SAMEAS", "ANYTHING"),
    *("EMPTYSTRING", "ISEMPTY", "ISNOTEMPTY"),
}
_WORDS = {"create": "Insert", "write": "Update", "delete": "Delete"}


class Access:
    """Access rules and domains; what no rule forbids is allowed."""

    def __init__(self, schema: Schema, behaviours: Behaviours) -> None:
        """Take the rules.

        Raises:
            DeclarationError: A rule names a table or column that does not exist.
        """
        self._schema = schema
        self._unknown_operators = frozenset(behaviours.unknown_operators)
        self._no_rows = behaviours.property("glide.invalid_query.returns_no_rows")
        self._closed = frozenset(behaviours.no_web_services)
        last = {
            (rule.table, rule.column, rule.operation, rule.when): rule for rule in behaviours.access
        }
        forbidden = [rule for rule in last.values() if not rule.allowed]
        for table in behaviours.no_web_services:
            schema.column(table, "sys_id")
        for rule in forbidden:
            _check(schema, rule)
        self._forbidden = frozenset(
            (rule.operation, rule.table, rule.column) for rule in forbidden if not rule.when
        )
        self._hidden = _hidden(schema, forbidden)
        elsewhere: dict[str, list[Clause]] = {}
        for domain in behaviours.other_domains:
            when = sql.declared(schema, domain.table, domain.when)
            elsewhere.setdefault(domain.table, []).append(when)
        self._elsewhere = {table: sql.any_of(found) for table, found in elsewhere.items()}
        self._concealed: dict[str, dict[str, Clause]] = {}
        for rule in forbidden:
            if rule.when and rule.column != _WHOLE:
                when = sql.declared(schema, rule.table, rule.when)
                self._concealed.setdefault(rule.table, {})[rule.column] = when

    def check_table(self, table: Table, operation: str) -> None:
        """Refuse what may not be done to a table at all.

        Raises:
            ApiError: Web services are closed to the table, or a rule forbids the operation.
        """
        if table.name in self._closed:
            raise ApiError(errors.API_ACL)
        if (operation, table.name, _WHOLE) in self._forbidden:
            if operation in _WORDS:
                raise ApiError(errors.ACL, operation=_WORDS[operation])
            if table.refuses:
                raise ApiError(errors.API_ACL)

    def check_query(self, table: Table, query: EncodedQuery) -> None:
        """Refuse a query on what the account may not read or query.

        Raises:
            ApiError: Such a column is in a condition or in the order.
        """
        if not self._forbidden:
            return
        terms = [term for group in query.groups for any_of in group for term in any_of]
        asked = [(term.field, _query_operation(term.operator)) for term in terms]
        if asked and ("query", table.name, _WHOLE) in self._forbidden:
            raise ApiError(errors.QUERY_ACL)
        asked += [(order.field, "query_range") for order in query.orders]
        if any((operation, table.name, _WHOLE) in self._forbidden for _, operation in asked):
            raise ApiError(errors.QUERY_ACL)
        for path, operation in asked:
            if not all(self.shows(table.name, path, each) for each in ("query", operation)):
                raise ApiError(errors.QUERY_ACL)

    def where(self, table: Table, query: EncodedQuery) -> Clause:
        """Express what a query finds in the account's domain.

        What it does not understand is dropped, or finds nothing
        (``glide.invalid_query.returns_no_rows``).
        """
        query = query.without(self._unknown_operators)
        if self._no_rows and sql.unknown(self._schema, table.name, query) is not None:
            return sql.Clause("0")
        return self.in_domain(table, sql.where(self._schema, table.name, query))

    def in_domain(self, table: Table, where: Clause) -> Clause:
        """Limit a condition to the rows of domains that the account sees."""
        elsewhere = self._elsewhere.get(table.name)
        if elsewhere is None:
            return where
        return sql.Clause(
            f"({where.sql}) AND NOT ({elsewhere.sql})", (*where.parameters, *elsewhere.parameters)
        )

    def all_visible(self, table: Table) -> bool:
        """Tell whether the account may read every row of a table."""
        return table.name not in self._hidden and table.name not in self._elsewhere

    def shows(self, table: str, path: str, operation: str = "read") -> bool:
        """Tell whether every step of a dot-walked field may be read, and used so."""
        for step, column in enumerate(self._schema.walk(table, path)):
            needed = {("read", table, column.name), (operation, table, column.name)}
            if step:
                needed.add(("read", table, _WHOLE))
            if needed & self._forbidden:
                return False
            table = column.reference
        return True

    def hidden(self, table: Table) -> Clause | None:
        """Return which rows of a table may not be read, None if all may."""
        return self._hidden.get(table.name)

    def concealed(self, table: Table) -> Mapping[str, Clause]:
        """Return the columns of a table that may not be read in some rows, and in which."""
        return self._concealed.get(table.name, {})

    def writable(
        self, table: Table, operation: str, values: Mapping[str, object]
    ) -> Mapping[str, object]:
        """Return the values without columns that may not be written: they are ignored (assumed)."""
        if not self._forbidden:
            return values
        return {
            name: value
            for name, value in values.items()
            if (operation, table.name, name) not in self._forbidden
        }


def _query_operation(operator: str) -> str:
    """Return the operation that a condition is: it looks for certain values, or for a range."""
    return "query_match" if operator in _MATCHING else "query_range"


def _check(schema: Schema, rule: AccessRule) -> None:
    schema.column(rule.table, "sys_id" if rule.column == _WHOLE else rule.column)
    if rule.when and rule.operation != "read":
        raise DeclarationError(
            f"The access rule on {rule.table} cannot have a condition: `when` hides rows, or a "
            "column in them, so it needs the operation read"
        )


def _hidden(schema: Schema, forbidden: Iterable[AccessRule]) -> dict[str, Clause]:
    clauses: dict[str, list[Clause]] = {}
    for rule in forbidden:
        if (rule.operation, rule.column) == ("read", _WHOLE):
            when = sql.declared(schema, rule.table, rule.when)
            clauses.setdefault(rule.table, []).append(when)
    return {table: sql.any_of(found) for table, found in clauses.items()}
