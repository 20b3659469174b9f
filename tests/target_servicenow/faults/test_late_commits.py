"""Calls that ServiceNow does after their answer was given up for lost."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from conftest import Instance, Singer

ROWS = 60


def test_a_call_done_while_waiting_is_found(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer
) -> None:
    """Where the instance chooses sys_ids, the wait outlasts the time a call may run."""
    late: list[t.Any] = []

    def postpone(call: t.Any) -> t.Any:
        late.append(call)
        call.drop()

    def commit() -> None:
        while late:
            late.pop().done()

    proxy.keeps_sys_ids = False
    proxy.plan = {("write", 2): postpone}
    load.on_wait = commit
    load([singer.vendor(n) for n in range(ROWS)])
    assert instance.by_source("proc_vendor").keys() == {str(n) for n in range(ROWS)}
    assert sorted(instance.outcomes()) == sorted((str(n), "created") for n in range(ROWS))
    [wait] = load.waits
    assert 30 < wait <= 35


def test_a_call_done_after_the_look_is_no_twin(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer
) -> None:
    """Where own sys_ids are kept, the instance itself refuses the second of two inserts."""
    late: list[t.Any] = []

    def postpone(call: t.Any) -> t.Any:
        late.append(call)
        call.drop()

    def commit_first(call: t.Any) -> t.Any:
        late.pop().done()
        return call.forward()

    proxy.plan = {("write", 2): postpone, ("write", 3): commit_first}
    load([singer.vendor(n) for n in range(ROWS)])
    assert late == load.waits == []
    assert instance.by_source("proc_vendor").keys() == {str(n) for n in range(ROWS)}
    assert sorted(instance.outcomes()) == sorted((str(n), "created") for n in range(ROWS))


def test_a_row_deleted_meanwhile_is_made_anew(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer
) -> None:
    load([singer.vendor("1", City="Delft")])

    def delete_first(call: t.Any) -> t.Any:
        [item] = call.items
        gone = {**item, "method": "DELETE", "url": item["url"].partition("?")[0]}
        call.forward([gone])
        return call.forward()

    proxy.plan = {("write", 2): delete_first}
    load([singer.vendor("1", City="Gouda", Email="a@b")])
    row = instance.by_source("proc_vendor")["1"]
    assert (row["name"], row["city"], row["email"]) == ("Vendor 1", "Gouda", "a@b")
    assert instance.outcomes() == [("1", "created")]


def test_a_row_deleted_meanwhile_that_is_not_wanted_stays_gone(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer
) -> None:
    load([singer.batch(1, {}, {})])

    def delete_first(call: t.Any) -> t.Any:
        item = call.items[0]
        gone = {**item, "method": "DELETE", "url": item["url"].partition("?")[0]}
        call.forward([gone])
        return call.forward()

    proxy.plan = {("write", proxy.seen["write"] + 1): delete_first}
    load([singer.batch(1, {}, {}, BatchStatus="Deleted")])
    rows = instance.by_source("sn_apo_invoice")
    assert {name: row["state"] for name, row in rows.items()} == {"2": "cancelled"}
    assert instance.outcomes() == [("2", "updated")]
