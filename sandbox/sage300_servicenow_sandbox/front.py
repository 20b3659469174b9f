"""What stands in front of each side: the control endpoints, counts, the log and latency."""

from __future__ import annotations

import threading
import typing as t
from contextlib import contextmanager

from sage300_servicenow_sandbox.fault_server import APP_STATUS, FAULT

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from sage300_servicenow_sandbox.counters import Counters
    from sage300_servicenow_sandbox.request_log import RequestLog

UNDER_WAY: t.Final = "sandbox.under_way"
"""In the WSGI environment: how many requests of its side are under way, this one included."""


class Front:
    """WSGI middleware in front of one side: counts and logs its calls and delays its answers.

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
        log: RequestLog,
        latency_ms: int,
        stopping: threading.Event,
    ) -> None:
        """Put the middleware in front of an application."""
        self._side = side
        self._app = app
        self._control = control
        self._counters = counters
        self._log = log
        self._latency = latency_ms / 1000
        self._lock = threading.Lock()
        self._under_way = 0
        self.stopping = stopping

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Pass one request on and note how it ended, before the client can know it has."""
        path = environ["PATH_INFO"]
        if path == "/_sandbox" or path.startswith("/_sandbox/"):
            return self._control(environ, start_response)
        statuses = ["0"]

        def note_status(status: str, headers: list[tuple[str, str]], *rest: t.Any) -> t.Any:
            statuses.append(status)
            return start_response(status, headers, *rest)

        with self._counted(environ):
            try:
                body = list(self._app(environ, note_status))
                if self._latency:
                    self.stopping.wait(self._latency)
            finally:
                self._note(environ, int(statuses[-1].split()[0]))
        return body

    @contextmanager
    def _counted(self, environ: WSGIEnvironment) -> Iterator[None]:
        with self._lock:
            self._under_way += 1
            environ[UNDER_WAY] = self._under_way
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1

    def _note(self, environ: WSGIEnvironment, status: int) -> None:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self._counters.count(self._side, method=method, path=path, status=status)
        self._log.add(
            side=self._side,
            method=method,
            path=path,
            query=environ["QUERY_STRING"],
            status=status,
            app_status=environ.get(APP_STATUS),
            fault=environ.get(FAULT),
        )
