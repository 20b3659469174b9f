"""What to read next, and what to remember after it. Pure: no clock, no network, no Singer.

Sage 300 stamps changes with a date and no time, promises no order but key order, and does not
date everything that happens (posting a batch is not an edit; an edited account keeps its date).
So one stream of one company is read in *windows*:

* ``sweep``: everything, in key order;
* ``changes``: everything dated on or after a day. Rows of that day come again, by design. Where
  nothing is dated there are only sweeps;
* ``not_final``: by key, the batches that could still change when they were last read.

A window may be cut anywhere (budget, kill) and is resumed after the last key. The bookmark moves
only when a sweep or a window of changes is complete, and never past the server's own date at its
start.
"""

from __future__ import annotations

import datetime as dt
import typing as t
from dataclasses import dataclass, replace

from tap_sage300.reading.state import CHANGES, NOT_FINAL, SWEEP, Progress, Window, day_or_none

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tap_sage300.api.keys import Key


@dataclass(frozen=True)
class Rules:
    """How to read an entity, from the settings and its declaration.

    Attributes:
        lookback_days: Days before the bookmark that are read again.
        dated: There is a date to find changes by; otherwise there are only sweeps.
        start_date: Lower bound of every window, or None.
        sweep_days: Days between sweeps, 0 for every run, None for the first read only.
        paging: ``auto``, ``keyset`` or ``skip``.
    """

    lookback_days: int
    dated: bool = True
    start_date: dt.date | None = None
    sweep_days: int | None = None
    paging: str = "auto"


@dataclass(frozen=True)
class PageSummary:
    """What one page showed.

    Attributes:
        keys: Keys of its rows, in the order received.
        requested_on: The server's date when the page was requested.
        full: As many rows came as were requested.
        ordered: The keys rise, starting from the last one of the page before.
        count: Rows of the window, as the server announced them.
        more: The server announced a next page.
        next_skip: The ``$skip`` of that page.
        high: The highest date among the rows.
        not_final: Keys of rows that can still change.
        requested: The keys requested, in a ``not_final`` window.
    """

    keys: Sequence[Key]
    requested_on: dt.date
    full: bool
    ordered: bool = True
    count: int | None = None
    more: bool = False
    next_skip: int | None = None
    high: dt.date | None = None
    not_final: frozenset[Key] = frozenset()
    requested: Sequence[Key] = ()


def begin(progress: Progress, rules: Rules, today: dt.date) -> Progress:
    """Choose the window to read now: the one that was cut, or the next one due, if any."""
    window = progress.window
    if window is not None and window.read == NOT_FINAL and not to_check(progress, 1):
        window = None  # as a state edited by hand may have it
    window = window or _due(progress, rules, today)
    if window is not None and window.read != NOT_FINAL:
        if rules.paging == "skip" and window.skip is None:
            window = replace(window, skip=0, last_key=None)
        elif rules.paging == "keyset" and window.skip is not None:
            window = replace(window, skip=None, last_key=None)
    return replace(progress, window=window)


def _due(progress: Progress, rules: Rules, today: dt.date) -> Window | None:
    if _sweep_due(progress.last_sweep, rules.sweep_days, today):
        return Window(SWEEP, since=rules.start_date)
    if not rules.dated:  # what was skipped is requested all the same
        return Window(NOT_FINAL) if to_check(progress, 1) else None
    if progress.bookmark is None:
        return Window(SWEEP, since=rules.start_date)
    back = progress.bookmark - dt.timedelta(days=rules.lookback_days)
    return Window(CHANGES, since=max(back, rules.start_date or back))


def _sweep_due(last: dt.date | None, days: int | None, today: dt.date) -> bool:
    # Zero is every run even where the server's clock is a day ahead of this machine's.
    return days is not None and (last is None or days == 0 or (today - last).days >= days)


def to_check(progress: Progress, most: int) -> list[Key]:
    """Return the keys of the next batches to read again, in order."""
    window = progress.window
    last = None if window is None else window.last_key
    limit = most if window is None else min(most, window.limit or most)
    waiting = sorted(progress.not_final - progress.met)
    return [key for key in waiting if last is None or key > last][:limit]  # type: ignore[operator]


def advance(progress: Progress, page: PageSummary, rules: Rules) -> tuple[Progress, str]:
    """Take a page in; ``window`` is None when there is nothing left to read.

    Returns:
        The progress, and a remark for the log or an empty string.

    Raises:
        ValueError: The rows are not in key order, and the settings demand paging by key.
        RuntimeError: No window is open.
    """
    window = progress.window
    if window is None:
        raise RuntimeError("no window is open")
    progress = replace(
        progress,
        not_final=(progress.not_final - set(page.keys)) | page.not_final,
        met=progress.met | page.not_final,
    )
    if window.read == NOT_FINAL:
        return _checked(progress, window, page), ""
    return _paged(progress, window, page, rules)


def _checked(progress: Progress, window: Window, page: PageSummary) -> Progress:
    whole = not page.more and (page.count is None or len(page.keys) >= page.count)
    if not whole and len(page.requested) > 1:
        # The server sends fewer rows at once than were requested: what is absent proves nothing.
        return replace(progress, window=replace(window, limit=len(page.requested) // 2))
    if whole:  # what a whole answer does not contain was cleared from Sage 300
        gone = frozenset(page.requested) - set(page.keys)
        progress = replace(progress, not_final=progress.not_final - gone)
    progress = replace(progress, window=replace(window, last_key=page.requested[-1]))
    return progress if to_check(progress, 1) else replace(progress, window=None)


def _paged(
    progress: Progress, window: Window, page: PageSummary, rules: Rules
) -> tuple[Progress, str]:
    expected = page.count if window.expected is None else window.expected
    received = window.received + len(page.keys)
    skip = None if window.skip is None else _next_skip(window.skip, page)
    high = max(filter(None, (window.high, page.high)), default=None)
    window = replace(
        window,
        until=window.until or page.requested_on,
        high=high,
        expected=expected,
        received=received,
    )
    short = expected is not None and (received if skip is None else skip) < expected
    stuck = not page.keys and skip == window.skip
    ended = stuck or not (page.full or page.more or short)
    if skip is None:
        if not page.ordered or (stuck and (short or page.more)):
            return _by_skip(progress, window, rules)
        window = replace(window, last_key=page.keys[-1] if page.keys else window.last_key)
    else:
        window = replace(window, skip=skip, last_key=None)
    if not ended:
        return replace(progress, window=window), ""
    remark = f"expected {expected} rows, received {skip}" if short else ""
    return _ended(progress, window), remark


def pass_over(progress: Progress, rows: int) -> Progress:
    """Count rows that cannot be read, not even their keys, so that the window is not complete.

    Raises:
        RuntimeError: No window is open.
    """
    window = progress.window
    if window is None:
        raise RuntimeError("no window is open")
    skip = None if window.skip is None else window.skip + rows
    window = replace(window, received=window.received + rows, skip=skip, has_gap=True)
    return replace(progress, window=window)


def _next_skip(skip: int, page: PageSummary) -> int:
    received = skip + len(page.keys)
    return page.next_skip if page.next_skip is not None and page.next_skip > skip else received


def _by_skip(progress: Progress, window: Window, rules: Rules) -> tuple[Progress, str]:
    if rules.paging == "keyset":
        raise ValueError(
            "the rows do not come in key order, which the setting paging keyset relies on: "
            "set paging to auto or skip"
        )
    again = replace(window, skip=0, last_key=None, expected=None, received=0)
    return (
        replace(progress, window=again),
        "the rows do not come in key order, so they are read again from the start with $skip",
    )


def _ended(progress: Progress, window: Window) -> Progress:
    dates = [day for day in (window.high, window.until) if day is not None]
    seen = min(dates) if window.high is not None else None
    progress = replace(progress, window=None)
    if not window.has_gap:
        progress = replace(
            progress,
            bookmark=max(filter(None, (progress.bookmark, seen)), default=None),
            last_sweep=window.until if window.read == SWEEP else progress.last_sweep,
        )
    if not to_check(progress, 1):
        return progress
    return replace(progress, window=Window(NOT_FINAL, waited=window.waited))


def put_off(progress: Progress) -> Progress:
    """Count one more run that ended before the window was complete, so that it comes first next."""
    window = progress.window
    if window is None:
        return progress
    return replace(progress, window=replace(window, waited=window.waited + 1))


def highest(values: Iterable[object]) -> dt.date | None:
    """Return the highest day among date values; null and what is not a date do not count."""
    texts = [value for value in values if isinstance(value, str)]
    return max(filter(None, map(day_or_none, texts)), default=None)
