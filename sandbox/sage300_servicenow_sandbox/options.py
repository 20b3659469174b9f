"""What a sandbox is made of."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from sage300_servicenow_sandbox.faults import NO_FAULTS, Plan

if t.TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path


@dataclass(frozen=True)
class SandboxOptions:
    """The options of a sandbox; the command line has one of the same name for each.

    Attributes:
        host: The loopback address to serve on.
        sage_port: The port of Sage 300; 0 takes any free one.
        servicenow_port: The port of ServiceNow; 0 takes any free one.
        companies: The company databases of the Sage 300 site.
        vendors: Vendors per company, at least one.
        accounts: GL accounts per company, at least one.
        batches: AP invoice batches per company.
        invoices_per_batch: Invoices in each batch; 0, one to six.
        lines_per_invoice: Lines of each invoice; 0, one to four.
        random_seed: What companies and ServiceNow's sys_ids, sessions and tokens are made from.
        start: Where the clock of both systems starts, aware; None takes real time.
        data: The directory that keeps both databases between runs; None uses a temporary one.
        latency_ms: Milliseconds added to every answer of both systems.
        faults: The fault plan that both systems follow.
        log_size: How many requests the log remembers.
        tls: Whether both systems serve https.
    """

    host: str = "127.0.0.1"
    sage_port: int = 8300
    servicenow_port: int = 8301
    companies: tuple[str, ...] = ("SAMINC",)
    vendors: int = 240
    accounts: int = 180
    batches: int = 40
    invoices_per_batch: int = 0
    lines_per_invoice: int = 0
    random_seed: int = 300
    start: dt.datetime | None = None
    data: Path | None = None
    latency_ms: int = 0
    faults: Plan = NO_FAULTS
    log_size: int = 1000
    tls: bool = False
