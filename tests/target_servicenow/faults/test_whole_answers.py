"""An answer is whole, or its effect is unknown: half a list is no list, and a lost call may run."""

from __future__ import annotations

import time
import typing as t

import pytest

from target_servicenow.api import batch, reading
from target_servicenow.api.errors import StopRunError

if t.TYPE_CHECKING:
    from conftest import Instance, Singer

ROWS = 40
LOOKUPS = range(3, 6)
"""Numbers of the first Batch calls after the preflight's two: lookups, and then writes."""


def break_off(instance: Instance, *places: int, **rule: t.Any) -> None:
    """Let lists in some Batch calls end halfway, in an error."""
    kind = {"fault": "partial", "side": "servicenow", "path": "/batch", **rule}
    rules = [{**kind, "nth": place} for place in places] if places else [kind]
    instance.control.follow_faults({"rules": rules})


def choose_sys_ids(instance: Instance) -> None:
    """Let the instance choose the sys_ids itself, so that it refuses no twin."""
    instance.behave(properties={"glide.rest.table_api.admin_only_sys_fields": True})


@pytest.mark.parametrize("closed", [False, True], ids=["batch", "single"])
def test_a_broken_off_lookup_makes_no_twin(
    instance: Instance, singer: Singer, *, closed: bool
) -> None:
    """The rows that are missing from half a list are not new."""
    choose_sys_ids(instance)
    vendors = singer.vendors(*(singer.vendor(n) for n in range(ROWS)))
    assert instance.run(vendors).code == 0
    partial = {"fault": "partial", "side": "servicenow", "method": "GET", "path": "proc_vendor"}
    if closed:
        refused = {"fault": "error", "side": "servicenow", "path": "/batch", "status": 403}
        instance.control.follow_faults({"rules": [refused, {**partial, "nth": 2}]})
    else:
        break_off(instance, LOOKUPS[0])
    result = instance.run([*vendors, singer.state(1)], workers=1, max_retries=2)
    assert (result.code, result.states) == (0, [1])
    assert instance.control.call("GET", "faults")["rules"][-1]["struck"] == 1
    assert len(instance.by_source("proc_vendor")) == ROWS
    assert instance.counts("proc_vendor") == {"unchanged": ROWS}


def test_a_broken_off_lookup_of_rows_typed_by_hand(instance: Instance, singer: Singer) -> None:
    """They are adopted, not made again."""
    for n in range(ROWS):
        instance.insert_row("proc_vendor", name=f"Vendor {n}")
    break_off(instance, *LOOKUPS)
    vendors = singer.vendors(*(singer.vendor(n) for n in range(ROWS)))
    result = instance.run([*vendors, singer.state(1)], workers=1)
    assert (result.code, result.states) == (0, [1])
    assert len(instance.by_source("proc_vendor")) == ROWS
    assert instance.counts("proc_vendor") == {"adopted": ROWS}


def test_lists_that_never_come_whole_stop_the_run(
    instance: Instance, singer: Singer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "READ_ATTEMPTS", 2)
    assert instance.run(singer.vendors(singer.vendor(1))).code == 0
    break_off(instance)
    result = instance.run([*singer.vendors(singer.vendor(1)), singer.state(1)])
    assert (result.code, result.states) == (1, [])
    assert result.errors[0].startswith("ServiceNow broke an answer off while ")
    assert len(instance.rows("proc_vendor")) == 1


@pytest.mark.parametrize("place", [1, 2])
def test_a_broken_off_preflight(instance: Instance, singer: Singer, place: int) -> None:
    """Half of the dictionary knows no lengths: a text that is too long would be cut."""
    instance.insert_row("proc_vendor", name="By hand")
    break_off(instance, place)
    long = singer.vendor("1", City="x" * 61)
    result = instance.run([*singer.vendors(long, singer.vendor("2")), singer.state(1)])
    assert (result.code, result.states) == (0, [1])
    assert instance.rejects()["1"][1].startswith("too long for proc_vendor: city (61 characters")


@pytest.mark.parametrize("committed", [False, True])
def test_a_write_answered_with_an_error_beside_its_row(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer, *, committed: bool
) -> None:
    def break_off_rows(call: t.Any) -> t.Any:
        answer = call.forward() if committed else {"batch_request_id": "1"}
        broken = [
            call.succeeded(item["id"], {"result": {}, "error": {"message": "Cancelled"}})
            for item in call.items
        ]
        return {**answer, "serviced_requests": broken, "unserviced_requests": []}

    proxy.plan = {("write", 2): break_off_rows}
    load([singer.vendor(n) for n in range(10)])
    assert len(instance.by_source("proc_vendor")) == 10
    assert instance.counts("proc_vendor") == {"created": 10}


def test_a_row_that_another_run_made_meanwhile_is_not_counted_as_created(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer
) -> None:
    """A late commit of an earlier run, between this run's lookup and its write."""

    def commit_before(call: t.Any) -> t.Any:
        call.forward()
        return call.forward()

    proxy.plan = {("write", 2): commit_before}
    load([singer.vendor(n) for n in range(10)])
    assert len(instance.by_source("proc_vendor")) == 10
    assert instance.counts("proc_vendor") == {"created": 1, "unchanged": 9}
    assert instance.outcomes() == [("0", "created")]


@pytest.mark.parametrize(("closed", "limit"), [(False, 30), (True, 60)], ids=["batch", "single"])
def test_the_wait_for_a_lost_call_is_longer_than_that_call_may_take(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer, limit: int, *, closed: bool
) -> None:
    """ServiceNow gives a Batch call 30 s, and a call to the Table API 60 s."""
    proxy.keeps_sys_ids = False
    pending: list[t.Any] = []

    def postpone(call: t.Any) -> t.Any:
        pending.append(call)
        call.drop()

    def commit() -> None:
        while pending:
            pending.pop().forward()

    if closed:
        proxy.close_batch()
    proxy.plan = {("write", 2): postpone}
    load.on_wait = commit
    load([singer.vendor(n) for n in range(10)])
    assert len(instance.by_source("proc_vendor")) == 10
    assert instance.counts("proc_vendor") == {"created": 10}
    [wait] = load.waits
    assert limit < wait <= limit + 5


def test_the_wait_counts_from_when_the_call_was_sent(
    proxy: t.Any,
    load: t.Any,
    instance: Instance,
    singer: Singer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not from when it was first to be sent, before it waited for a rate limit."""
    monkeypatch.setattr(batch, "commit_seconds", lambda *_, **__: 2.0)
    proxy.keeps_sys_ids = False

    def limit(call: t.Any) -> t.Any:
        time.sleep(1.5)
        return call.answer({}, 429)

    def drop(call: t.Any) -> t.Any:
        call.drop()

    proxy.plan = {("write", 2): limit, ("write", 3): drop}
    load([singer.vendor(n) for n in range(3)])
    assert 1.5 < load.waits[-1] <= 2
    assert instance.counts("proc_vendor") == {"created": 3}


@pytest.mark.parametrize("closed", [False, True], ids=["batch", "single"])
def test_the_next_run_waits_for_a_call_that_was_itself_delayed(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer, *, closed: bool
) -> None:
    """A rate limit held it up for longer than a call may take; then the run was cut off.

    The time of its note is that of the call, not of the first attempt.
    """
    proxy.keeps_sys_ids = False
    notes = "SELECT at FROM sending"

    def limit(call: t.Any) -> t.Any:
        return call.answer({}, 429, Retry_After="3000")

    def nothing_is_sent() -> None:
        assert instance.query(notes) == []
        load.on_wait = lambda: None

    def cut_off(call: t.Any) -> t.Any:
        assert instance.query(notes)
        proxy.plan = {("lookup", proxy.seen["lookup"] + n): drop for n in range(1, 99)}
        call.drop()

    def drop(call: t.Any) -> t.Any:
        call.drop()

    if closed:
        proxy.close_batch()
    proxy.plan = {("write", 2): limit, ("write", 3): cut_off}
    load.on_wait = nothing_is_sent
    with pytest.raises(StopRunError):
        load([singer.vendor(n) for n in range(5)], retries=1)
    proxy.plan, load.on_wait = {}, lambda: None
    load.waits.clear()
    load([singer.vendor(n) for n in range(5)])
    limit_seconds = 60 if closed else 30
    assert [wait for wait in load.waits if limit_seconds < wait <= limit_seconds + 5]
    assert len(instance.by_source("proc_vendor")) == 5
