"""How the pages of a window follow each other: on servers that announce, cap and compare oddly."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from tap_sage300.reading import paging
from tap_sage300.reading.paging import IncompleteError, PageSummary
from tap_sage300.reading.state import ASKED, DENIED, IGNORED, SWEEP, Window

TODAY = dt.date(2026, 11, 22)
OPEN = Window(SWEEP, until=TODAY, last_key="M", expected=5, received=3, longest=3)
BY_SKIP = Window(SWEEP, until=TODAY, last_key="M", skip=300, expected=310, longest=100)


def page(*keys, **facts):
    return PageSummary(keys=keys, requested_on=TODAY, **{"full": False, **facts})


def turn(window, reading, *, demanded=False):
    return paging.turn(window, reading, demanded=demanded)


@pytest.mark.parametrize(
    ("window", "reading"),
    [
        (OPEN, page("N", "O")),  # as many as announced, on a short page
        (replace(OPEN, received=5), page()),
        (Window(SWEEP), page("A", "B", count=2)),
        (Window(SWEEP), page(count=0)),
        (Window(SWEEP), page()),  # nothing to be missed
        (replace(OPEN, end=ASKED), page()),  # nothing beyond what was received
        (replace(OPEN, received=0), page()),  # resumed from an earlier version's state
    ],
)
def test_a_window_read_by_key_ends(window, reading):
    assert turn(window, reading).is_complete


@pytest.mark.parametrize(
    ("window", "reading"),
    [
        (OPEN, page("N", "O", full=True)),  # as many as requested: there may be more
        (OPEN, page("N", "O", more=True)),  # the server says so
        (OPEN, page("N", "O", "P")),  # as short as the last page: the server's cap
        (Window(SWEEP), page("A", full=True, count=1)),  # counts can be too low
        (replace(OPEN, received=0), page("N")),
    ],
)
def test_a_window_read_by_key_goes_on(window, reading):
    found = turn(window, reading)
    assert not found.is_complete
    assert (found.window.last_key, found.window.end) == (reading.keys[-1], None)


@pytest.mark.parametrize(
    ("window", "reading"),
    [
        (OPEN, page()),  # announced more than there is, or left some out
        (OPEN, page("N")),
        (OPEN, page(more=True)),  # a link after the last row
        (Window(SWEEP), page("A", "B")),  # not counted: the page may be capped
        (Window(SWEEP), page("A", "B", count=1)),
    ],
)
def test_where_the_numbers_differ_the_end_is_asked_for(window, reading):
    """Kind: a wrong count, rows deleted ahead, a cap and rows left out look alike."""
    found = turn(window, reading)
    assert not found.is_complete
    assert found.window.end == ASKED
    assert found.remark == ""


def test_rows_deleted_meanwhile_are_no_reason_to_read_again():
    found = turn(replace(OPEN, end=ASKED), page())
    assert found.is_complete
    assert found.remark == (
        "expected 5 rows, received 3, and no others are there: rows were deleted meanwhile, or the "
        "server's count is wrong"
    )


def test_a_row_beyond_those_received_is_looked_for_by_key_first():
    found = turn(replace(OPEN, end=ASKED), page("N"))
    assert found.window == replace(OPEN, end=DENIED)  # the row is not taken in
    assert turn(found.window, page("N", "O")).is_complete


@pytest.mark.parametrize(
    ("received", "count", "is_complete"),
    [
        (6, 8, True),  # one inserted ahead, which came, and one behind, which the next run reads
        (6, 6, False),  # the count is wrong, since there is a row more
        (4, 6, False),  # one of those announced at first did not come
    ],
)
def test_a_row_inserted_behind_is_no_reason_to_read_again(received, count, is_complete):
    window = replace(OPEN, received=received, end=ASKED)
    assert turn(window, page("N", count=count)).is_complete is is_complete


def test_a_count_of_the_page_alone_shows_no_row_inserted():
    """Kind: a server that announces each page as the whole, where a page was cut in two."""
    window = replace(OPEN, expected=2, end=ASKED)
    assert turn(window, page(*"NOPQ", count=4)).window.end == DENIED


@pytest.mark.parametrize(
    ("window", "reading", "words"),
    [
        (OPEN, page("B", "A", ordered=False, full=True), "do not come in key order, so they"),
        (replace(OPEN, end=DENIED), page(), "in key order as the server compares keys, so they"),
    ],
)
def test_a_server_that_orders_or_compares_otherwise_is_read_by_skip(window, reading, words):
    found = turn(window, reading)
    assert found.window == Window(SWEEP, until=TODAY, skip=0, restarts=1)
    assert found.is_unordered
    assert words in found.remark
    assert "read again from the start with $skip" in found.remark
    with pytest.raises(ValueError, match="set paging to auto or skip"):
        turn(window, reading, demanded=True)


@pytest.mark.parametrize(
    ("reading", "skip"),
    [
        (page("B", "A", full=True, ordered=False), 302),  # by rows received, not by page size
        (page("B", "A", more=True, next_skip=400), 400),  # by what the server says
        (page("B", "A", more=True, next_skip=300), 302),  # unless that leads nowhere
        (page("B", "A", count=310), 302),
        (page("B", "A", count=305), None),  # fewer than before: some were deleted
    ],
)
def test_paging_by_skip(reading, skip):
    window = turn(BY_SKIP, reading).window
    assert (window.skip, window.last_key) == ((skip, "A") if skip else (0, None))


def test_rows_deleted_behind_a_read_by_skip_start_it_again():
    """Kind: rows deleted behind move others past the read, within a run and between runs."""
    window = BY_SKIP
    for restarts in range(1, paging.MOST_RESTARTS + 1):
        found = turn(replace(window, skip=300, expected=310), page("N", full=True, count=309))
        assert "rows were deleted" in found.remark
        window = found.window
        assert window == Window(SWEEP, until=TODAY, skip=0, restarts=restarts)
    with pytest.raises(IncompleteError, match="rows were deleted during each of 4 attempts"):
        turn(replace(window, skip=300, expected=310), page("N", full=True, count=309))


@pytest.mark.parametrize(
    ("window", "reading", "is_complete"),
    [
        (BY_SKIP, page(), True),
        (replace(BY_SKIP, expected=300), page(count=0), True),  # counted alone, or all are gone
        (replace(BY_SKIP, expected=301), page("N"), True),
        (replace(BY_SKIP, expected=301), page("N", more=True), False),
        (replace(BY_SKIP, expected=100), page("N", count=1), True),  # as if each page was counted
        (replace(BY_SKIP, expected=None), page("N"), True),  # shorter than those before
        (replace(BY_SKIP, expected=None, longest=0), page("N"), False),
        (replace(BY_SKIP, expected=200), page("N"), True),  # announced too few
        (replace(BY_SKIP, expected=200, longest=1), page("N"), False),  # and may be capped
        (replace(BY_SKIP, expected=300), page("L", "M", full=True, count=300), True),  # the same
    ],
)
def test_the_end_of_paging_by_skip(window, reading, is_complete):
    assert turn(window, reading).is_complete is is_complete


def test_a_page_seen_before_is_reported():
    """Kind: a cache that ignores the query string sends one page for ever."""
    with pytest.raises(IncompleteError, match="the same page came for different requests"):
        turn(replace(BY_SKIP, expected=310), page("L", "M", full=True, count=310))
    uncounted = replace(BY_SKIP, expected=None)
    found = turn(uncounted, page("L", "M", full=True))  # rows inserted before it look like that
    assert not found.is_complete
    assert found.window == replace(uncounted, skip=BY_SKIP.skip + 2, end=IGNORED)
    with pytest.raises(IncompleteError, match="the same page came for different requests"):
        turn(found.window, page("L", "M", full=True))
    same = page("L", "M", full=True, ordered=False)
    found = turn(OPEN, same)
    assert found.window == replace(OPEN, end=ASKED)
    found = turn(found.window, same)
    assert found.window == replace(OPEN, end=IGNORED)
    with pytest.raises(IncompleteError, match="the same page came for different requests"):
        turn(found.window, same)


def test_a_count_of_the_page_is_no_end_of_a_page_that_comes_twice():
    """Kind: a row inserted before the place where a read by $skip was cut; counts of the page."""
    uncounted = replace(BY_SKIP, expected=None)
    found = turn(uncounted, page("M", count=1))
    assert not found.is_complete
    found = turn(found.window, page("N", count=1))
    assert (found.window.last_key, found.window.end) == ("N", None)


def test_a_filter_that_the_server_ignores_is_no_end():
    """Kind: a server that takes $skip, but not the filter by key."""
    found = turn(replace(OPEN, end=DENIED), page("L", "M", full=True, ordered=False))
    assert found.window == Window(SWEEP, until=TODAY, skip=0, restarts=1)


def test_rows_inserted_behind_are_no_proof_against_the_server():
    """Kind: rows deleted and others inserted during a read, so that its numbers differ."""
    found = turn(replace(OPEN, end=ASKED), page("L", "M", ordered=False, count=5))
    assert found.window.end == IGNORED
    again = turn(found.window, page())
    assert again.window == Window(SWEEP, until=TODAY, skip=0, restarts=1)
    assert not again.is_unordered
    by_key = turn(found.window, page(), demanded=True)
    assert by_key.window == Window(SWEEP, until=TODAY, restarts=1)
    with pytest.raises(ValueError, match="set paging to auto or skip"):
        turn(replace(found.window, restarts=1), page(), demanded=True)


def test_rows_inserted_in_front_of_a_read_by_skip_move_it_back():
    grown = turn(BY_SKIP, page("L", "M", full=True, count=312))  # rows were inserted in front
    assert grown.window.skip == 302
