"""The control endpoints under /_sandbox/, the same on both ports: what a test does by hand."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from werkzeug.wrappers import Request, Response

from .sage.edits import NotPostableError
from .sage.resources import RESOURCES
from .servicenow.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from .clock import Clock
    from .sage.resources import Resource
    from .sandbox import Sandbox


class _RefusedError(Exception):
    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Control:
    """The WSGI application of the control endpoints. Answers and errors are JSON."""

    def __init__(self, sandbox: Sandbox) -> None:
        """Control a sandbox."""
        self._sandbox = sandbox

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        try:
            status, body = 200, self._answer(Request(environ))
        except _RefusedError as error:
            status, body = error.status, json.dumps({"error": str(error)})
        response = Response(body + "\n", status, content_type="application/json")
        return response(environ, start_response)

    def _answer(self, request: Request) -> str:
        path = request.path.removeprefix("/_sandbox").strip("/")
        found = [(route, match) for route in _ROUTES if (match := route.match(path))]
        for route, match in found:
            if route.method == request.method:
                content = [_body(request)] if route.takes_body else []
                return route.run(self._sandbox, *match.groups(), *content)
        if found:
            methods = " or ".join(route.method for route, _ in found)
            raise _RefusedError(405, f"This endpoint takes {methods}.")
        raise _RefusedError(404, "No such endpoint; GET /_sandbox/ lists them.")


@dataclass(frozen=True)
class _Route:
    """An endpoint: method, path with {places}, a line about it, and what it does.

    `run` gets the sandbox, what stands in the places, and the body if the endpoint takes one.
    """

    method: str
    path: str
    text: str
    run: Callable[..., str]
    takes_body: bool = False

    def match(self, path: str) -> re.Match[str] | None:
        # A key may hold a slash.
        pattern = self.path.replace("{key}", "(.+)").replace("{number}", "([0-9]{1,18})")
        return re.fullmatch(re.sub(r"\{[a-z]+\}", "([^/]+)", pattern), path)


def _endpoints(_sandbox: Sandbox) -> str:
    lines = {f"{route.method} /_sandbox/{route.path}": route.text for route in _ROUTES}
    return json.dumps(lines, indent=1)


def _counters(sandbox: Sandbox) -> str:
    return json.dumps(sandbox.counters.snapshot())


def _reset_counters(sandbox: Sandbox) -> str:
    sandbox.counters.reset()
    return _counters(sandbox)


def _clock(sandbox: Sandbox) -> str:
    return json.dumps({"now": f"{sandbox.clock.now():%Y-%m-%dT%H:%M:%SZ}"})


def _move_clock(sandbox: Sandbox, body: dict[str, Any]) -> str:
    try:
        _apply(body, sandbox.clock)
    except (ValueError, OverflowError):
        raise _RefusedError(
            400,
            'The clock takes {"now": "2026-11-20T10:00:00Z"}, {"now": null} or '
            '{"advance_seconds": 60}.',
        ) from None
    return _clock(sandbox)


def _apply(order: dict[str, Any], clock: Clock) -> None:
    match order:
        case {"now": None}:
            clock.set(None)
        case {"now": str(text)}:
            clock.set(datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z"))
        case {"advance_seconds": int() | Decimal() as seconds}:
            clock.advance(float(seconds))
        case _:
            raise ValueError(order)


def _records(sandbox: Sandbox, company: str, name: str) -> str:
    records = sandbox.sage.store.select(company, _resource(sandbox, company, name))
    return '{"records":[' + ",".join(records) + "]}"


def _edit(sandbox: Sandbox, company: str, name: str, key: str, body: dict[str, Any]) -> str:
    resource = _resource(sandbox, company, name)
    numeric = resource.record_type.properties[resource.keys[0]].kind != "string"
    typed = int(key) if numeric and re.fullmatch("[0-9]{1,18}", key) else key
    try:
        record = sandbox.sage.edit(company, resource, (typed,), body)
    except ValueError as error:
        raise _RefusedError(400, str(error)) from None
    if record is None:
        raise _RefusedError(404, f"{company} has no {name} with the key {key}.")
    return record


def _post_batch(sandbox: Sandbox, company: str, number: str) -> str:
    _resource(sandbox, company, "APInvoiceBatches")
    try:
        record = sandbox.sage.post_batch(company, int(number))
    except NotPostableError as error:
        raise _RefusedError(409, str(error)) from None
    if record is None:
        raise _RefusedError(404, f"{company} has no batch {number}.")
    return record


def _resource(sandbox: Sandbox, company: str, name: str) -> Resource:
    companies = sandbox.sage.companies
    if company not in companies:
        raise _RefusedError(404, f"There is no company {company}, only {', '.join(companies)}.")
    if name not in RESOURCES:
        raise _RefusedError(404, f"There is no resource {name}, only {', '.join(RESOURCES)}.")
    return RESOURCES[name]


def _rows(sandbox: Sandbox, table: str) -> str:
    try:
        return json.dumps({"rows": sandbox.servicenow.rows(table)})
    except KeyError:
        raise _RefusedError(404, f"ServiceNow has no table {table}.") from None


def _insert_row(sandbox: Sandbox, table: str, body: dict[str, Any]) -> str:
    try:
        return json.dumps(sandbox.servicenow.insert(table, body))
    except KeyError as error:
        if error.args[0] == table:
            raise _RefusedError(404, f"ServiceNow has no table {table}.") from None
        raise _RefusedError(400, str(error.args[0])) from None
    except ApiError as error:
        raise _RefusedError(400, f"ServiceNow refuses the row: {error}.") from None


def _reset(sandbox: Sandbox) -> str:
    sandbox.reset()
    return _counters(sandbox)


def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(request.get_data(), parse_float=Decimal)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise _RefusedError(400, "The body has to be a JSON object.")
    return body


_ROUTES: Final = (
    _Route("GET", "", "this list", _endpoints),
    _Route("GET", "counters", "calls per side since the last reset", _counters),
    _Route("POST", "counters/reset", "set every count to zero", _reset_counters),
    _Route("GET", "clock", "the sandbox's time", _clock),
    _Route(
        "POST",
        "clock",
        'stop it: {"now": "2026-11-20T10:00:00Z"}, let it run: {"now": null}, move it: '
        '{"advance_seconds": 60}',
        _move_clock,
        takes_body=True,
    ),
    _Route("GET", "sage300/{company}/{resource}", "all records, whole, in key order", _records),
    _Route(
        "POST",
        "sage300/{company}/{resource}/{key}/edit",
        "change properties of a record: {property: value}; its change date moves to today",
        _edit,
        takes_body=True,
    ),
    _Route(
        "POST",
        "sage300/{company}/APInvoiceBatches/{number}/post",
        "post an Open or ReadyToPost batch; its DateLastEdited stays",
        _post_batch,
    ),
    _Route("GET", "servicenow/{table}", "all rows, as stored", _rows),
    _Route(
        "POST",
        "servicenow/{table}",
        "insert a row as if typed in by hand: {column: value}",
        _insert_row,
        takes_body=True,
    ),
    _Route("POST", "reset", "both sides as at the start, counts at zero", _reset),
)
