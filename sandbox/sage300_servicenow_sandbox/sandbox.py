"""Both systems served over HTTP on this machine, from starting to stopping."""

from __future__ import annotations

import tempfile
import typing as t
from contextlib import ExitStack, closing
from pathlib import Path

from sage300_servicenow_sandbox.control.app import Control
from sage300_servicenow_sandbox.counters import SAGE300, SERVICENOW
from sage300_servicenow_sandbox.sage.paths import ROOT
from sage300_servicenow_sandbox.serving import tls
from sage300_servicenow_sandbox.serving.fault_injector import FaultInjector
from sage300_servicenow_sandbox.serving.front import Front
from sage300_servicenow_sandbox.serving.server import Server
from sage300_servicenow_sandbox.systems import Systems

if t.TYPE_CHECKING:
    import ssl
    from types import TracebackType

    from _typeshed.wsgi import WSGIApplication


class Sandbox(Systems):
    """Both systems, running within a with block.

    Raises:
        PortTakenError: A port cannot be bound.
        NoTlsError: The package that makes certificates is not installed.
        OSError: The data directory cannot be used.

    Attributes:
        sage_url: The address of Sage 300's Web API.
        servicenow_url: The address of the ServiceNow instance.
        certificate: The file to trust, where they serve https.
    """

    sage_url: str
    servicenow_url: str
    certificate: Path | None = None

    def __enter__(self) -> t.Self:
        """Make or open the data and start both servers."""
        with ExitStack() as started:
            folder = self.options.data
            if folder is None:
                temporary = tempfile.TemporaryDirectory(prefix="sandbox-")
                folder = Path(started.enter_context(temporary))
            folder.mkdir(parents=True, exist_ok=True)
            context = None
            if self.options.tls:
                context, self.certificate = tls.make_context(self.options.host, folder)
            started.enter_context(self.opened(folder))
            sage, servicenow = (
                started.enter_context(closing(self._server(side, app, port, context)))
                for side, app, port in (
                    (SAGE300, self._sage_app, self.options.sage_port),
                    (SERVICENOW, self.servicenow, self.options.servicenow_port),
                )
            )
            self.sage_url, self.servicenow_url = sage.url + ROOT, servicenow.url
            self._running = started.pop_all()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop both servers and close the data; a temporary directory is removed."""
        self._running.close()

    def _server(
        self, side: str, app: WSGIApplication, port: int, context: ssl.SSLContext | None
    ) -> Server:
        faulty = FaultInjector(
            side,
            app,
            faults=self.faults,
            expire_tokens=self.servicenow.expire_tokens,
            stopping=self.stopping,
        )
        front = Front(
            side,
            faulty,
            control=Control(self),
            counters=self.counters,
            log=self.log,
            latency_ms=self.options.latency_ms,
            stopping=self.stopping,
        )
        return Server(
            self.options.host,
            port,
            front,
            clock=self.clock,
            stopping=self.stopping,
            tls=context,
        )
