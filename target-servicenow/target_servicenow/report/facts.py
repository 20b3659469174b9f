"""What a report is made from, as the ledger holds it: frozen values."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

if t.TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from target_servicenow.money import Money


@dataclass(frozen=True)
class Reading:
    """What the tap's own log says of a run.

    Attributes:
        ended: How the tap's run ended; "" where it did not say so, as when it is killed.
        calls: Requests sent to Sage 300; None where that is not logged.
        left: Requests that its budget still allowed; None where that is not logged.
        events: How often each kind of event happened.
        not_whole: What was not read whole, as stream and company.
    """

    ended: str
    calls: int | None
    left: int | None
    events: Mapping[str, int]
    not_whole: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Run:
    """One run.

    Attributes:
        started: When, in UTC by the clock of the target's machine, as the ledger writes it.
        finished: When; "" while it runs, and where it was killed.
        status: ``running``, ``finished`` or ``stopped``.
        calls: Requests sent to ServiceNow; None while that is not known.
        message: Why it stopped.
        outcomes: Rows by table and outcome.
        reading: What the tap's log says; None where there is none.
    """

    number: int
    started: str
    finished: str
    status: str
    mode: str
    mapping: str
    instance: str
    calls: int | None
    message: str
    outcomes: Mapping[str, Mapping[str, int]]
    reading: Reading | None = None

    @property
    def is_plan(self) -> bool:
        """Whether it wrote nothing."""
        return self.mode == "plan"

    def rows(self, *outcomes: str) -> int:
        """Return how many rows met one of some outcomes."""
        return sum(counts.get(o, 0) for counts in self.outcomes.values() for o in outcomes)


@dataclass(frozen=True)
class Sum:
    """The money that the rows of one outcome stand for."""

    table: str
    currency: str
    outcome: str
    rows: int
    amount: Decimal


@dataclass(frozen=True)
class Event:
    """What was done with a row in one run.

    Attributes:
        at: When, in UTC, as the ledger writes it.
        changes: Columns with their old and new values.
        altered: Columns with what is stored, and what was sent.
        attempts: How often it was sent to ServiceNow.
    """

    run: int
    at: str
    mode: str
    outcome: str
    cause: str
    reason: str
    changes: tuple[tuple[str, str, str], ...]
    altered: tuple[tuple[str, str, str], ...] = ()
    attempts: int = 0


@dataclass(frozen=True)
class Record:
    """A row and what was done with it, oldest first.

    Attributes:
        name: What people call it, such as the vendor's name; "" where that is not known.
    """

    table: str
    identifier: str
    sys_id: str
    name: str
    events: tuple[Event, ...] = ()


@dataclass(frozen=True)
class Waiting:
    """A row that waits.

    Attributes:
        since: The run in which it began to.
        money: What it stands for, if anything.
    """

    table: str
    identifier: str
    name: str
    outcome: str
    reason: str
    since: int
    money: Money | None


@dataclass(frozen=True)
class WaitingGroup:
    """The rows that wait for one cause.

    Attributes:
        rows: How many there are.
        money: What they stand for, a sum for each currency.
        shown: The first of them.
    """

    cause: str
    rows: int
    money: tuple[Money, ...]
    shown: tuple[Waiting, ...]


@dataclass(frozen=True)
class Facts:
    """All that a page shows.

    Attributes:
        path: The ledger, as it was named.
        made: When it was read, as the ledger writes times.
        run: The run that the page is about.
        runs: This and earlier ones, newest first.
        written: How many rows it changed.
        changes: The first of them, each with what this run did as its only event.
        causes: How many rows of the run met each cause, most first.
        lives: The records that the page shows, with all that was done with them.
        rows_by_sys_id: The identifiers of rows that changed columns point at.
        entities: What the rows of each table are, such as ``Vendor``.
    """

    path: str
    made: str
    run: Run
    runs: tuple[Run, ...]
    sums: tuple[Sum, ...]
    waiting: tuple[WaitingGroup, ...]
    written: int
    changes: tuple[Record, ...]
    causes: tuple[tuple[str, int], ...]
    lives: tuple[Record, ...] = ()
    rows_by_sys_id: Mapping[str, str] = field(default_factory=dict)
    entities: Mapping[str, str] = field(default_factory=dict)
