"""How the pages of a window follow each other, and when the window is complete. Pure.

Paging by key asks for what follows the last key; paging by ``$skip`` for what follows so many rows.
Servers differ: a count can be absent or wrong, a page shorter than requested, a link can follow the
last row, and a filter can compare keys in another order than the rows come in. So

* an empty page, or one that came before, ends a window; a page shorter than requested and without
  a link does so only when as many rows were received as expected;
* by key, where the numbers differ, rows beyond those received are requested by ``$skip``. None
  come: the count is wrong, or rows were deleted meanwhile. Some come, and yet nothing follows the
  last key: the server compares keys differently, and the window is read again by ``$skip``, unless
  no row announced at first is missing;
* by ``$skip``, rows deleted behind the read move others past it unseen, so each page is counted,
  and a count that shrank starts the window again.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from tap_sage300.api.keys import in_order
from tap_sage300.reading.state import ASKED, DENIED, IGNORED, Window

if t.TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from tap_sage300.api.keys import Key

MOST_RESTARTS = 3
"""In one run, of a window whose rows are deleted while it is read by ``$skip``."""

UNORDERED = "the rows do not come in key order"
UNEQUAL = "the rows do not come in key order as the server compares keys"
REPEATED = (
    "the same page came for different requests, so the rest cannot be reached and the bookmark "
    "stays: check whether a cache or proxy in front of IIS ignores the query string"
)
DELETED = (
    f"rows were deleted during each of {MOST_RESTARTS + 1} attempts to read it by $skip, so the "
    "bookmark stays: run again when Sage 300 is quiet"
)


class IncompleteError(Exception):
    """The window cannot be completed in this run; the text says why."""


@dataclass(frozen=True)
class PageSummary:
    """What one page showed.

    Attributes:
        keys: Keys of its rows, in the order received.
        requested_on: The server's date when the page was requested.
        full: As many rows were received as requested.
        ordered: The keys rise, starting from the last one of the page before.
        count: Rows of the window, as the server announced them.
        more: The server announced a next page.
        next_skip: The ``$skip`` of that page.
        high: The highest date among the rows.
        not_final: Keys of rows that can still change, or were left out.
        left_out: Rows that cannot be used.
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
    left_out: int = 0
    requested: Sequence[Key] = ()


@dataclass(frozen=True)
class Turn:
    """What follows a page.

    Attributes:
        window: The window after it.
        is_complete: Nothing is left to read in the window.
        remark: For the log, or empty.
        is_unordered: The server was seen to order or to compare keys in another way.
        is_doubted: It may do so, or rows were inserted meanwhile.
    """

    window: Window
    is_complete: bool = False
    remark: str = ""
    is_unordered: bool = False
    is_doubted: bool = False


def turn(window: Window, page: PageSummary, *, demanded: bool) -> Turn:
    """Take a page of a sweep or of changes in.

    Args:
        window: The window before it.
        page: The page.
        demanded: Paging by key is demanded, so that ``$skip`` is no way out.

    Raises:
        IncompleteError: The read of the window ends here.
        ValueError: The settings demand paging by key, and the server cannot be read so.
    """
    if window.end == ASKED:
        return _answered(window, page)
    window = replace(
        window,
        until=window.until or page.requested_on,
        high=max(filter(None, (window.high, page.high)), default=None),
    )
    if window.skip is not None:
        return _by_skip(window, page)
    if came_before(window, page) and window.end == IGNORED:
        raise IncompleteError(REPEATED)
    if came_before(window, page) and window.end is None:
        return Turn(replace(window, end=ASKED))
    reason = _against_keys(window, page)
    return _again(window, page, reason, demanded=demanded) if reason else _by_key(window, page)


def _answered(window: Window, page: PageSummary) -> Turn:
    """Take in whether there are rows beyond those received."""
    if not page.keys or _are_new(window, page):
        return Turn(window, is_complete=True, remark=_missing(window, window.received))
    return Turn(replace(window, end=DENIED if page.ordered else IGNORED))


def _are_new(window: Window, page: PageSummary) -> bool:
    """Return whether rows beyond those received were inserted behind the read, as counts show."""
    expected, count = window.expected, page.count
    if expected is None or count is None or count < window.received + len(page.keys):
        return False  # or fewer are announced than there are
    return expected <= window.received


def _against_keys(window: Window, page: PageSummary) -> str:
    """Say why a window cannot be read by key; empty when it can, as far as the page shows."""
    if not page.keys and window.end in {DENIED, IGNORED}:
        return UNEQUAL
    return "" if page.ordered else UNORDERED


def _again(window: Window, page: PageSummary, reason: str, *, demanded: bool) -> Turn:
    # Rows inserted behind the read look like rows left out, but not a second time.
    is_unordered = not page.ordered or window.end == DENIED
    if demanded and (is_unordered or window.restarts):
        raise ValueError(
            f"{reason}, which the setting paging keyset relies on: set paging to auto or skip"
        )
    window = replace(window.afresh(None if demanded else 0), restarts=window.restarts + 1)
    how = "" if demanded else " with $skip"
    remark = f"{reason}, so they are read again from the start{how}"
    return Turn(window, remark=remark, is_unordered=is_unordered, is_doubted=not is_unordered)


def _by_key(window: Window, page: PageSummary) -> Turn:
    is_first = window.last_key is None
    if is_first:
        # Of a full page this may be the page's own count, which says nothing of what follows.
        is_of_page = page.full and page.count is not None and page.count <= len(page.keys)
        window = replace(window, expected=None if is_of_page else page.count)
    if not page.keys:
        if is_first or window.adds_up:
            return Turn(window, is_complete=True, remark=_missing(window, window.received))
        return Turn(replace(window, end=ASKED))
    is_capped = len(page.keys) == window.longest  # as the page before was, and more followed
    counted = window.is_counted
    window = replace(
        window,
        last_key=page.keys[-1],
        received=window.received + len(page.keys) if counted else 0,
        longest=max(window.longest, len(page.keys)),
        end=None,
    )
    if page.full or page.more or not counted:
        return Turn(window)
    if window.adds_up:
        return Turn(window, is_complete=True)
    return Turn(window if is_capped else replace(window, end=ASKED))


def _by_skip(window: Window, page: PageSummary) -> Turn:
    before, skip = window.expected, window.skip or 0
    if came_before(window, page):
        return _repeated(window, page)
    if page.keys and page.count is not None and page.count < skip + len(page.keys):
        before, page = None, replace(page, count=None)  # fewer announced than came
    if page.count and before is not None and page.count < before and skip:  # none is no loss
        if window.restarts >= MOST_RESTARTS:
            raise IncompleteError(DELETED)
        return Turn(
            replace(window.afresh(skip=0), restarts=window.restarts + 1),
            remark="rows were deleted while they were read by $skip, so they are read again from "
            "the start",
        )
    expected = before if page.count is None else page.count
    skip = _next_skip(skip, page)
    is_shorter = len(page.keys) < window.longest
    is_unordered = not in_order(page.keys, None)
    window = replace(
        window,
        skip=skip,
        expected=expected,
        last_key=page.keys[-1] if page.keys else window.last_key,
        received=window.received + len(page.keys),
        longest=max(window.longest, len(page.keys)),
        end=None,
    )
    if not page.keys:
        return Turn(window, is_complete=True, remark=_missing(window, skip))
    if page.full or page.more:
        return Turn(window, is_unordered=is_unordered)
    # More than announced: the count is of no use, but shorter than before is shorter than the cap.
    is_last = skip == expected or (is_shorter and (expected is None or skip > expected))
    return Turn(window, is_complete=is_last, is_unordered=is_unordered)


def _repeated(window: Window, page: PageSummary) -> Turn:
    """Take in a page by ``$skip`` that ends as the one before did.

    Without a count of the window, as many rows as the page has may have been inserted before it,
    which cannot be so again and again.
    """
    skip, before = window.skip or 0, window.expected
    if before is None:
        if window.end == IGNORED:
            raise IncompleteError(REPEATED)
        return Turn(replace(window, skip=_next_skip(skip, page), end=IGNORED))
    if skip < (before if page.count is None else page.count):
        raise IncompleteError(REPEATED)
    return Turn(window, is_complete=True)


def is_taken(window: Window, page: PageSummary) -> bool:
    """Return whether the rows of a page are part of the window, and not only a sign of its end."""
    return window.end != ASKED and not came_before(window, page)


def came_before(window: Window, page: PageSummary) -> bool:
    """Return whether a page ends as the last one did, and not because rows were inserted."""
    counted = window.skip is not None and None not in (page.count, window.expected)
    has_grown = counted and page.count != window.expected
    return bool(page.keys) and page.keys[-1] == window.last_key and not has_grown


def _next_skip(skip: int, page: PageSummary) -> int:
    received = skip + len(page.keys)
    return page.next_skip if page.next_skip is not None and page.next_skip > skip else received


def _missing(window: Window, received: int) -> str:
    if window.expected is None or received >= window.expected:
        return ""
    return (
        f"expected {window.expected} rows, received {received}, and no others are there: rows were "
        "deleted meanwhile, or the server's count is wrong"
    )
