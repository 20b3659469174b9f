"""How rows are shown: which fields, references as links, display values."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

from sage300_servicenow_sandbox.servicenow.money import show
from sage300_servicenow_sandbox.servicenow.sql import Clause, operand

if t.TYPE_CHECKING:
    import sqlite3

    from sage300_servicenow_sandbox.servicenow.access import Access
    from sage300_servicenow_sandbox.servicenow.api import ApiRequest
    from sage300_servicenow_sandbox.servicenow.schema import Column, Schema, Table

_NOTHING = Clause("0")


@dataclass(frozen=True)
class _Field:
    name: str
    column: Column
    value: str  # SQL
    display: str  # SQL


class Representation:
    """The form in which one request wants the rows of a table.

    It follows sysparm_fields (unknown names are ignored), sysparm_exclude_reference_link and
    sysparm_display_value. Display values are a reference's display column, a choice's label, an
    amount with its currency's symbol, and the value itself for all else: the user's time zone is
    UTC and numbers are not localised.
    """

    def __init__(self, schema: Schema, access: Access, table: Table, request: ApiRequest) -> None:
        """Read the request's parameters; what may not be read is not shown."""
        self._table = table
        self._root = request.root
        self._links = not request.flag("sysparm_exclude_reference_link")
        self._mode = request.args.get("sysparm_display_value", "false")
        self._hidden = access.hidden(table)
        self._concealed = access.concealed(table)
        self._fields = _fields(schema, access, table, request.args.get("sysparm_fields", ""))

    def rows(
        self, connection: sqlite3.Connection, where: Clause, tail: str = ""
    ) -> list[dict[str, t.Any]]:
        """Read the rows that `where` holds for; `tail` is the SQL of their order and number.

        Rows that may not be read are removed from what was found, so there may be fewer than
        `tail` allows although more follow: sysparm_limit is applied before access rules.
        """
        hidden = self._hidden or _NOTHING
        values, parameters = [hidden.sql], [*hidden.parameters]
        for field in self._fields:
            value = field.value
            if concealed := self._concealed.get(field.name):
                value = f"CASE WHEN {concealed.sql} THEN NULL ELSE {value} END"
                parameters += concealed.parameters
            values.append(value)
        if self._mode in {"true", "all"}:
            values += [field.display for field in self._fields]
        sql = (
            f'SELECT {", ".join(values)} FROM "{self._table.name}" t0'  # noqa: S608 (tables.yml)
            f" WHERE {where.sql} {tail}"
        )
        found = connection.execute(sql, (*parameters, *where.parameters))
        return [self._show(row[1:]) for row in found if not row[0]]

    def _show(self, row: tuple[str | None, ...]) -> dict[str, t.Any]:
        count = len(self._fields)
        displays = row[count:] or row
        return {
            field.name: self._show_field(field.column, str(value), str(display))
            for field, value, display in zip(self._fields, row, displays, strict=False)
            if value is not None
        }

    def _show_field(self, column: Column, value: str, display: str) -> t.Any:
        shown: dict[str, str] = {}
        if column.currencies and value:
            value, display = show(column.type, value, column.currencies)
        if self._links and column.reference and value:
            shown["link"] = self._link(column, value)
        if self._mode in {"true", "all"}:
            shown["display_value"] = column.choices.get(value, display)
        if self._mode != "true":
            shown["value"] = value
        return shown if len(shown) > 1 else next(iter(shown.values()))

    def _link(self, column: Column, value: str) -> str:
        table = f"{self._root}/api/now/table/{column.reference}"
        if column.key == "sys_id":
            return f"{table}/{value}"
        return f"{table}?{column.key}={quote(value)}"


@lru_cache(maxsize=256)
def _fields(schema: Schema, access: Access, table: Table, wanted: str) -> tuple[_Field, ...]:
    names = [name.strip() for name in wanted.split(",")] if wanted else table.columns
    readable = [name for name in dict.fromkeys(names) if access.shows(table.name, name)]
    fields = [_field(schema, table, name) for name in readable]
    return tuple(field for field in fields if field)


def _field(schema: Schema, table: Table, name: str) -> _Field | None:
    found = operand(schema, table.name, name)
    if found is None:
        return None
    target = schema.tables.get(found.column.reference)
    display = operand(schema, table.name, f"{name}.{target.display}") if target else None
    return _Field(name, found.column, found.sql, (display or found).sql)
