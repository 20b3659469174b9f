"""Encoded queries and dot-walked fields as SQL over the store's tables. Pure.

Only names from tables.yml become part of the SQL; everything a caller sends is a parameter.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from sage300_servicenow_sandbox.declared import DeclarationError
from sage300_servicenow_sandbox.servicenow import columns, encoded_query, money

if t.TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping

    from sage300_servicenow_sandbox.servicenow.encoded_query import (
        Condition,
        EncodedQuery,
        Order,
    )
    from sage300_servicenow_sandbox.servicenow.schema import Column, Schema, Table

_EMPTINESS = {
    "ISEMPTY": "{} = ''",
    "EMPTYSTRING": "{} = ''",
    "ISNOTEMPTY": "{} <> ''",
    "ANYTHING": "1",
}
_PATTERNS = {
    "LIKE": ("{} LIKE ? ESCAPE '\\'", "%{}%"),
    "NOT LIKE": ("{} NOT LIKE ? ESCAPE '\\'", "%{}%"),
    "STARTSWITH": ("{} LIKE ? ESCAPE '\\'", "{}%"),
    "ENDSWITH": ("{} LIKE ? ESCAPE '\\'", "%{}"),
}
_NEGATED = frozenset({"!=", "NOT IN"})


@dataclass(frozen=True)
class Clause:
    """A piece of SQL and the parameters it takes, in order."""

    sql: str
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True)
class Operand:
    """A field as SQL, compared without regard to case, and the column it ends at."""

    sql: str
    column: Column

    @property
    def compared(self) -> str:
        """The field as SQL for equality: money in the reference currency, FX as entered."""
        if self.column.type == money.FX:
            return f"money_entered({self.sql})"
        return f"money_part({self.sql}, 3)" if self.column.type in money.TYPES else self.sql

    @property
    def ordered(self) -> str:
        """The field as SQL for ordering: numbers by value, everything else as text."""
        if self.column.type in money.TYPES:
            return f"money_part({self.sql}, 3) COLLATE number"
        return f"{self.sql} COLLATE number" if self.column.type in columns.NUMERIC else self.sql

    @property
    def summed(self) -> str:
        """The sum of the field as SQL, as text; of money with the code of the currency."""
        if self.column.type in money.TYPES:
            return f"IFNULL(reference_sum({self.sql}), '')"
        return f"IFNULL(exact_sum({self.sql}), '0')"


@lru_cache(maxsize=4096)
def operand(schema: Schema, table: str, path: str) -> Operand | None:
    """Express a field of `table` (alias t0), dot-walked or not; None if there is no such field.

    Fields behind a reference that points nowhere are empty.
    """
    steps = schema.walk(table, path)
    if not steps:
        return None
    sql = f't0."{steps[0].name}"'
    for depth, (link, column) in enumerate(pairwise(steps), start=1):
        row = f"t{depth}"
        sql = (
            f'(SELECT {row}."{column.name}" FROM "{link.reference}" {row}'  # noqa: S608 (names from tables.yml)
            f' WHERE {row}."{link.key}" = {sql})'
        )
    if len(steps) > 1:
        sql = f"(IFNULL({sql}, '') COLLATE NOCASE)"
    return Operand(sql, steps[-1])


def where(schema: Schema, table: str, query: EncodedQuery) -> Clause:
    """Express the conditions of a query.

    A condition on a column that does not exist is dropped: alone, it returns the whole table.
    A group left without conditions is dropped with them (an assumption).
    """
    groups = [
        _join(
            " AND ",
            [
                _join(" OR ", [_condition(schema, table, term) for term in any_of])
                for any_of in group
            ],
        )
        for group in query.groups
    ]
    return _join(" OR ", groups) or Clause("1")


def unknown(schema: Schema, table: str, query: EncodedQuery) -> str | None:
    """Return a term of a query that `where` drops, None if there is none."""
    fields = [term.field for group in query.groups for any_of in group for term in any_of]
    fields += [order.field for order in query.orders]
    missing = [field for field in fields if operand(schema, table, field) is None]
    return next(iter((*query.dropped, *missing)), None)


def declared(schema: Schema, table: str, text: str) -> Clause:
    """Express an encoded query of the instance's own rules; an empty one holds for every row.

    Raises:
        DeclarationError: It names a column that does not exist or cannot be read.
    """
    query = encoded_query.parse(text)
    term = unknown(schema, table, query)
    if term is not None:
        raise DeclarationError(f"The table {table} cannot use {term!r} in the query {text!r}")
    return where(schema, table, query)


def any_of(clauses: list[Clause]) -> Clause:
    """Express that one of some conditions holds."""
    return _join(" OR ", [*clauses]) or Clause("0")


def holds(
    connection: sqlite3.Connection, table: Table, row: Mapping[str, str], when: Clause
) -> bool:
    """Tell whether a row that need not be in the table meets a condition."""
    values = ", ".join(f'? COLLATE NOCASE AS "{name}"' for name in table.columns)
    sql = f"SELECT 1 FROM (SELECT {values}) t0 WHERE {when.sql}"  # noqa: S608 (tables.yml)
    parameters = [*(row[name] for name in table.columns), *when.parameters]
    return connection.execute(sql, parameters).fetchone() is not None


def order_by(schema: Schema, table: str, orders: tuple[Order, ...]) -> str:
    """Express the order of a query; rows equal in it are ordered by sys_id.

    The latter is an assumption; ServiceNow promises no order beyond the requested one.
    """
    keys = []
    for order in orders:
        found = operand(schema, table, order.field)
        if found:
            keys.append(f"{found.ordered} {'DESC' if order.descending else 'ASC'}")
    return ", ".join([*keys, 't0."sys_id"'])


def count(connection: sqlite3.Connection, table: str, where: Clause) -> int:
    """Count the rows a clause holds for."""
    sql = f'SELECT COUNT(*) FROM "{table}" t0 WHERE {where.sql}'  # noqa: S608 (tables.yml)
    total: int = connection.execute(sql, where.parameters).fetchone()[0]
    return total


def aggregate(
    connection: sqlite3.Connection, table: str, where: Clause, groups: list[str], sums: list[str]
) -> list[tuple[t.Any, ...]]:
    """Return per group its values, the number of rows and `sums`, as `Operand.summed`.

    Without groups there is one row.
    """
    values = [*groups, "COUNT(*)", *sums]
    sql = f'SELECT {", ".join(values)} FROM "{table}" t0 WHERE {where.sql}'  # noqa: S608 (tables.yml)
    if groups:
        keys = ", ".join(groups)
        sql += f" GROUP BY {keys} ORDER BY {keys}"
    return connection.execute(sql, where.parameters).fetchall()


def _join(word: str, parts: list[Clause | None]) -> Clause | None:
    kept = [part for part in parts if part]
    if len(kept) <= 1:
        return kept[0] if kept else None
    return Clause(
        "(" + word.join(part.sql for part in kept) + ")",
        tuple(value for part in kept for value in part.parameters),
    )


def _condition(schema: Schema, table: str, condition: Condition) -> Clause | None:
    field = operand(schema, table, condition.field)
    if field is None:
        return None
    if condition.operator == "SAMEAS":
        other = operand(schema, table, condition.value)
        return Clause(f"{field.sql} = {other.sql}") if other else None
    return _CLAUSES[condition.operator](field, condition.operator, condition.value)


def _emptiness(field: Operand, operator: str, _: str) -> Clause:
    return Clause(_EMPTINESS[operator].format(field.sql))


def _pattern(field: Operand, operator: str, value: str) -> Clause:
    sql, pattern = _PATTERNS[operator]
    escaped = value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return Clause(sql.format(field.sql), (pattern.format(escaped),))


def _membership(field: Operand, operator: str, value: str) -> Clause:
    """Express equality to one of the values, or to none; the latter includes empty fields."""
    texts = value.split(",") if operator.endswith("IN") else [value]
    values = [columns.literal(field.column, text) for text in texts]
    kept = tuple(value for value in values if value is not None)
    word = "NOT IN" if operator in _NEGATED else "IN"
    return Clause(f"{field.compared} {word} ({', '.join('?' * len(kept))})", kept)


def _comparison(field: Operand, operator: str, value: str) -> Clause:
    """Express greater or smaller; an empty field is neither."""
    bound = columns.literal(field.column, value)
    if not bound:
        return Clause("0")
    if field.column.type == money.FX:  # only amounts of the same currency are compared
        same = f"money_part({field.sql}, 0) = ?"
        amount = f"money_part({field.sql}, 1) COLLATE number"
        return Clause(f"({same} AND {amount} {operator} ?)", tuple(bound.split(";")))
    return Clause(f"({field.sql} <> '' AND {field.ordered} {operator} ?)", (bound,))


def _between(field: Operand, _: str, value: str) -> Clause:
    """Express a range, both ends included."""
    low, _, high = value.partition("@")
    above, below = _comparison(field, ">=", low), _comparison(field, "<=", high)
    return Clause(f"({above.sql} AND {below.sql})", above.parameters + below.parameters)


_CLAUSES: dict[str, Callable[[Operand, str, str], Clause]] = {
    **dict.fromkeys(_EMPTINESS, _emptiness),
    **dict.fromkeys(_PATTERNS, _pattern),
    **dict.fromkeys(("=", "!=", "IN", "NOT IN"), _membership),
    **dict.fromkeys(("<", "<=", ">", ">="), _comparison),
    "BETWEEN": _between,
}
