"""Control of the ServiceNow side: its rows, and how the instance behaves."""

from __future__ import annotations

import json
import typing as t

from sage300_servicenow_sandbox.control.route import RefusedError, Route
from sage300_servicenow_sandbox.declared import DeclarationError
from sage300_servicenow_sandbox.servicenow.errors import ApiError

if t.TYPE_CHECKING:
    from sage300_servicenow_sandbox.sandbox import Sandbox


def _rows(sandbox: Sandbox, table: str) -> str:
    try:
        return json.dumps({"rows": sandbox.servicenow.rows(table)})
    except KeyError:
        raise RefusedError(404, f"ServiceNow has no table {table}.") from None


def _insert_row(sandbox: Sandbox, table: str, body: dict[str, t.Any]) -> str:
    try:
        return json.dumps(sandbox.servicenow.insert(table, body))
    except KeyError as error:
        if error.args[0] == table:
            raise RefusedError(404, f"ServiceNow has no table {table}.") from None
        raise RefusedError(400, str(error.args[0])) from None
    except ApiError as error:
        raise RefusedError(400, f"ServiceNow refuses the row: {error}.") from None


def _behaviours(sandbox: Sandbox) -> str:
    return json.dumps(sandbox.servicenow.behaviours)


def _behave(sandbox: Sandbox, body: dict[str, t.Any]) -> str:
    try:
        sandbox.servicenow.behave(**body)
    except DeclarationError as error:
        raise RefusedError(400, str(error)) from None
    return _behaviours(sandbox)


ROUTES: t.Final = (
    Route("GET", "servicenow/behaviours", "how the ServiceNow instance behaves", _behaviours),
    Route("PATCH", "servicenow/behaviours", "{behaviour: value}", _behave, takes_body=True),
    Route("GET", "servicenow/{table}", "all rows, as stored", _rows),
    Route(
        "POST",
        "servicenow/{table}",
        "insert a row as if typed in by hand: {column: value}",
        _insert_row,
        takes_body=True,
    ),
)
