"""Runs interrupted before they know the outcome of a write: the next run finds it out."""

from __future__ import annotations

import json
import typing as t

import pytest

from target_servicenow.api.errors import StopRunError

if t.TYPE_CHECKING:
    from conftest import Instance, Singer

ROWS = 60


def commit_and_drop(call: t.Any) -> t.Any:
    call.forward()
    call.drop()


def drop(call: t.Any) -> t.Any:
    call.drop()


def interrupt(
    proxy: t.Any, load: t.Any, fault: t.Any, *messages: dict[str, t.Any], nth: int = 2
) -> None:
    """Load with a fault on the n-th write, after which no lookup is answered."""

    def fault_then_silence(call: t.Any) -> t.Any:
        start = proxy.seen["lookup"] + 1
        proxy.plan |= {("lookup", n): drop for n in range(start, start + 100)}
        return fault(call)

    proxy.plan = {("write", proxy.seen["write"] + nth): fault_then_silence}
    with pytest.raises(StopRunError):
        load(messages)
    proxy.plan = {}


def recorded(instance: Instance, run: int) -> list[tuple[str, str, str]]:
    """The ledger's entries of a run: row, outcome and reason."""
    rows = instance.query(
        f"SELECT identifier, outcome, reason FROM outcomes WHERE run = {run} ORDER BY identifier"
    )
    return [(name.rpartition(":")[2], outcome, reason) for name, outcome, reason in rows]


def test_rows_created_by_an_interrupted_run_are_recorded(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer
) -> None:
    vendors = [singer.vendor(n) for n in range(ROWS)]
    interrupt(proxy, load, commit_and_drop, *vendors)
    assert recorded(instance, 1) == [("0", "created", "")]
    load(vendors)
    first, *later = sorted(recorded(instance, 1), key=lambda row: int(row[0]))
    reason = "written in run 1, which ended before it recorded the answer"
    assert first == ("0", "created", "")
    assert later == [(str(n), "created", reason) for n in range(1, 51)]
    assert instance.query("SELECT rows FROM counts WHERE run = 1 AND outcome = 'created'") == [
        (51,)
    ]
    assert sorted(int(n) for n, outcome in instance.outcomes()) == list(range(51, ROWS))
    assert instance.counts("proc_vendor") == {"created": 9, "unchanged": 51}
    assert instance.query("SELECT * FROM sending") == []


def test_what_was_stored_otherwise_by_an_interrupted_run_is_recorded(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer
) -> None:
    """Kind: a rule alters a row whose answer is lost; the ledger says that it stands as sent."""
    rule = {"table": "proc_vendor", "action": "set", "column": "city", "value": "Elsewhere"}
    instance.behave(business_rules=[rule])
    vendors = [singer.vendor(n, City="Delft") for n in range(3)]
    interrupt(proxy, load, commit_and_drop, *vendors)
    load(vendors)
    altered = instance.query("SELECT altered FROM outcomes WHERE run = 1")
    change = {"city": {"old": "Elsewhere", "new": "Delft"}}
    assert [json.loads(text) for (text,) in altered] == [change] * 3


def test_the_next_run_waits_for_a_call_still_in_progress(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer
) -> None:
    """If the instance chooses sys_ids, looking up any earlier would create duplicates."""
    vendors = [singer.vendor(n) for n in range(ROWS)]
    pending: list[t.Any] = []

    def postpone(call: t.Any) -> t.Any:
        pending.append(call)
        call.drop()

    def commit() -> None:
        while pending:
            pending.pop().forward()

    proxy.keeps_sys_ids = False
    interrupt(proxy, load, postpone, *vendors)
    assert len(pending) == 1
    load.waits.clear()
    load.on_wait = commit
    load(vendors)
    [wait] = load.waits
    assert 30 < wait <= 35
    assert instance.by_source("proc_vendor").keys() == {str(n) for n in range(ROWS)}
    assert len(recorded(instance, 1)) == 51


def test_the_next_run_waits_longer_for_a_single_call(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer
) -> None:
    """Without Batch the interrupted call may take 60 s."""
    vendors = [singer.vendor(n) for n in range(5)]
    proxy.keeps_sys_ids = False
    proxy.close_batch()
    interrupt(proxy, load, drop, *vendors)
    load.waits.clear()
    load(vendors)
    [wait] = load.waits
    assert 60 < wait <= 65
    assert instance.by_source("proc_vendor").keys() == {str(n) for n in range(5)}


@pytest.mark.parametrize(
    ("fault", "city", "outcomes"),
    [
        (commit_and_drop, "Gouda", [[("1", "updated")], []]),
        (commit_and_drop, "Delft", [[("1", "updated")], [("1", "updated")]]),
        (drop, "Gouda", [[], [("1", "updated")]]),
        (drop, "Delft", [[], []]),
    ],
    ids=["made", "made and undone", "not made", "not made and undone"],
)
def test_a_change_is_recorded_if_it_was_made(  # noqa: PLR0917
    proxy: t.Any,
    load: t.Any,
    instance: Instance,
    singer: Singer,
    fault: t.Any,
    city: str,
    outcomes: list[t.Any],
) -> None:
    """An interrupted run changes Delft to Gouda; the next one is sent `city`."""
    load([singer.vendor("0", City="x"), singer.vendor("1", City="Delft")])
    moved = [singer.vendor("0", City="y"), singer.vendor("1", City="Gouda")]
    interrupt(proxy, load, fault, *moved, nth=1)  # both are in one call
    load([singer.vendor("0", City="y"), singer.vendor("1", City=city)])
    assert instance.by_source("proc_vendor")["1"]["city"] == city
    assert [
        [(name, outcome) for name, outcome, _ in recorded(instance, run) if name == "1"]
        for run in (2, 3)
    ] == outcomes
    for (text,) in instance.query(
        "SELECT changes FROM outcomes WHERE outcome = 'updated' AND identifier LIKE '%:1' AND"
        " run = 2"
    ):
        assert json.loads(text) == {"city": {"old": "Delft", "new": "Gouda"}}


def test_a_plan_does_not_resolve_an_interrupted_run(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer
) -> None:
    vendors = [singer.vendor(n) for n in range(ROWS)]
    interrupt(proxy, load, commit_and_drop, *vendors)
    before = instance.query("SELECT * FROM sending")
    assert len(before) == 50
    planned = instance.run(singer.vendors(*vendors), mode="plan", instance_url=proxy.url)
    assert planned.code == 0
    assert instance.query("SELECT * FROM sending") == before
    assert recorded(instance, 1) == [("0", "created", "")]
