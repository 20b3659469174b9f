"""Calls that ServiceNow commits only after the target has given up on the answer."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from conftest import Instance, Singer

ROWS = 60


def test_a_call_committed_during_the_wait_is_found(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer
) -> None:
    """If the instance chooses sys_ids, the wait is longer than a call may take."""
    pending: list[t.Any] = []

    def postpone(call: t.Any) -> t.Any:
        pending.append(call)
        call.drop()

    def commit() -> None:
        while pending:
            pending.pop().forward()

    proxy.keeps_sys_ids = False
    proxy.plan = {("write", 2): postpone}
    load.on_wait = commit
    load([singer.vendor(n) for n in range(ROWS)])
    assert instance.by_source("proc_vendor").keys() == {str(n) for n in range(ROWS)}
    assert sorted(instance.outcomes()) == sorted((str(n), "created") for n in range(ROWS))
    [wait] = load.waits
    assert 30 < wait <= 35


def test_a_call_committed_after_the_lookup_makes_no_duplicate(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer
) -> None:
    """If the instance accepts our sys_ids, it refuses the second of two inserts itself."""
    pending: list[t.Any] = []

    def postpone(call: t.Any) -> t.Any:
        pending.append(call)
        call.drop()

    def commit_first(call: t.Any) -> t.Any:
        pending.pop().forward()
        return call.forward()

    proxy.plan = {("write", 2): postpone, ("write", 3): commit_first}
    load([singer.vendor(n) for n in range(ROWS)])
    assert pending == load.waits == []
    assert instance.by_source("proc_vendor").keys() == {str(n) for n in range(ROWS)}
    assert sorted(instance.outcomes()) == sorted((str(n), "created") for n in range(ROWS))


def test_a_row_deleted_meanwhile_is_held(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer
) -> None:
    """Kind: a row that was found and is gone when it is written may only be hidden since."""
    load([singer.vendor("1", City="Delft")])

    def delete_first(call: t.Any) -> t.Any:
        [item] = call.items
        deletion = {**item, "method": "DELETE", "url": item["url"].partition("?")[0]}
        call.forward([deletion])
        return call.forward()

    proxy.plan = {("write", 2): delete_first}
    [row] = instance.rows("proc_vendor")
    load([singer.vendor("1", City="Gouda", Email="a@b")])
    assert instance.rows("proc_vendor") == []
    outcome, reason = instance.rejects()["1"]
    assert outcome == "held"
    assert reason == (
        f"ServiceNow does not show its row {row['sys_id']} of proc_vendor (it is in another "
        "domain, a rule of queries hides it, or it was deleted, since ServiceNow does not count "
        "it): let the integration user read it, or, if it was deleted, run target-servicenow "
        "ledger forget sage300:SAMINC:Vendor:1 to have another one created"
    )


def test_a_cancelled_row_deleted_meanwhile_is_not_created_again(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer
) -> None:
    load([singer.batch(1, {}, {})])

    def delete_first(call: t.Any) -> t.Any:
        item = call.items[0]
        deletion = {**item, "method": "DELETE", "url": item["url"].partition("?")[0]}
        call.forward([deletion])
        return call.forward()

    proxy.plan = {("write", proxy.seen["write"] + 1): delete_first}
    load([singer.batch(1, {}, {}, BatchStatus="Deleted")])
    rows = instance.by_source("sn_apo_invoice")
    assert {name: row["state"] for name, row in rows.items()} == {"2": "cancelled"}
    assert set(instance.outcomes()) == {("1", "held"), ("2", "updated")}
