"""Runs that end before they know what became of a write; the next one finds out."""

from __future__ import annotations

import json
import typing as t

import pytest

from target_servicenow.api.errors import StopRunError

if t.TYPE_CHECKING:
    from conftest import Instance, Singer

ROWS = 60


def done_and_lost(call: t.Any) -> t.Any:
    call.forward()
    call.drop()


def lost(call: t.Any) -> t.Any:
    call.drop()


def cut_off(
    proxy: t.Any, load: t.Any, fault: t.Any, *messages: dict[str, t.Any], nth: int = 2
) -> None:
    """A run whose n-th write meets the fault, and after which nothing answers any more."""

    def then_silence(call: t.Any) -> t.Any:
        start = proxy.seen["lookup"] + 1
        proxy.plan |= {("lookup", n): lost for n in range(start, start + 100)}
        return fault(call)

    proxy.plan = {("write", proxy.seen["write"] + nth): then_silence}
    with pytest.raises(StopRunError):
        load(messages)
    proxy.plan = {}


def told(instance: Instance, run: int) -> list[tuple[str, str, str]]:
    """What the ledger says of a run: row, outcome and reason."""
    rows = instance.query(
        f"SELECT identifier, outcome, reason FROM outcomes WHERE run = {run} ORDER BY identifier"
    )
    return [(name.rpartition(":")[2], outcome, reason) for name, outcome, reason in rows]


def test_rows_created_as_a_run_was_cut_off_are_told_of(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer
) -> None:
    vendors = [singer.vendor(n) for n in range(ROWS)]
    cut_off(proxy, load, done_and_lost, *vendors)
    assert told(instance, 1) == [("0", "created", "")]
    load(vendors)
    first, *later = sorted(told(instance, 1), key=lambda row: int(row[0]))
    reason = "written in run 1, whose end was not recorded"
    assert first == ("0", "created", "")
    assert later == [(str(n), "created", reason) for n in range(1, 51)]
    assert instance.query("SELECT rows FROM counts WHERE run = 1 AND outcome = 'created'") == [
        (51,)
    ]
    assert sorted(int(n) for n, outcome in instance.outcomes()) == list(range(51, ROWS))
    assert instance.counts("proc_vendor") == {"created": 9, "unchanged": 51}
    assert instance.query("SELECT * FROM sending") == []


def test_a_call_that_outlives_its_run_is_waited_for(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer
) -> None:
    """Where the instance chooses sys_ids, a look before that would make twins."""
    vendors = [singer.vendor(n) for n in range(ROWS)]
    late: list[t.Any] = []

    def postpone(call: t.Any) -> t.Any:
        late.append(call)
        call.drop()

    def commit() -> None:
        while late:
            late.pop().done()

    proxy.keeps_sys_ids = False
    cut_off(proxy, load, postpone, *vendors)
    assert len(late) == 1
    load.waits.clear()
    load.on_wait = commit
    load(vendors)
    [wait] = load.waits
    assert 30 < wait <= 35
    assert instance.by_source("proc_vendor").keys() == {str(n) for n in range(ROWS)}
    assert len(told(instance, 1)) == 51


@pytest.mark.parametrize(
    "after",
    [
        (done_and_lost, "Gouda", [[("1", "updated")], []]),
        (done_and_lost, "Delft", [[("1", "updated")], [("1", "updated")]]),
        (lost, "Gouda", [[], [("1", "updated")]]),
        (lost, "Delft", [[], []]),
    ],
)
def test_a_change_is_told_of_if_it_was_made(
    proxy: t.Any,
    load: t.Any,
    instance: Instance,
    singer: Singer,
    after: tuple[t.Any, str, list[t.Any]],
) -> None:
    """Delft before; the run that makes it Gouda is cut off; then Sage 300 says `city`."""
    fault, city, outcomes = after
    load([singer.vendor("0", City="x"), singer.vendor("1", City="Delft")])
    moved = [singer.vendor("0", City="y"), singer.vendor("1", City="Gouda")]
    cut_off(proxy, load, fault, *moved, nth=1)  # both ride in one call
    load([singer.vendor("0", City="y"), singer.vendor("1", City=city)])
    assert instance.by_source("proc_vendor")["1"]["city"] == city
    assert [
        [(name, outcome) for name, outcome, _ in told(instance, run) if name == "1"]
        for run in (2, 3)
    ] == outcomes
    for (text,) in instance.query(
        "SELECT changes FROM outcomes WHERE outcome = 'updated' AND identifier LIKE '%:1' AND"
        " run = 2"
    ):
        assert json.loads(text) == {"city": {"old": "Delft", "new": "Gouda"}}


def test_a_plan_leaves_open_what_a_run_left_open(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer
) -> None:
    vendors = [singer.vendor(n) for n in range(ROWS)]
    cut_off(proxy, load, done_and_lost, *vendors)
    before = instance.query("SELECT * FROM sending")
    assert len(before) == 50
    planned = instance.run(singer.vendors(*vendors), mode="plan", instance_url=proxy.url)
    assert planned.code == 0
    assert instance.query("SELECT * FROM sending") == before
    assert told(instance, 1) == [("0", "created", "")]
