"""Both systems together: made, served, reset and ended."""

from __future__ import annotations

import tempfile
import threading
import typing as t
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sage300_servicenow_sandbox import tls
from sage300_servicenow_sandbox.clock import Clock
from sage300_servicenow_sandbox.control import Control
from sage300_servicenow_sandbox.counters import SAGE300, SERVICENOW, Counters
from sage300_servicenow_sandbox.fault_server import FaultServer
from sage300_servicenow_sandbox.faults import NO_FAULTS, Faults, Plan
from sage300_servicenow_sandbox.front import Front
from sage300_servicenow_sandbox.request_log import RequestLog
from sage300_servicenow_sandbox.sage.app import SageApp
from sage300_servicenow_sandbox.sage.company import CompanyPlan
from sage300_servicenow_sandbox.sage.paths import ROOT
from sage300_servicenow_sandbox.sage.site import SageSite
from sage300_servicenow_sandbox.server import Server
from sage300_servicenow_sandbox.servicenow import ServiceNowApp
from sage300_servicenow_sandbox.snapshots import Snapshots

if t.TYPE_CHECKING:
    import ssl
    from types import TracebackType


@dataclass(frozen=True)
class SandboxOptions:
    """What a sandbox is made of.

    Port 0 takes any free port. `vendors`, `accounts` (at least one each) and `batches` are per
    company. From `random_seed` the companies are made, and ServiceNow's sys_ids, sessions and
    tokens. `data` is the directory that keeps both databases between runs; None uses a temporary
    one. `latency_ms` is added to every answer of both systems. `faults` is the plan of faults
    that both follow, `log_size` how many requests are remembered. With `tls` both serve https.
    """

    host: str = "127.0.0.1"
    sage_port: int = 8300
    servicenow_port: int = 8301
    companies: tuple[str, ...] = ("SAMINC",)
    vendors: int = 240
    accounts: int = 180
    batches: int = 40
    random_seed: int = 300
    data: Path | None = None
    latency_ms: int = 0
    faults: Plan = NO_FAULTS
    log_size: int = 1000
    tls: bool = False


class Sandbox:
    """A running sandbox, as a context manager.

    Inside the with block both servers answer at `sage_url` and `servicenow_url`; `clock`,
    `counters`, `log`, `faults`, `snapshots`, `sage` and `servicenow` give a test what lies
    behind them. `certificate` is the file to trust where they serve https.

    Raises:
        PortTakenError: A port cannot be bound.
        NoTlsError: The package that makes certificates is not installed.
        OSError: The data directory cannot be used.
    """

    sage: SageSite
    servicenow: ServiceNowApp
    snapshots: Snapshots
    sage_url: str
    servicenow_url: str
    certificate: Path | None

    def __init__(self, options: SandboxOptions) -> None:
        """Take the options; nothing is made or bound before the with block."""
        self.options = options
        self.clock = Clock()
        self.counters = Counters()
        self.log = RequestLog(options.log_size)
        self.faults = Faults(options.faults)
        self._stopping = threading.Event()
        self._ending = ExitStack()

    def __enter__(self) -> t.Self:
        """Make or open the data and start both servers."""
        with ExitStack() as started:
            folder = self.options.data
            if folder is None:
                temporary = tempfile.TemporaryDirectory(prefix="sandbox-")
                folder = Path(started.enter_context(temporary))
            folder.mkdir(parents=True, exist_ok=True)
            context, self.certificate = (
                tls.make_context(self.options.host, folder) if self.options.tls else (None, None)
            )
            databases = {side: folder / f"{side}.sqlite" for side in (SAGE300, SERVICENOW)}
            self.snapshots = Snapshots(folder / "snapshots", databases)
            self.sage = SageSite(path=databases[SAGE300], clock=self.clock, plans=self._plans())
            started.callback(self.sage.close)
            self.servicenow = ServiceNowApp(
                path=databases[SERVICENOW],
                clock=self.clock,
                counters=self.counters,
                random_seed=self.options.random_seed,
            )
            started.callback(self.servicenow.close)
            self._sage_app = SageApp(self.sage)
            self.sage_url = (
                self._serve(started, SAGE300, self._sage_app, self.options.sage_port, context)
                + ROOT
            )
            self.servicenow_url = self._serve(
                started, SERVICENOW, self.servicenow, self.options.servicenow_port, context
            )
            self._ending = started.pop_all()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop both servers and close the data; a temporary directory goes."""
        self._ending.close()

    def reset(self) -> None:
        """Put everything back to what it was at the start: data, behaviours, faults, counts."""
        self.sage.reset()
        self._sage_app.reset()
        self.servicenow.reset()
        self.faults.follow(self.options.faults)
        self.counters.reset()
        self.log.reset()

    def _plans(self) -> list[CompanyPlan]:
        options = self.options
        return [
            CompanyPlan(
                company=company,
                vendors=options.vendors,
                accounts=options.accounts,
                batches=options.batches,
                random_seed=options.random_seed,
                day=self.clock.now().date(),
            )
            for company in options.companies
        ]

    def _serve(
        self,
        started: ExitStack,
        side: str,
        app: SageApp | ServiceNowApp,
        port: int,
        context: ssl.SSLContext | None,
    ) -> str:
        spoilt = FaultServer(
            side,
            app,
            faults=self.faults,
            expire_tokens=self.servicenow.expire_tokens,
            stopping=self._stopping,
        )
        front = Front(
            side,
            spoilt,
            control=Control(self),
            counters=self.counters,
            log=self.log,
            latency_ms=self.options.latency_ms,
            stopping=self._stopping,
        )
        server = Server(self.options.host, port, front, self.clock, context)
        started.callback(server.stop)
        started.callback(app.stop)
        return server.url
