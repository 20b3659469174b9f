"""The page that is prefetched: in order, within the budget, and never after the end."""

from __future__ import annotations

import json
import threading

import pytest

from tap_sage300.reading.prefetch import Prefetch
from tap_sage300.tap import TapSage300


def records(tap, stream="APVendors"):
    """Return the records of a stream, one by one."""
    return tap.streams[stream].get_records({"CompanyID": "SAMINC"})


@pytest.fixture
def tap(fake_config, helpers):
    return TapSage300(config={**fake_config, "page_size": 2}, catalog=helpers.only("APVendors"))


def test_the_next_page_is_requested_while_one_is_in_use(fake, tap, helpers):
    table, asked = helpers.Table(helpers.vendors(*"ABCDE")), threading.Semaphore(0)

    def answer(request):
        asked.release()
        return table(request)

    fake.answer = answer
    drawn = records(tap)
    assert next(drawn)["VendorNumber"] == "A"
    for _ in range(2):  # the page of A, and the one after it
        assert asked.acquire(timeout=10)
    assert not asked.acquire(timeout=0.2)  # but none further ahead
    assert [record["VendorNumber"] for record in drawn] == list("BCDE")
    assert [query["$top"] for query in fake.queries()] == ["2", "2", "2"]


def test_a_failure_is_told_when_its_page_is_due(fake, tap, helpers):
    table = helpers.Table(helpers.vendors(*"ABCDE"))
    fake.answer = lambda request: (
        table(request) if len(fake.requests) < 3 else helpers.refusal(418, "General")
    )
    assert [record["VendorNumber"] for record in records(tap)] == list("ABCD")
    (failure,) = tap._run.failures
    assert "HTTP 418" in str(failure)


def test_nothing_is_requested_once_the_reader_is_closed(fake, fake_config, helpers):
    table, hold = helpers.Table(helpers.vendors(*"ABCDE")), threading.Event()

    def answer(request):
        if "$filter" in request.args:
            hold.wait(10)
            return helpers.refusal(500, "General")
        return table(request)

    fake.answer = answer
    config = {**fake_config, "page_size": 2, "max_retries": 5}
    tap = TapSage300(config=config, catalog=helpers.only("APVendors"))
    drawn = records(tap)
    next(drawn)
    drawn.close()
    hold.set()
    waiting = [thread for thread in threading.enumerate() if thread.name == "prefetch"]
    for thread in waiting:
        thread.join(10)
    assert len(fake.requests) == 2  # the one under way was not repeated


def test_a_page_that_was_not_written_is_read_again(fake, fake_config, helpers):
    fake.answer = helpers.Table(helpers.vendors(*"ABCDE"))
    config = {**fake_config, "page_size": 2, "max_calls_per_run": 2}
    first = helpers.sync(config, catalog=helpers.only("APVendors"))
    lines = first.text.splitlines()
    at = [
        n for n, line in enumerate(lines) if '"last_key": "B"' in line or '"last_key":"B"' in line
    ]
    state = json.loads(lines[at[0]])["value"]  # as if killed after the first page
    second = helpers.sync(fake_config, state, helpers.only("APVendors"))
    assert second.keys() == list("CDE")


def test_an_exception_is_raised_where_the_result_is_awaited():
    def work():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Prefetch(work).result()
    assert Prefetch(lambda: 5).result() == 5
