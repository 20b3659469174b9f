"""What stands in front of each side's application: the control endpoints, counts and latency."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from .counters import Counters


class Front:
    """WSGI middleware in front of one side: counts its calls and delays its answers.

    Requests under /_sandbox go to the control application, uncounted and at once. Setting
    `stopping` ends every delay.
    """

    def __init__(
        self,
        side: str,
        app: WSGIApplication,
        *,
        control: WSGIApplication,
        counters: Counters,
        latency_ms: int,
    ) -> None:
        """Put the middleware in front of an application."""
        self._side = side
        self._app = app
        self._control = control
        self._counters = counters
        self._latency = latency_ms / 1000
        self.stopping = threading.Event()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Pass one request on and count how it ended, before the client can know it has."""
        path = environ["PATH_INFO"]
        if path == "/_sandbox" or path.startswith("/_sandbox/"):
            return self._control(environ, start_response)
        statuses: list[str] = []

        def note_status(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            statuses.append(status)
            return start_response(status, headers, *rest)

        body = list(self._app(environ, note_status))
        if self._latency:
            self.stopping.wait(self._latency)
        self._counters.count(
            self._side,
            method=environ["REQUEST_METHOD"],
            path=path,
            status=int(statuses[-1].split()[0]),
        )
        return body
