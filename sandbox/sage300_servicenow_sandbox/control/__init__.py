"""The control endpoints under /_sandbox/, the same on both ports: what a test does by hand."""

from __future__ import annotations

import json
import typing as t
from decimal import Decimal

from werkzeug.wrappers import Request, Response

from sage300_servicenow_sandbox.control import frame, sage, servicenow
from sage300_servicenow_sandbox.control.route import RefusedError, Route

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from sage300_servicenow_sandbox.sandbox import Sandbox

__all__ = ["Control"]


class Control:
    """The WSGI application of the control endpoints. Answers and errors are JSON."""

    def __init__(self, sandbox: Sandbox) -> None:
        """Control a sandbox."""
        self._sandbox = sandbox

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        try:
            status, body = 200, self._answer(Request(environ))
        except RefusedError as error:
            status, body = error.status, json.dumps({"error": str(error)})
        response = Response(body + "\n", status, content_type="application/json")
        return response(environ, start_response)

    def _answer(self, request: Request) -> str:
        path = request.path.removeprefix("/_sandbox").strip("/")
        found = [(route, match) for route in ROUTES if (match := route.match(path))]
        for route, match in found:
            if route.method == request.method:
                content = [_body(request)] if route.takes_body else []
                return route.run(self._sandbox, *match.groups(), *content)
        if found:
            methods = " or ".join(dict.fromkeys(route.method for route, _ in found))
            raise RefusedError(405, f"This endpoint takes {methods}.")
        raise RefusedError(404, "No such endpoint; GET /_sandbox/ lists them.")


def _endpoints(_sandbox: Sandbox) -> str:
    lines = {f"{route.method} /_sandbox/{route.path}": route.text for route in ROUTES}
    return json.dumps(lines, indent=1)


def _body(request: Request) -> dict[str, t.Any]:
    try:
        body = json.loads(request.get_data(), parse_float=Decimal)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise RefusedError(400, "The body has to be a JSON object.")
    return body


ROUTES: t.Final = (
    Route("GET", "", "this list", _endpoints),
    *frame.ROUTES,
    *sage.ROUTES,
    *servicenow.ROUTES,
)
