"""What a tap says of its own run is kept in the ledger, run by run, and fills no table."""

from __future__ import annotations

import json
import typing as t

import pytest
from click.testing import CliRunner

from target_servicenow.target import TargetServiceNow

if t.TYPE_CHECKING:
    from conftest import Instance, RunResult, Singer

STREAM = "Sage300ReadLog"
TIME = "2026-11-20T02:00:00+00:00"


def event(singer: Singer, number: int, name: str, **facts: t.Any) -> dict[str, t.Any]:
    head = {"CompanyID": "", "RunID": "r", "EventNumber": number, "OccurredAt": TIME}
    return singer.record(STREAM, {**head, "Event": name, **facts})


def log(singer: Singer, *, ends: bool = True) -> list[dict[str, t.Any]]:
    """A run's log, with one company that was not read whole."""
    names = ("CompanyID", "RunID", "EventNumber", "OccurredAt", "Event")
    schema = singer.stream_schema(STREAM, {name: {} for name in names}, list(names[:3]))
    reads = [
        event(singer, 4 + n, "read", Stream="APVendors", CompanyID=company, IsWhole=company == "A")
        for n, company in enumerate(("A", "B"))
    ]
    end = [event(singer, 6, "run_ended", Status="failed", Calls=40, CallsLeft=60)] if ends else []
    return [
        schema,
        event(singer, 1, "run_started"),
        *(event(singer, n, "retry", Stream="APVendors", CompanyID="B") for n in (2, 3)),
        *reads,
        *end,
    ]


def ledger(instance: Instance, *words: str) -> str:
    command = TargetServiceNow.get_singer_command()
    result = CliRunner().invoke(command, ["ledger", "--ledger", str(instance.ledger), *words])
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def run(instance: Instance, singer: Singer, *, ends: bool = True, **settings: t.Any) -> RunResult:
    """Vendors with the log around them, as the tap sends it."""
    begin, *rest = log(singer, ends=ends)[1:]
    messages = [log(singer)[0], begin, *singer.vendors(singer.vendor("1")), *rest]
    return instance.run([*messages, singer.state({"n": 1})], **settings)


def test_it_is_kept_with_its_run(instance: Instance, singer: Singer) -> None:
    for _ in range(2):
        assert run(instance, singer).code == 0
    kept = instance.query("SELECT run, number, stream, record FROM logs ORDER BY run, number")
    assert [row[:3] for row in kept] == [(r, n, STREAM) for r in (1, 2) for n in range(1, 7)]
    sent = [message["record"] for message in log(singer)[1:]]
    assert [json.loads(record) for *_, record in kept] == sent * 2
    assert instance.query('SELECT DISTINCT "table" FROM outcomes') == [("proc_vendor",)]
    assert instance.query('SELECT DISTINCT "table" FROM records') == [("proc_vendor",)]


def test_it_is_kept_before_a_state_that_covers_it(instance: Instance, singer: Singer) -> None:
    """Kind: a run that ends between two checkpoints."""
    messages = [*log(singer, ends=False), singer.state({"n": 1}), "no JSON\n"]
    result = instance.run(messages, checkpoint_seconds=0)
    assert (result.code, result.states) == (1, [{"n": 1}])
    assert instance.query("SELECT COUNT(*) FROM logs") == [(5,)]


def test_a_plan_keeps_it_too(instance: Instance, singer: Singer) -> None:
    assert run(instance, singer, mode="plan").code == 0
    assert instance.query("SELECT COUNT(*) FROM logs") == [(6,)]


def test_runs_show_what_it_comes_to(instance: Instance, singer: Singer) -> None:
    assert run(instance, singer).code == 0
    assert run(instance, singer, ends=False).code == 0
    assert instance.run(singer.vendors()).code == 0
    lines = ledger(instance, "runs").splitlines()
    happened = "2 retries; not read whole: APVendors of B"
    assert f"  reading Sage 300: the tap failed; {happened}" in lines
    killed = "the tap ended without saying how, as when it is killed"
    assert f"  reading Sage 300: {killed}; 2" in lines
    assert any(line.startswith("  calls: 40 to Sage 300 (60 left), ") for line in lines)
    found = json.loads(ledger(instance, "runs", "--json"))
    facts = {"events": {"retry": 2}, "not_whole": [["APVendors", "B"]]}
    assert [one["log"] for one in found] == [
        None,
        {**facts, "ended": None, "calls": None, "left": None},  # it was killed
        {**facts, "ended": "failed", "calls": 40, "left": 60},
    ]


def test_the_log_of_a_run(instance: Instance, singer: Singer) -> None:
    assert run(instance, singer, ends=False).code == 0
    assert run(instance, singer).code == 0
    assert instance.run(singer.vendors()).code == 0
    lines = ledger(instance, "log").splitlines()
    assert len(lines) == 7
    assert lines[2].split(maxsplit=2) == [
        "2",
        STREAM,
        (
            f"CompanyID: B, RunID: r, EventNumber: 2, OccurredAt: {TIME}, Event: retry, "
            "Stream: APVendors"
        ),
    ]
    assert len(ledger(instance, "log", "--run", "1").splitlines()) == 6
    assert [e["record"]["Event"] for e in json.loads(ledger(instance, "log", "--json"))][-1] == (
        "run_ended"
    )


def test_old_logs_are_deleted_with_old_outcomes(instance: Instance, singer: Singer) -> None:
    assert run(instance, singer).code == 0
    with instance.writing() as ledger:
        ledger.execute("UPDATE logs SET at = '2020-01-01T00:00:00Z'")
    assert instance.run([], ledger_keep_days=30).code == 0
    assert instance.query("SELECT COUNT(*) FROM logs") == [(0,)]


@pytest.mark.parametrize("ledger_streams", [None, []])
def test_a_mapping_may_send_it_elsewhere(
    instance: Instance, singer: Singer, ledger_streams: list[str] | None
) -> None:
    """Kind: a mapping without a `ledger`."""
    overrides = {"ledger": ledger_streams}
    result = instance.run(log(singer), mapping_overrides=overrides)
    assert result.code == 1
    assert f"Stream {STREAM} is not mapped" in result.errors[0]
    skipped = instance.run(log(singer), mapping_overrides=overrides, unmapped_streams="skip")
    assert skipped.code == 0
    assert instance.query("SELECT COUNT(*) FROM logs") == [(0,)]


def test_a_stream_goes_to_one_place(instance: Instance, singer: Singer) -> None:
    result = instance.run(singer.vendors(), mapping_overrides={"ledger": ["APVendors"]})
    assert (result.code, result.errors) == (
        1,
        [
            (
                "Mapping default: stream APVendors is under `ledger` and fills the table "
                "proc_vendor: keep one of them"
            )
        ],
    )


def test_a_batch_that_vanished_is_listed_for_a_person(instance: Instance, singer: Singer) -> None:
    """Kind: a batch posted and cleared, or deleted, while it was open when last read."""
    batch = singer.batch(7, {"VendorNumber": None}, {"VendorNumber": None})
    assert instance.run(singer.batches(batch)).code == 0
    facts = {"CompanyID": "SAMINC", "Stream": "APInvoiceBatches", "Key": "7"}
    messages = [*log(singer, ends=False), event(singer, 9, "batch_vanished", **facts)]
    assert instance.run(messages).code == 0
    causes = instance.query("SELECT identifier, cause FROM rejects ORDER BY identifier")
    assert causes == [(f"sage300:SAMINC:Invoice:7:{n}", "vanished") for n in (1, 2)]
    assert {row["state"] for row in instance.rows("sn_apo_invoice")} == {"open"}
