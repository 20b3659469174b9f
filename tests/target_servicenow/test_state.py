"""State is emitted only for rows that are settled."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest

if t.TYPE_CHECKING:
    from conftest import Instance, Singer


def test_state_is_emitted_once_at_the_end(instance: Instance, singer: Singer) -> None:
    messages = [*singer.vendors(singer.vendor("1")), singer.state(1), singer.state({"last": 2})]
    assert instance.run(messages).states == [{"last": 2}]


def test_state_is_emitted_after_each_checkpoint(instance: Instance, singer: Singer) -> None:
    row_counts = []

    def messages():
        yield singer.schema("APVendors")
        for number in range(5):
            yield singer.vendor(number)
            yield singer.state({"seen": number})
            row_counts.append(len(instance.rows("proc_vendor")))

    states = instance.run(messages(), checkpoint_seconds=0).states
    assert [state["seen"] for state in states] == [0, 1, 2, 3, 4, 4]
    assert row_counts == [1, 2, 3, 4, 5]


def test_empty_input(instance: Instance) -> None:
    result = instance.run([])
    assert (result.code, result.states, result.errors) == (0, [], [])
    assert instance.take_counters()["calls"] == 0


def test_rows_after_the_last_state_are_written(instance: Instance, singer: Singer) -> None:
    result = instance.run([*singer.vendors(), singer.state(1), singer.vendor("1")])
    assert result.states == [1]
    assert instance.by_source("proc_vendor").keys() == {"1"}


def test_a_changed_schema_settles_earlier_records(instance: Instance, singer: Singer) -> None:
    messages = [
        *singer.vendors(singer.vendor("1", City="old")),
        singer.schema("APVendors", Another={"type": "string"}),
        singer.vendor("1", City="new"),
        singer.state(1),
    ]
    assert instance.run(messages).states == [1]
    assert instance.by_source("proc_vendor")["1"]["city"] == "new"
    assert instance.outcomes() == [("1", "created"), ("1", "updated")]


def test_a_run_that_stops_emits_no_state_for_unsettled_rows(
    instance: Instance, singer: Singer
) -> None:
    messages = [
        *singer.vendors(singer.vendor("1")),
        singer.state(1),
        singer.vendor("2"),
        {
            "type": "SCHEMA",
            "stream": "unmapped",
            "schema": {"properties": {}},
            "key_properties": [],
        },
        singer.state(2),
    ]
    result = instance.run(messages, checkpoint_seconds=0)
    assert (result.code, result.states) == (1, [1])
    assert instance.by_source("proc_vendor").keys() == {"1"}
    assert instance.query("SELECT status FROM runs") == [("stopped",)]


@pytest.mark.skipif(os.name == "nt", reason="Windows processes cannot catch SIGTERM")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_ends_with_the_last_safe_state(
    instance: Instance, singer: Singer, name: str
) -> None:
    number = getattr(signal, name)
    config = instance.folder / "config.json"
    config.write_text(json.dumps({**instance.config, "checkpoint_seconds": 0}), encoding="utf-8")
    target = subprocess.Popen(
        [Path(sys.executable).parent / "target-servicenow", "--config", config],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert target.stdin is not None
    assert target.stdout is not None
    lines = [*singer.vendors(singer.vendor("1")), singer.state({"safe": 1})]
    target.stdin.write("".join(f"{json.dumps(line)}\n" for line in lines))
    target.stdin.flush()
    first = target.stdout.readline()
    # A record that is not yet settled; its state has not arrived.
    target.stdin.write(f"{json.dumps(singer.vendor('2'))}\n")
    target.stdin.flush()
    time.sleep(0.2)
    target.send_signal(number)
    rest, errors = target.communicate(timeout=20)
    assert target.returncode == 128 + number
    assert (json.loads(first), rest) == ({"safe": 1}, "")
    assert "Traceback" not in errors
    assert instance.by_source("proc_vendor").keys() == {"1"}
    assert instance.query("SELECT status, message FROM runs") == [("stopped", "ended by a signal")]
