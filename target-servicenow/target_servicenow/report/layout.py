"""What stands on the page: frozen values, worded for whoever reads it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from target_servicenow.outcomes import COUNTED

if t.TYPE_CHECKING:
    from target_servicenow.report.charts import Bar, Part
    from target_servicenow.report.facts import Run


@dataclass(frozen=True)
class Verdict:
    """How the run went, in one sentence and a colour: ``good``, ``wait`` or ``bad``."""

    tone: str
    title: str
    text: str


@dataclass(frozen=True)
class Item:
    """A record in a list.

    Attributes:
        name: What people call it; "" where that is not known.
        key: What it is by its key.
        columns: What changed: column, old value, new value.
        more: How many further columns changed.
    """

    name: str
    key: str
    outcome: str = ""
    reason: str = ""
    since: str = ""
    money: str = ""
    columns: tuple[tuple[str, str, str], ...] = ()
    more: int = 0


@dataclass(frozen=True)
class Group:
    """What waits for one cause, and what to do about it.

    Attributes:
        reason: The reason, where all its items have the same.
        more: How many further rows there are, which `ask` lists.
    """

    cause: str
    title: str
    action: str
    needs_person: bool
    rows: int
    money: str
    reason: str
    items: tuple[Item, ...]
    more: int


@dataclass(frozen=True)
class TableLine:
    """What a run did to one table."""

    title: str
    name: str
    counts: tuple[tuple[str, int], ...]
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class MoneyLine:
    """The money that a run moved in one table and currency, by outcome."""

    title: str
    currency: str
    amounts: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True)
class RunLine:
    """One of the last runs."""

    number: int
    when: str
    took: str
    status: str
    changed: int
    waiting: int
    calls: int | None
    sage_calls: int | None


@dataclass(frozen=True)
class Chart:
    """A chart of the last runs, the latest on the right.

    Attributes:
        kinds: What its colours stand for: kind and words.
        most: The highest bar.
    """

    title: str
    kinds: tuple[tuple[str, str], ...]
    bars: tuple[Bar, ...]
    most: int
    first: str
    last: str


@dataclass(frozen=True)
class Reason:
    """A cause, with how many rows of the run had it."""

    title: str
    rows: int
    length: float


@dataclass(frozen=True)
class Page:
    """A whole page.

    Attributes:
        figures: The headline figures: words, number, tone.
        notices: What else a reader must know, such as a company that was not read whole.
        written: How many rows were changed; `changes` may show fewer.
        lines: How many lines of money there are; `money` may show fewer.
    """

    run: Run
    heading: str
    when: str
    took: str
    made: str
    path: str
    verdict: Verdict
    figures: tuple[tuple[str, str, str], ...]
    notices: tuple[str, ...]
    groups: tuple[Group, ...]
    tables: tuple[TableLine, ...]
    written: int
    changes: tuple[Item, ...]
    lines: int
    money: tuple[MoneyLine, ...]
    charts: tuple[Chart, ...]
    runs: tuple[RunLine, ...]
    reasons: tuple[Reason, ...]
    outcomes: tuple[str, ...] = tuple(outcome.value for outcome in COUNTED)
