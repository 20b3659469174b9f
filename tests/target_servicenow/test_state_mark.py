"""State and ledger belong together: with another ledger, rows that wait would be lost."""

from __future__ import annotations

import shutil
import typing as t

import pytest

if t.TYPE_CHECKING:
    from conftest import Instance, RunResult, Singer

BOOKMARKS = {"bookmarks": {"APInvoiceBatches": {"partitions": []}}}
MARKING = {"mark_state": True}


def sentence(instance: Instance) -> str:
    return (
        f"The state comes from a run that the ledger {instance.ledger} (ledger_path) does not "
        "hold, so it belongs to another ledger, or to a newer copy of this one, with rows that "
        "wait: give that ledger, or run without state (meltano run --full-refresh), which reads "
        "everything again and writes only what differs"
    )


def held_run(instance: Instance, singer: Singer, number: int = 1) -> t.Any:
    """A run that leaves an invoice waiting for its vendor; the state it emits."""
    batch = singer.batch(number, {"VendorNumber": "5"})
    result = instance.run([*singer.batches(batch), singer.state(BOOKMARKS)], **MARKING)
    assert result.code == 0
    [state] = result.states
    return state


def night(
    instance: Instance, singer: Singer, state: t.Any, **settings: t.Any
) -> tuple[RunResult, int]:
    """A run that is given a state, as a tap hands it through; its end, and the calls it made."""
    instance.take_counters()
    messages = [singer.state(state), *singer.vendors(singer.vendor("5")), singer.state(state)]
    result = instance.run(messages, **{**MARKING, **settings})
    return result, instance.take_counters()["calls"]


def test_the_mark_travels_beside_the_bookmarks(instance: Instance, singer: Singer) -> None:
    state = held_run(instance, singer)
    assert {name: state[name] for name in state if name != "target_servicenow"} == BOOKMARKS
    result, _ = night(instance, singer, state)
    assert result.code == 0
    assert instance.by_key("sn_apo_invoice").keys() == {"1:1"}
    assert result.states[-1]["bookmarks"] == BOOKMARKS["bookmarks"]
    assert result.states[-1]["target_servicenow"] != state["target_servicenow"]
    # An older state is only read again, so it is as good.
    for older in (state, result.states[-1], state):
        assert night(instance, singer, older)[0].code == 0


@pytest.mark.parametrize("mode", ["apply", "plan"])
def test_a_new_ledger_with_an_old_state(instance: Instance, singer: Singer, mode: str) -> None:
    """Kind: 38 invoices are held in a ledger that is gone, and the state passes over them."""
    state = held_run(instance, singer)
    instance.ledger.unlink()
    for _ in range(2):  # and it stays so
        result, calls = night(instance, singer, state, mode=mode)
        assert (result.code, result.states, result.errors) == (1, [], [sentence(instance)])
        assert calls == 0
    assert instance.query("SELECT DISTINCT status FROM runs") == [("stopped",)]


def test_another_ledger(instance: Instance, singer: Singer) -> None:
    state = held_run(instance, singer)
    instance.ledger.rename(instance.folder / "first.sqlite")
    held_run(instance, singer, 2)
    assert night(instance, singer, state)[0].errors == [sentence(instance)]


def test_an_older_copy_of_the_ledger(instance: Instance, singer: Singer) -> None:
    """Kind: a backup from before the invoice was held, beside the state from after it."""
    assert instance.run(singer.vendors(singer.vendor("1")), **MARKING).code == 0
    shutil.copy(instance.ledger, instance.folder / "backup.sqlite")
    state = held_run(instance, singer)
    shutil.copy(instance.folder / "backup.sqlite", instance.ledger)
    for _ in range(2):
        result, calls = night(instance, singer, state)
        assert (result.code, result.errors, calls) == (1, [sentence(instance)], 0)


def test_a_state_without_a_mark_is_taken_and_marked(instance: Instance, singer: Singer) -> None:
    """The first run after an upgrade, or a tap that drops what it does not know."""
    result, _ = night(instance, singer, BOOKMARKS)
    assert result.code == 0
    assert result.states[-1].keys() == {"bookmarks", "target_servicenow"}


@pytest.mark.parametrize("mark", ["x", 5, {}, {"run_mark": ""}, {"run_mark": None}, [1]], ids=str)
def test_a_mark_of_another_hand(instance: Instance, singer: Singer, mark: t.Any) -> None:
    given = {**BOOKMARKS, "target_servicenow": mark}
    code = 0 if mark in ({}, {"run_mark": None}) else 1
    assert night(instance, singer, given)[0].code == code


def test_a_state_that_is_no_object(instance: Instance, singer: Singer) -> None:
    result = instance.run([*singer.vendors(singer.vendor("1")), singer.state(7)], **MARKING)
    assert (result.code, result.states) == (0, [7])


def test_without_the_setting_a_state_stays_as_it_is(instance: Instance, singer: Singer) -> None:
    """A foreign tap may not take a key that it does not know."""
    given = {**BOOKMARKS, "target_servicenow": {"run_mark": "from elsewhere"}}
    result, _ = night(instance, singer, given, mark_state=False)
    assert (result.code, result.states) == (0, [given])


def test_a_plan_emits_no_state(instance: Instance, singer: Singer) -> None:
    assert night(instance, singer, BOOKMARKS, mode="plan")[0].states == []


def test_every_checkpoint_is_marked(instance: Instance, singer: Singer) -> None:
    """Kind: a run that is killed leaves a state that the next run refuses."""
    messages = [
        *singer.vendors(singer.vendor("1")),
        singer.state({"bookmarks": {}, "n": 1}),
        singer.vendor("2"),
        singer.state({"bookmarks": {}, "n": 2}),
        "no JSON\n",
    ]
    result = instance.run(messages, checkpoint_seconds=0, **MARKING)
    assert (result.code, [state["n"] for state in result.states]) == (1, [1, 2])
    for state in result.states:
        assert night(instance, singer, state)[0].code == 0
