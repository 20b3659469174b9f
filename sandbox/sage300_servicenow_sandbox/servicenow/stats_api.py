"""The Aggregate API: rows counted and sums of columns, over all or by group."""

from __future__ import annotations

import typing as t
from decimal import Decimal

from sage300_servicenow_sandbox.servicenow import encoded_query, errors, sql
from sage300_servicenow_sandbox.servicenow.api import json_response
from sage300_servicenow_sandbox.servicenow.errors import ApiError
from sage300_servicenow_sandbox.servicenow.money import FX

if t.TYPE_CHECKING:
    from sage300_servicenow_sandbox.servicenow.access import Access
    from sage300_servicenow_sandbox.servicenow.api import ApiRequest, ApiResponse
    from sage300_servicenow_sandbox.servicenow.schema import Column, Schema, Table
    from sage300_servicenow_sandbox.servicenow.sql import Operand
    from sage300_servicenow_sandbox.servicenow.store import Store

_UNSUPPORTED = (
    *("sysparm_avg_fields", "sysparm_min_fields", "sysparm_max_fields"),
    *("sysparm_having", "sysparm_order_by"),
)


class StatsApi:
    """`/api/now/stats/{table}`, alone or as an item of a batch. Every figure is text."""

    def __init__(self, schema: Schema, access: Access, rows: Store) -> None:
        """Read from `rows`, within what `access` allows."""
        self._schema = schema
        self._access = access
        self._rows = rows

    def handle(self, request: ApiRequest, *, name: str) -> ApiResponse:
        """Answer a request for figures of a table.

        Groups are ordered by their values; sums have no trailing zeros, and over
        nothing they are 0 (assumptions). Unknown fields are ignored, as the Table API does.

        Raises:
            ApiError: The request fails.
        """
        table = self._schema.tables.get(name)
        if table is None:
            raise ApiError(errors.INVALID_TABLE, table=name)
        if request.method != "GET":
            raise ApiError(errors.METHOD, method=request.method, path=request.path)
        request.check_accept()
        for parameter in _UNSUPPORTED:
            if parameter in request.args:
                reason = f"The sandbox only counts and sums; it has no {parameter}"
                raise ApiError(errors.BAD_PARAMETER, reason=reason)
        self._access.check_table(table, "read")
        self._check_every_row(table)
        return json_response(200, {"result": self._figures(request, table)})

    def _check_every_row(self, table: Table) -> None:
        """Refuse figures of a table of which any row may not be read, as documented."""
        hidden = self._access.hidden(table)
        if hidden and sql.count(self._rows.connection, table.name, hidden):
            raise ApiError(errors.API_ACL)

    def _figures(self, request: ApiRequest, table: Table) -> t.Any:
        query = encoded_query.parse(request.query())
        self._access.check_query(table, query)
        where = self._access.where(table, query)
        groups = self._fields(request, table, "sysparm_group_by")
        sums = self._fields(request, table, "sysparm_sum_fields")
        found = sql.aggregate(
            self._rows.connection,
            table.name,
            where,
            [group.sql for group in groups.values()],
            [field.summed for field in sums.values()],
        )
        figures = []
        for row in found:
            values, count, totals = row[: len(groups)], row[len(groups)], row[len(groups) + 1 :]
            stats: dict[str, t.Any] = {}
            if request.flag("sysparm_count"):
                stats["count"] = str(count)
            if sums:
                stats["sum"] = {
                    name: _figure(field.column, total)
                    for (name, field), total in zip(sums.items(), totals, strict=True)
                }
            named = zip(groups, values, strict=True)
            pairs = [{"value": value, "field": field} for field, value in named]
            figures.append(
                {"stats": stats, "groupby_fields": pairs} if groups else {"stats": stats}
            )
        return figures if groups else figures[0]

    def _fields(self, request: ApiRequest, table: Table, parameter: str) -> dict[str, Operand]:
        """Return the fields that a parameter names, as far as they may be read."""
        fields = {}
        for name in filter(None, request.args.get(parameter, "").split(",")):
            found = sql.operand(self._schema, table.name, name)
            if found and self._access.shows(table.name, name):
                fields[name] = found
        return fields


def _figure(column: Column, total: str) -> str:
    """Return a sum as it is shown: of a currency or price column with all places and no code."""
    if column.currencies is None or column.type == FX:
        return total
    return f"{Decimal(total.rpartition(';')[2] or 0):.{column.currencies.digits}f}"
