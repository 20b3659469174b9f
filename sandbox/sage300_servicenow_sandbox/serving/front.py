"""The middleware in front of each side: control endpoints, counts, log and latency."""

from __future__ import annotations

import threading
import typing as t
from contextlib import contextmanager

from sage300_servicenow_sandbox.environ import APP_STATUS, FAULT, IN_PROGRESS
from sage300_servicenow_sandbox.serving.page import page

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from sage300_servicenow_sandbox.counters import Counters
    from sage300_servicenow_sandbox.request_log import RequestLog


class Front:
    """WSGI middleware that counts and logs one side's calls and delays its answers.

    Requests under /_sandbox go to the control application, neither counted nor delayed. Browsers
    get the sandbox's page at `/`; to any other client `/` is the application's. Setting `stopping`
    ends every delay.
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
        self._in_progress = 0
        self._stopping = stopping

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Pass one request on; record how it ended before the client can know."""
        path = environ["PATH_INFO"]
        if path == "/_sandbox" or path.startswith("/_sandbox/"):
            return self._control(environ, start_response)
        if path == "/" and "text/html" in environ.get("HTTP_ACCEPT", ""):
            return page(environ, start_response)
        statuses = ["0"]

        def remember_status(status: str, headers: list[tuple[str, str]], *rest: t.Any) -> t.Any:
            statuses.append(status)
            return start_response(status, headers, *rest)

        with self._counted(environ):
            try:
                body = list(self._app(environ, remember_status))
                if self._latency:
                    self._stopping.wait(self._latency)
            finally:
                self._record(environ, int(statuses[-1].split()[0]))
        return body

    @contextmanager
    def _counted(self, environ: WSGIEnvironment) -> Iterator[None]:
        with self._lock:
            self._in_progress += 1
            environ[IN_PROGRESS] = self._in_progress
        try:
            yield
        finally:
            with self._lock:
                self._in_progress -= 1

    def _record(self, environ: WSGIEnvironment, status: int) -> None:
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
