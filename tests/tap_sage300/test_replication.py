"""Which window is read next, and what is remembered after each page."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from tap_sage300.reading import replication
from tap_sage300.reading.paging import PageSummary
from tap_sage300.reading.replication import Rules
from tap_sage300.reading.state import CHANGES, NOT_FINAL, SWEEP, Learned, Progress, Window

TODAY = dt.date(2026, 11, 22)
RULES = Rules(lookback_days=2)


def day(text):
    return dt.date.fromisoformat(text)


def begun(progress, **rules):
    return replication.begin(progress, replace(RULES, **rules), TODAY).window


@pytest.mark.parametrize(
    ("progress", "rules", "window"),
    [
        # nothing known: everything, unless a start date bounds it
        (Progress(), {}, Window(SWEEP)),
        (Progress(), {"start_date": day("2026-01-01")}, Window(SWEEP, day("2026-01-01"))),
        # known: from the bookmark less the look-back, but not from before the start date
        (Progress(day("2026-11-20")), {}, Window(CHANGES, day("2026-11-18"))),
        (Progress(day("2026-11-20")), {"lookback_days": 0}, Window(CHANGES, day("2026-11-20"))),
        (
            Progress(day("2026-11-20")),
            {"start_date": day("2026-11-19")},
            Window(CHANGES, day("2026-11-19")),
        ),
        # sweeps by the calendar
        (Progress(day("2026-11-20"), TODAY), {"sweep_days": 0}, Window(SWEEP)),
        (Progress(day("2026-11-20"), day("2026-11-16")), {"sweep_days": 6}, Window(SWEEP)),
        (
            Progress(day("2026-11-20"), day("2026-11-17")),
            {"sweep_days": 6},
            Window(CHANGES, day("2026-11-18")),
        ),
        (Progress(day("2026-11-20")), {"sweep_days": 6}, Window(SWEEP)),
        (Progress(day("2026-11-20"), day("2026-11-23")), {"sweep_days": 0}, Window(SWEEP)),
        # without dates there are sweeps or nothing
        (Progress(), {"dated": False, "sweep_days": 6}, Window(SWEEP)),
        (Progress(last_sweep=day("2026-11-16")), {"dated": False, "sweep_days": 6}, Window(SWEEP)),
        (Progress(last_sweep=day("2026-11-17")), {"dated": False, "sweep_days": 6}, None),
        # a cut window goes on, whatever else is due
        (
            Progress(day("2026-11-20"), window=Window(CHANGES, day("2026-11-01"), last_key="A")),
            {"sweep_days": 0},
            Window(CHANGES, day("2026-11-01"), last_key="A"),
        ),
        # the setting paging decides; what another way had reached is not trusted
        (Progress(), {"paging": "skip"}, Window(SWEEP, skip=0)),
        (Progress(window=Window(SWEEP, last_key="A")), {"paging": "skip"}, Window(SWEEP, skip=0)),
        (Progress(window=Window(SWEEP, skip=300)), {"paging": "keyset"}, Window(SWEEP)),
        (Progress(window=Window(SWEEP, skip=300)), {}, Window(SWEEP, skip=300)),
        # what the server was found to be is not found out again, unless the setting says otherwise
        (Progress(learned=Learned(by_skip=True)), {}, Window(SWEEP, skip=0)),
        (Progress(learned=Learned(by_skip=True)), {"paging": "keyset"}, Window(SWEEP)),
        # dates at the ends of the calendar
        (Progress(day("0001-01-01")), {}, Window(CHANGES)),
        (Progress(day("2026-11-20")), {"lookback_days": 10**9}, Window(CHANGES)),
        (
            Progress(day("0001-01-02")),
            {"start_date": day("2026-01-01")},
            Window(CHANGES, day("2026-01-01")),
        ),
        # a start date set earlier than that of the last sweep, or taken away
        (
            Progress(day("2026-11-20"), start_date=day("2026-01-01")),
            {"start_date": day("2025-01-01")},
            Window(SWEEP, day("2025-01-01")),
        ),
        (Progress(day("2026-11-20"), start_date=day("2026-01-01")), {}, Window(SWEEP)),
        (
            Progress(day("2026-11-20"), start_date=day("2026-01-01")),
            {"start_date": day("2026-02-01")},
            Window(CHANGES, day("2026-11-18")),
        ),
    ],
)
def test_the_next_window(progress, rules, window):
    assert begun(progress, **rules) == window


def page(*keys, **facts):
    """A page; it announces the rows it holds, unless told otherwise."""
    return PageSummary(
        keys=keys, requested_on=TODAY, **{"full": False, "count": len(keys), **facts}
    )


def after(window, reading, progress=None, **rules):
    start = replace(progress or Progress(day("2026-11-20")), window=window)
    return replication.advance(start, reading, replace(RULES, **rules))


def test_a_full_page_goes_on_after_its_last_key():
    window = Window(CHANGES, day("2026-11-18"))
    progress, remark = after(window, page("A", "B", full=True, count=5, high=day("2026-11-19")))
    assert progress.window == replace(
        window,
        until=TODAY,
        last_key="B",
        high=day("2026-11-19"),
        expected=5,
        received=2,
        longest=2,
    )
    assert progress.bookmark == day("2026-11-20")
    assert remark == ""


@pytest.mark.parametrize(
    ("high", "bookmark"),
    [
        ("2026-11-21", "2026-11-21"),
        ("2026-11-19", "2026-11-20"),  # never back
        ("2027-03-01", "2026-11-22"),  # never past the server's date
        (None, "2026-11-20"),
    ],
)
def test_the_bookmark_moves_at_the_end_of_a_window(high, bookmark):
    progress, _ = after(Window(CHANGES), page("A", high=high and day(high)))
    assert progress.window is None
    assert progress.bookmark == day(bookmark)
    assert progress.last_sweep is None


def test_the_server_date_is_that_of_the_first_page():
    window = Window(SWEEP, until=day("2026-11-21"), last_key="A", expected=2, received=1)
    progress, _ = after(window, page("B", high=day("2026-11-22")))
    assert progress.bookmark == day("2026-11-21")
    assert progress.last_sweep == day("2026-11-21")


def test_an_empty_company_stays_without_a_bookmark():
    progress, _ = after(Window(SWEEP), page(count=0), Progress())
    assert progress == Progress(last_sweep=TODAY)


OPEN = Progress(day("2026-11-20"), not_final=frozenset({3, 5, 8, 9}))


def test_batches_that_could_change_are_checked_after_the_window():
    # 3 was read again and is open still, 5 was read and is final, 12 is new and open
    progress, _ = after(Window(CHANGES), page(3, 5, 12, not_final=frozenset({3, 12})), OPEN)
    assert progress.not_final == {3, 8, 9, 12}
    assert progress.window == Window(NOT_FINAL)
    assert replication.to_check(progress, 10) == [8, 9]
    assert progress.bookmark == day("2026-11-20")


def test_nothing_is_checked_twice_in_a_run():
    progress, _ = after(Window(CHANGES), page(3, 5, 8, 9, not_final=frozenset({3, 5, 8, 9})), OPEN)
    assert progress.window is None


def test_a_check_of_nothing_gives_way_to_the_next_window():
    assert begun(Progress(window=Window(NOT_FINAL))) == Window(SWEEP)


def test_what_a_check_finds_final_or_gone_is_forgotten():
    progress = replace(OPEN, window=Window(NOT_FINAL))
    reading = page(3, 8, not_final=frozenset({8}), requested=(3, 5, 8), count=2)
    progress, _ = replication.advance(progress, reading, RULES)
    assert progress.not_final == {8, 9}
    assert progress.window == Window(NOT_FINAL, last_key=8)
    progress, _ = replication.advance(progress, page(9, requested=(9,), count=1), RULES)
    assert progress.not_final == {8}
    assert progress.window is None


@pytest.mark.parametrize("sign", [{"count": 4}, {"more": True}])
def test_absence_from_a_capped_answer_proves_nothing(sign):
    progress = replace(OPEN, window=Window(NOT_FINAL))
    reading = page(3, requested=(3, 5, 8, 9), not_final=frozenset({3}), **sign)
    progress, _ = replication.advance(progress, reading, RULES)
    assert progress.not_final == {3, 5, 8, 9}
    assert replication.to_check(progress, 10) == [5, 8]


def test_a_check_cut_short_goes_on_after_its_last_key():
    progress = replace(OPEN, window=Window(NOT_FINAL, last_key=5))
    assert replication.to_check(progress, 1) == [8]


def test_what_was_learned_outlives_the_window():
    progress, _ = after(Window(SWEEP, skip=0), page("B", "A"))
    assert (progress.window, progress.learned) == (None, Learned(by_skip=True))
    progress, _ = after(Window(SWEEP, last_key="C"), page("B", ordered=False, full=True))
    assert progress.learned == Learned(by_skip=True)
    progress, _ = after(Window(SWEEP, skip=0), page("A", "B"))
    assert progress.learned == Learned()  # that it was read so says nothing of the server


def test_a_sweep_keeps_the_day_it_began_with():
    progress, _ = after(Window(SWEEP, day("2026-01-01")), page("A"))
    assert progress.start_date == day("2026-01-01")
    progress, _ = after(Window(CHANGES, day("2026-11-18")), page("A"), progress)
    assert progress.start_date == day("2026-01-01")


@pytest.mark.parametrize(
    ("found", "kept", "is_reported"),
    [
        (Progress(day("2026-11-23"), day("2026-11-23")), ..., False),  # a server a zone ahead
        (Progress(day("2062-01-01"), day("2026-11-01")), Progress(None, day("2026-11-01")), True),
        (Progress(day("2026-11-20"), day("2099-01-01")), Progress(day("2026-11-20")), False),
        (
            Progress(day("2026-11-20"), window=Window(CHANGES, until=day("2099-01-01"))),
            Progress(day("2026-11-20")),
            False,
        ),
    ],
)
def test_dates_in_the_future_are_set_back(found, kept, is_reported):
    """Dates of a wrong clock: a bookmark there would read nothing until that day."""
    progress, remark = replication.set_back(found, TODAY)
    assert progress == (found if kept is ... else kept)
    assert bool(remark) is is_reported


def test_headway_is_counted():
    opened = Progress(window=Window(SWEEP, last_key="A", received=1))
    stuck = replication.headway(opened, opened)
    assert stuck.window.stalled == 1
    assert replication.headway(stuck, stuck).window.stalled == 2
    moved = replace(stuck, window=replace(stuck.window, last_key="B", received=2))
    assert replication.headway(stuck, moved).window.stalled == 0
    assert replication.headway(opened, Progress()) == Progress()


def test_putting_off_counts_the_runs():
    progress = replication.put_off(replication.put_off(Progress(window=Window(SWEEP))))
    assert progress.window == Window(SWEEP, waited=2)
    assert replication.put_off(Progress()) == Progress()


def test_highest_day_ignores_what_is_no_date():
    values = [None, "2026-01-02T00:00:00Z", "2025-12-31T00:00:00Z", "never", 20260103]
    assert replication.highest(values) == day("2026-01-02")
    assert replication.highest([None]) is None
