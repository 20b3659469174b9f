"""The Table API: rows of one table, read and written."""

from __future__ import annotations

import re
import sqlite3
import typing as t
from urllib.parse import quote, urlencode

from sage300_servicenow_sandbox.servicenow import encoded_query, errors, sql
from sage300_servicenow_sandbox.servicenow.api import ApiResponse, json_response
from sage300_servicenow_sandbox.servicenow.errors import ApiError
from sage300_servicenow_sandbox.servicenow.representation import Representation

if t.TYPE_CHECKING:
    from sage300_servicenow_sandbox.servicenow.access import Access
    from sage300_servicenow_sandbox.servicenow.api import ApiRequest
    from sage300_servicenow_sandbox.servicenow.records import Records
    from sage300_servicenow_sandbox.servicenow.schema import Schema, Table
    from sage300_servicenow_sandbox.servicenow.store import Store

_DEFAULT_LIMIT = 10_000
_CREATED = 201
_OPERATIONS = {"POST": "create", "PUT": "write", "PATCH": "write", "DELETE": "delete"}
_WHOLE_NUMBER = re.compile("[0-9]{1,9}")


class TableApi:
    """`/api/now/table/{table}[/{sys_id}]`, alone or as an item of a batch."""

    def __init__(self, schema: Schema, access: Access, rows: Store, records: Records) -> None:
        """Read from `rows` and write through `records`, within what `access` allows."""
        self._schema = schema
        self._access = access
        self._rows = rows
        self._records = records

    def handle(
        self, request: ApiRequest, *, version: str | None, name: str, sys_id: str | None
    ) -> ApiResponse:
        """Answer a request for a table (`sys_id` None) or one of its rows.

        Raises:
            ApiError: The request fails; nothing was written.
        """
        table = self._schema.tables.get(name)
        if table is None:
            raise ApiError(errors.INVALID_TABLE, table=name)
        request.check_accept()
        if request.flag("sysparm_input_display_value"):
            reason = "The sandbox takes raw values only: sysparm_input_display_value=false"
            raise ApiError(errors.BAD_PARAMETER, reason=reason)
        operation = _OPERATIONS.get(request.method, "read")
        self._access.check_table(table, operation)
        match request.method, sys_id:
            case "GET", None:
                return self._list(request, table, version)
            case "GET", str():
                return json_response(200, {"result": self._one(request, table, sys_id)})
            case "POST", None:
                return self._insert(request, table)
            case "PUT" | "PATCH", str():
                self._check_visible(request, table, sys_id)
                values = self._access.writable(table, operation, _values(request))
                self._records.update(table, sys_id, values, user=request.user)
                return self._written(request, table, sys_id, 200)
            case "DELETE", str():
                self._check_visible(request, table, sys_id)
                self._records.delete(table, sys_id)
                return ApiResponse(204)
        raise ApiError(errors.METHOD, method=request.method, path=request.path)

    def _list(self, request: ApiRequest, table: Table, version: str | None) -> ApiResponse:
        query = encoded_query.parse(request.query())
        self._access.check_query(table, query)
        where = self._access.where(table, query)
        order = sql.order_by(self._schema, table.name, query.orders)
        limit = _number(request, "sysparm_limit") or _DEFAULT_LIMIT
        offset = _number(request, "sysparm_offset") or 0
        view = Representation(self._schema, self._access, table, request)
        headers = []
        tail = f"ORDER BY {order} LIMIT {limit} OFFSET {offset}"
        try:
            found = view.rows(self._rows.connection, where, tail)
        except sqlite3.OperationalError as error:  # a query of a thousand terms
            reason = f"the query is too big for SQLite: {error}"
            raise ApiError(errors.BAD_PARAMETER, reason=reason) from error
        if not request.flag("sysparm_no_count"):
            total = sql.count(self._rows.connection, table.name, where)
            headers.append(("X-Total-Count", str(total)))
            if not request.flag("sysparm_suppress_pagination_header"):
                headers.append(("Link", _link(request, limit, offset, total)))
        if not found and version == "v1":  # later versions answer 200 and an empty list
            raise ApiError(errors.NO_RECORD)
        return json_response(200, {"result": found}, headers)

    def _one(self, request: ApiRequest, table: Table, sys_id: str) -> dict[str, t.Any]:
        found = self._find(request, table, sys_id)
        if found is None:
            raise ApiError(errors.NO_RECORD)
        return found

    def _find(self, request: ApiRequest, table: Table, sys_id: str) -> dict[str, t.Any] | None:
        view = Representation(self._schema, self._access, table, request)
        where = self._access.in_domain(table, sql.Clause("t0.sys_id = ?", (sys_id,)))
        found = view.rows(self._rows.connection, where)
        return found[0] if found else None

    def _check_visible(self, request: ApiRequest, table: Table, sys_id: str) -> None:
        if not self._access.all_visible(table):
            self._one(request, table, sys_id)

    def _insert(self, request: ApiRequest, table: Table) -> ApiResponse:
        values = self._access.writable(table, "create", _values(request))
        sys_id = self._records.insert(table, values, user=request.user)["sys_id"]
        location = f"{request.root}/api/now/table/{table.name}/{sys_id}"
        return self._written(request, table, sys_id, _CREATED, ("Location", location))

    def _written(
        self,
        request: ApiRequest,
        table: Table,
        sys_id: str,
        status: int,
        *headers: tuple[str, str],
    ) -> ApiResponse:
        if request.headers.get("x-no-response-body") == "true":
            return ApiResponse(status, b"", headers)
        # A row that its writer may not read is shown without columns (an assumption).
        row = self._find(request, table, sys_id) or {}
        return json_response(status, {"result": row}, headers)


def _values(request: ApiRequest) -> dict[str, object]:
    """Return the row in the body; of an array the first element, the others are ignored."""
    content = request.json()
    if isinstance(content, list) and content:
        content = content[0]
    if not isinstance(content, dict):
        raise ApiError(errors.UNREADABLE_BODY, reason="the body is not a JSON object")
    return content


def _number(request: ApiRequest, name: str) -> int | None:
    text = request.args.get(name, "")
    if text and not _WHOLE_NUMBER.fullmatch(text):
        reason = f"{name} must be a whole number, not negative"
        raise ApiError(errors.BAD_PARAMETER, reason=reason)
    return int(text) if text else None


def _link(request: ApiRequest, limit: int, offset: int, total: int) -> str:
    """Name the first, previous, next and last page of a list."""
    last = max(total - 1, 0) // limit * limit
    pages = {"first": 0}
    if offset > 0:
        pages["prev"] = max(offset - limit, 0)
    if offset + limit < total:
        pages["next"] = offset + limit
    pages["last"] = last
    args = {name: value for name, value in request.args.items() if name != "sysparm_offset"}
    base = f"{request.root}{quote(request.path)}"
    return ",".join(
        f'<{base}?{urlencode({**args, "sysparm_offset": start})}>;rel="{rel}"'
        for rel, start in pages.items()
    )
