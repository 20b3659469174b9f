"""Control of the ServiceNow side: its rows, and how the instance behaves."""

from __future__ import annotations

import json
import typing as t

from sage300_servicenow_sandbox.control.endpoint import Call, CallRefusedError, Endpoint
from sage300_servicenow_sandbox.servicenow.errors import ApiError


def _rows(call: Call, table: str) -> str:
    """Return the rows of a table, as stored.

    ?contains=text returns those with the text in them, ?limit=100 the first 100.
    """
    try:
        rows = call.systems.servicenow.rows(table)
    except KeyError:
        raise CallRefusedError(404, f"ServiceNow has no table {table}") from None
    found = call.selected(rows, lambda row: "\n".join(row.values()))
    return json.dumps({"rows": found})


def _insert_row(call: Call, table: str) -> str:
    """Insert a row as if typed in by hand: {column: value}."""
    try:
        return json.dumps(call.systems.servicenow.insert(table, call.body))
    except KeyError as error:
        if error.args[0] == table:
            raise CallRefusedError(404, f"ServiceNow has no table {table}") from None
        raise CallRefusedError(400, str(error.args[0])) from None
    except ApiError as error:
        raise CallRefusedError(400, f"ServiceNow refuses the row: {error}") from None


def _behaviours(call: Call) -> str:
    """Return how the ServiceNow instance behaves."""
    return json.dumps(call.systems.servicenow.behaviours)


def _behave(call: Call) -> str:
    """Change how the ServiceNow instance behaves: {behaviour: value}."""
    call.systems.servicenow.behave(**call.body)
    return _behaviours(call)


ENDPOINTS: t.Final = (
    Endpoint("GET", "servicenow/behaviours", _behaviours),
    Endpoint("PATCH", "servicenow/behaviours", _behave),
    Endpoint("GET", "servicenow/<table>", _rows),
    Endpoint("POST", "servicenow/<table>", _insert_row),
)
