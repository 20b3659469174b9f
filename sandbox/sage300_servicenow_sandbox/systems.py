"""Both systems and what they share: all that a test looks at or changes while they run."""

from __future__ import annotations

import threading
import typing as t
from contextlib import closing, contextmanager

from sage300_servicenow_sandbox.clock import Clock
from sage300_servicenow_sandbox.counters import SAGE300, SERVICENOW, Counters
from sage300_servicenow_sandbox.faults import Faults
from sage300_servicenow_sandbox.request_log import RequestLog
from sage300_servicenow_sandbox.sage.app import SageApp
from sage300_servicenow_sandbox.sage.company.plan import CompanyPlan
from sage300_servicenow_sandbox.sage.site import SageSite
from sage300_servicenow_sandbox.servicenow.app import ServiceNowApp

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sage300_servicenow_sandbox.options import SandboxOptions


class Systems:
    """A Sage 300 site and a ServiceNow instance, with one clock, one fault plan and one log.

    Attributes:
        options: What the systems are made of.
        clock: The time of both.
        counters: The calls of each.
        log: The latest requests of both.
        faults: The fault plan that both follow.
        sage: The Sage 300 site; there while the data are open.
        servicenow: The ServiceNow instance; there while the data are open.
        stopping: Set, it ends every wait of both.
    """

    sage: SageSite
    servicenow: ServiceNowApp

    def __init__(self, options: SandboxOptions) -> None:
        """Take the options; no data are made or opened yet."""
        self.options = options
        self.clock = Clock(options.start)
        self.counters = Counters()
        self.log = RequestLog(options.log_size)
        self.faults = Faults(options.faults)
        self.stopping = threading.Event()

    @contextmanager
    def opened(self, folder: Path) -> Iterator[None]:
        """Keep the data of both systems open, which a folder holds; make them if need be."""
        self.sage = SageSite(
            path=folder / f"{SAGE300}.sqlite", clock=self.clock, plans=self._plans()
        )
        with closing(self.sage):
            self._sage_app = SageApp(self.sage, self.stopping)
            self.servicenow = ServiceNowApp(
                path=folder / f"{SERVICENOW}.sqlite",
                clock=self.clock,
                counters=self.counters,
                random_seed=self.options.random_seed,
                stopping=self.stopping,
            )
            with closing(self.servicenow):
                yield

    def reset(self) -> None:
        """Put data, behaviours, faults, counts and log back to how they were at the start."""
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
                invoices_per_batch=options.invoices_per_batch,
                lines_per_invoice=options.lines_per_invoice,
                random_seed=options.random_seed,
                day=self.clock.now().date(),
            )
            for company in options.companies
        ]
