"""Both systems together: made, served, reset and ended."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .clock import Clock
from .control import Control
from .counters import SAGE300, SERVICENOW, Counters
from .front import Front
from .sage.app import SageApp
from .sage.company import CompanyPlan
from .sage.paths import ROOT
from .sage.site import SageSite
from .server import Server
from .servicenow import ServiceNowApp

if TYPE_CHECKING:
    from types import TracebackType

    from _typeshed.wsgi import WSGIApplication
    from typing_extensions import Self


@dataclass(frozen=True)
class SandboxOptions:
    """What a sandbox is made of.

    Port 0 takes any free port. `vendors`, `accounts` (at least one each) and
    `batches` are per company. `data` is
    the directory that keeps both databases between runs; None uses a temporary one.
    `latency_ms` is added to every answer of both systems.
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


class Sandbox:
    """A running sandbox, as a context manager.

    Inside the with block both servers answer at `sage_url` and `servicenow_url`; `clock`,
    `counters`, `sage` and `servicenow` give a test what lies behind them.

    Raises:
        PortTakenError: a port cannot be bound.
        OSError: the data directory cannot be used.
    """

    sage: SageSite
    servicenow: ServiceNowApp
    sage_url: str
    servicenow_url: str

    def __init__(self, options: SandboxOptions) -> None:
        """Take the options; nothing is made or bound before the with block."""
        self.options = options
        self.clock = Clock()
        self.counters = Counters()
        self._ending = ExitStack()

    def __enter__(self) -> Self:
        """Make or open the data and start both servers."""
        with ExitStack() as started:
            folder = self.options.data
            if folder is None:
                temporary = tempfile.TemporaryDirectory(prefix="sandbox-")
                folder = Path(started.enter_context(temporary))
            folder.mkdir(parents=True, exist_ok=True)
            self.sage = SageSite(
                path=folder / "sage300.sqlite", clock=self.clock, plans=self._plans()
            )
            started.callback(self.sage.close)
            self.servicenow = ServiceNowApp(
                path=folder / "servicenow.sqlite", clock=self.clock, counters=self.counters
            )
            started.callback(self.servicenow.close)
            self.sage_url = (
                self._serve(started, SAGE300, SageApp(self.sage), self.options.sage_port) + ROOT
            )
            self.servicenow_url = self._serve(
                started, SERVICENOW, self.servicenow, self.options.servicenow_port
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
        """Put both sides back to what they were at the start, and the counts to zero."""
        self.sage.reset()
        self.servicenow.reset()
        self.counters.reset()

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

    def _serve(self, started: ExitStack, side: str, app: WSGIApplication, port: int) -> str:
        front = Front(
            side,
            app,
            control=Control(self),
            counters=self.counters,
            latency_ms=self.options.latency_ms,
        )
        server = Server(self.options.host, port, front, self.clock)
        started.callback(server.stop)
        return server.url
