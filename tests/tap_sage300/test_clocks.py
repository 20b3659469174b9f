"""Dates that cannot be: of wrong clocks, mistyped ones, and those at the ends of the calendar."""

from __future__ import annotations

import datetime as dt

import pytest

from tap_sage300.api import session
from tap_sage300.reading import reader

TODAY = dt.date(2026, 11, 22)


@pytest.fixture(autouse=True)
def today(monkeypatch):
    monkeypatch.setattr(reader, "utc_today", lambda: TODAY)
    # The server of these tests writes a Date header of its own.
    day = lambda answer: dt.date.fromisoformat(answer.headers["X-Day"])  # noqa: E731
    monkeypatch.setattr(session, "requested_on", day)


def part(output):
    return output.part("APVendors")


def state_of(**values):
    found = {
        "context": {"CompanyID": "SAMINC"},
        "replication_key": "DateLastMaintained",
        **values,
    }
    return {"bookmarks": {"APVendors": {"partitions": [found]}}}


def dated(helpers, rows, year=2026):
    """An answer by a server whose clock stands on 22 November of some year."""
    made = helpers.page(rows, count=len(rows))
    made.headers["X-Day"] = f"{year}-11-22"
    return made


def test_a_bookmark_in_the_future_is_set_back(fake, read, helpers, caplog):
    """Kind: a bookmark that a wrong clock left, which would read nothing until that day."""
    fake.answer = lambda _request: dated(helpers, helpers.vendors("A", date="2026-11-20T00:00:00Z"))
    output = read(state=state_of(replication_key_value="2062-01-01T00:00:00Z"))
    assert output.keys() == ["A"]
    assert "$filter" not in fake.queries()[0]
    assert part(output)["replication_key_value"] == "2026-11-20T00:00:00Z"
    assert (
        "APVendors of SAMINC: the bookmark 2062-01-01 lies in the future, as a wrong clock leaves "
        "it: it is set back, and everything is read once more"
    ) in caplog.text


def test_a_server_clock_in_the_future_is_not_believed(fake, read, helpers):
    """Kind: one answer dated 2066 and one mistyped date, together."""
    rows = [*helpers.vendors("A"), *helpers.vendors("B", date="2062-01-01T00:00:00Z")]
    fake.answer = lambda _request: dated(helpers, rows, 2066)
    output = read()
    assert part(output)["replication_key_value"] == "2026-11-23T00:00:00Z"
    assert part(output)["last_sweep"] == "2026-11-23"


def test_a_sweep_dated_in_the_future_does_not_put_off_the_next(fake, read, helpers):
    """Kind: one answer dated 2099, which would stop sweeps for 73 years."""
    fake.answer = lambda _request: dated(helpers, helpers.vendors("A"))
    state = state_of(replication_key_value="2026-11-20T00:00:00Z", last_sweep="2099-01-01")
    output = read(state=state, full_sweep_days=30)
    assert "$filter" not in fake.queries()[0]
    assert part(output)["last_sweep"] == "2026-11-22"


@pytest.mark.parametrize(
    ("bookmark", "days"), [("0001-01-01", 2), ("2026-11-20", 10**8), ("0001-01-01", 10**12)]
)
def test_the_calendar_ends(fake, read, helpers, bookmark, days):
    """Kind: a look-back before the first day there is."""
    fake.answer = lambda _request: dated(helpers, helpers.vendors("A", date="0001-01-01T00:00:00Z"))
    state = state_of(replication_key_value=f"{bookmark}T00:00:00Z")
    output = read(state=state, lookback_days=days)
    assert output.keys() == ["A"]
    assert read(state=output.state, lookback_days=days).keys() == ["A"]
    assert "$filter" not in fake.queries()[0]


def test_an_earlier_start_date_widens_the_next_read(fake, read, helpers):
    """Kind: a setting that is changed after the first run."""
    fake.answer = lambda _request: dated(helpers, helpers.vendors("A"))
    state = read(start_date="2026-06-01").state
    state = read(state=state, start_date="2026-01-01").state
    state = read(state=state, start_date="2026-01-01").state
    read(state=state)
    assert [query.get("$filter", "")[-20:] for query in fake.queries()] == [
        "2026-06-01T00:00:00Z",
        "2026-01-01T00:00:00Z",
        "2026-10-30T00:00:00Z",  # the bookmark less the look-back
        "",
    ]
