"""The control endpoints as a WSGI application, the same on both ports."""

from __future__ import annotations

import json
import typing as t

from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from sage300_servicenow_sandbox.control import general, sage, servicenow
from sage300_servicenow_sandbox.control.endpoint import Call, CallRefusedError, Endpoint
from sage300_servicenow_sandbox.declared import DeclarationError

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from sage300_servicenow_sandbox.systems import Systems


class Control:
    """The WSGI application of the control endpoints. Answers and errors are JSON."""

    def __init__(self, systems: Systems) -> None:
        """Control two systems."""
        self._systems = systems

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        try:
            status, body = 200, self._answer(Request(environ))
        except CallRefusedError as error:
            status, body = error.status, json.dumps({"error": str(error)})
        except DeclarationError as error:
            status, body = 400, json.dumps({"error": str(error)})
        response = Response(body + "\n", status, content_type="application/json")
        return response(environ, start_response)

    def _answer(self, request: Request) -> str:
        urls = _MAP.bind_to_environ(request.environ)
        try:
            endpoint, variables = urls.match()
        except MethodNotAllowed as error:
            methods = sorted(set(error.valid_methods or ()) - {"HEAD"})
            raise CallRefusedError(405, f"This endpoint takes {' or '.join(methods)}") from None
        except NotFound:
            raise CallRefusedError(
                404, "There is no such endpoint: GET /_sandbox/ lists them"
            ) from None
        call = Call(self._systems, request.get_data(), request.args)
        answer: str = endpoint.run(call, **variables)
        return answer


def _endpoints(_call: Call) -> str:
    """List the control endpoints."""
    return json.dumps({endpoint.shown: endpoint.text for endpoint in ENDPOINTS}, indent=1)


ENDPOINTS: t.Final = (
    Endpoint("GET", "", _endpoints),
    *general.ENDPOINTS,
    *sage.ENDPOINTS,
    *servicenow.ENDPOINTS,
)
_MAP: t.Final = Map(
    [
        Rule(f"/_sandbox/{endpoint.path}", endpoint=endpoint, methods=[endpoint.method])
        for endpoint in ENDPOINTS
    ],
    strict_slashes=False,
    merge_slashes=False,
)
