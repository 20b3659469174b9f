"""What to read next, and what to remember after it. Pure: no clock, no network, no Singer.

Sage 300 stamps changes with a date and no time, promises no order but key order, and does not
date everything that happens (posting a batch is not an edit; an edited account keeps its date).
So one stream of one company is read in *windows*:

* ``sweep``: everything, in key order;
* ``changes``: everything dated on or after a day. Rows of that day come again, by design. Where
  nothing is dated there are only sweeps;
* ``not_final``: by key, the batches that could still change when they were last read.

A window may be cut anywhere (budget, kill) and is resumed where it stood. How its pages follow each
other, and when it is complete, is decided in ``paging``. The bookmark moves only when a sweep or a
window of changes is complete, and never past the server's own date at its start.
"""

from __future__ import annotations

import datetime as dt
import typing as t
from dataclasses import dataclass, replace

from tap_sage300.reading import paging, versions
from tap_sage300.reading.state import (
    CHANGES,
    NOT_FINAL,
    SWEEP,
    Learned,
    Progress,
    Window,
    day_or_none,
)

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_sage300.api.keys import Key
    from tap_sage300.reading.paging import PageSummary, Turn


DOUBTS = 2
"""Windows in a row that seem not to be in key order, until it is believed."""


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


def set_back(progress: Progress, today: dt.date) -> tuple[Progress, str]:
    """Forget what a wrong clock left: dates further ahead than the next day.

    Returns:
        The progress, and a remark for the log or an empty string.
    """
    latest = today + dt.timedelta(days=1)
    window, bookmark, last_sweep = progress.window, progress.bookmark, progress.last_sweep
    if window is not None and max(window.since or today, window.until or today) > latest:
        progress = replace(progress, window=None)
    if last_sweep is not None and last_sweep > latest:
        progress = replace(progress, last_sweep=None)
    if bookmark is None or bookmark <= latest:
        return progress, ""
    remark = (
        f"the bookmark {bookmark} lies in the future, as a wrong clock leaves it: it is set back, "
        "and everything is read once more"
    )
    return replace(progress, bookmark=None, window=None), remark


def begin(progress: Progress, rules: Rules, today: dt.date) -> Progress:
    """Choose the window to read now: the one that was cut, or the next one due, if any."""
    window = progress.window
    if window is not None and window.read == NOT_FINAL and not to_check(progress, 1):
        window = None  # as a state edited by hand may have it
    window = window or _due(progress, rules, today)
    if window is not None and window.read != NOT_FINAL:
        by_skip = rules.paging == "skip" or (rules.paging == "auto" and progress.learned.by_skip)
        if by_skip and window.skip is None:
            window = window.afresh(skip=0)
        elif rules.paging == "keyset" and window.skip is not None:
            window = window.afresh(skip=None)
    return replace(progress, window=window)


def _due(progress: Progress, rules: Rules, today: dt.date) -> Window | None:
    if _sweep_due(progress.last_sweep, rules.sweep_days, today):
        return Window(SWEEP, since=rules.start_date)
    if not rules.dated:  # what was skipped is requested all the same
        return Window(NOT_FINAL) if to_check(progress, 1) else None
    if progress.bookmark is None or _is_widened(progress.start_date, rules.start_date):
        return Window(SWEEP, since=rules.start_date)
    back = _days_before(progress.bookmark, rules.lookback_days)
    return Window(CHANGES, since=max(filter(None, (back, rules.start_date)), default=None))


def _is_widened(swept: dt.date | None, start_date: dt.date | None) -> bool:
    """Return whether the settings ask for rows that no sweep was asked for yet."""
    return swept is not None and (start_date is None or start_date < swept)


def _days_before(day: dt.date, days: int) -> dt.date | None:
    """Return the day some days earlier; None, no bound, where the calendar has none."""
    return dt.date.fromordinal(day.toordinal() - days) if days < day.toordinal() else None


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
        IncompleteError: The read of the window ends here.
        ValueError: The settings demand paging by key, and the server cannot be read so.
        RuntimeError: No window is open.
    """
    window = progress.window
    if window is None:
        raise RuntimeError("no window is open")
    progress = replace(progress, completed=None, version=window.version or progress.version)
    window = replace(window, version=None)
    if paging.is_taken(window, page):
        window = replace(window, left_out=window.left_out + page.left_out)
        progress = replace(
            progress,
            not_final=(progress.not_final - set(page.keys)) | page.not_final,
            met=progress.met | page.not_final,
        )
    if window.read == NOT_FINAL:
        return _checked(progress, window, page), ""
    turn = paging.turn(window, page, demanded=rules.paging == "keyset")
    progress = replace(progress, learned=_learned(progress.learned, turn))
    if not turn.is_complete:
        return replace(progress, window=turn.window), turn.remark
    return _completed(progress, turn.window), turn.remark


def _learned(learned: Learned, turn: Turn) -> Learned:
    """Take in what a page says of the server's order: proof, or the same doubt twice in a row."""
    if turn.is_unordered or (turn.is_doubted and learned.doubts + 1 >= DOUBTS):
        return replace(learned, by_skip=True, doubts=0)
    if turn.is_doubted:
        return replace(learned, doubts=learned.doubts + 1)
    is_cleared = turn.is_complete and turn.window.skip is None and turn.window.read == SWEEP
    return replace(learned, doubts=0) if is_cleared else learned


def _checked(progress: Progress, window: Window, page: PageSummary) -> Progress:
    gone = frozenset(page.requested) - set(page.keys)
    short = page.more or (page.count is not None and len(page.keys) < page.count)
    if gone and short and len(page.requested) > 1:
        # The server sends fewer rows at once than were requested: what is absent proves nothing.
        limit = len(page.requested) // 2
        progress = replace(progress, window=replace(window, limit=limit))
    else:  # what is absent was cleared from Sage 300
        progress = replace(progress, not_final=progress.not_final - gone)
        progress = replace(progress, window=replace(window, last_key=page.requested[-1]))
    if to_check(progress, 1):
        return progress
    return replace(progress, window=None, completed=window)


def _completed(progress: Progress, window: Window) -> Progress:
    dates = [day for day in (window.high, window.until) if day is not None]
    seen = min(dates) if window.high is not None else None
    progress = versions.swept(replace(progress, window=None, completed=window), window)
    if not window.has_gap:
        bookmark = max(filter(None, (progress.bookmark, seen)), default=None)
        progress = replace(progress, bookmark=bookmark)
        if window.read == SWEEP:
            progress = replace(progress, last_sweep=window.until, start_date=window.since)
    if not to_check(progress, 1):
        return progress
    return replace(progress, window=Window(NOT_FINAL, waited=window.waited))


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


def put_off(progress: Progress) -> Progress:
    """Count one more run that ended before the window was complete, so that it comes first next."""
    window = progress.window
    if window is None:
        return progress
    return replace(progress, window=replace(window, waited=window.waited + 1))


def headway(opened: Progress, reached: Progress) -> Progress:
    """Count the runs in a row that were cut where they began; none when this one came further."""
    window = reached.window
    if window is None:
        return reached
    stalled = window.stalled + 1 if reached == opened else 0
    return replace(reached, window=replace(window, stalled=stalled))


def highest(values: Iterable[object]) -> dt.date | None:
    """Return the highest day among date values; null and what is not a date do not count."""
    texts = [value for value in values if isinstance(value, str)]
    return max(filter(None, map(day_or_none, texts)), default=None)
