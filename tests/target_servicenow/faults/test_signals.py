"""A run that is told to end has ended: soon, and with nothing sent afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import typing as t
from dataclasses import dataclass
from pathlib import Path

import pytest

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from conftest import Instance, Singer

EXECUTABLE = Path(sys.executable).parent / "target-servicenow"
ROWS = 400


@dataclass
class Running:
    """The target as a process of its own."""

    process: subprocess.Popen[bytes]
    output: Path
    log: Path

    def end(self, seconds: float) -> int:
        """Wait for the end; the exit code."""
        return self.process.wait(timeout=seconds)

    def states(self) -> list[t.Any]:
        """What it emitted; it must not have ended in a traceback."""
        assert "Traceback" not in self.log.read_text(encoding="utf-8")
        return [json.loads(line) for line in self.output.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def start(instance: Instance) -> Iterator[Callable[..., Running]]:
    """Starts the target with some input; no process outlives the test."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(messages: Iterable[dict[str, t.Any]], **settings: t.Any) -> Running:
        config = instance.folder / "config.json"
        config.write_text(json.dumps({**instance.config, **settings}), encoding="utf-8")
        given, output, log = (instance.folder / name for name in ("input", "output", "log"))
        lines = "".join(f"{json.dumps(message)}\n" for message in messages)
        given.write_text(lines, encoding="utf-8")
        with given.open() as stdin, output.open("w") as stdout, log.open("w") as stderr:
            process = subprocess.Popen(
                [EXECUTABLE, "--config", config],
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
            )
        started.append(process)
        return Running(process, output, log)

    yield begin
    for process in started:
        process.kill()
        process.wait()


def assert_loaded_by_the_next_run(
    instance: Instance, messages: list[dict[str, t.Any]], outcome: str, proxy: t.Any
) -> None:
    """Check that another run can begin at once and brings the rest, each row once."""
    instance.age_sending()
    proxy.plan = {}
    again = instance.run(messages, instance_url=proxy.url)
    assert (again.code, again.states) == (0, [{"n": 1}])
    assert instance.by_source("proc_vendor").keys() == {str(n) for n in range(ROWS)}
    changes = instance.query(f"SELECT identifier FROM outcomes WHERE outcome = '{outcome}'")
    assert len(changes) == len(set(changes)) == ROWS


@pytest.mark.skipif(os.name == "nt", reason="Windows processes cannot catch SIGTERM")
@pytest.mark.parametrize("workers", [1, 3])
def test_no_state_is_emitted_for_an_interrupted_write(
    proxy: t.Any, instance: Instance, singer: Singer, start: t.Any, workers: int
) -> None:
    first = [*singer.vendors(singer.vendor("0")), singer.state({"n": 1})]
    rest = [*(singer.vendor(n) for n in range(1, 2000)), singer.state({"n": 2})]

    def terminate(call: t.Any) -> t.Any:
        target.process.send_signal(signal.SIGTERM)
        return call.forward()

    proxy.plan = {("write", 3): terminate}
    target = start([*first, *rest], instance_url=proxy.url, workers=workers, checkpoint_seconds=0)
    assert target.end(60) == 128 + signal.SIGTERM
    assert target.states() == [{"n": 1}]
    assert len(instance.by_source("proc_vendor")) < 2000

    again = instance.run([*first, *rest], instance_url=proxy.url)
    assert (again.code, again.states) == (0, [{"n": 2}])
    assert instance.by_source("proc_vendor").keys() == {str(n) for n in range(2000)}
    assert [status for (status,) in instance.query("SELECT status FROM runs")] == [
        "stopped",
        "finished",
    ]


@pytest.mark.skipif(os.name == "nt", reason="Windows processes cannot catch SIGTERM")
@pytest.mark.parametrize(
    "signals",
    [
        (signal.SIGTERM,),
        (signal.SIGINT, signal.SIGTERM),
        (signal.SIGTERM, signal.SIGTERM, signal.SIGINT),
    ],
    ids=["one", "as under meltano run", "three"],
)
@pytest.mark.parametrize("workers", [1, 3])
def test_workers_that_sleep_through_a_retry_after(  # noqa: PLR0917
    proxy: t.Any,
    instance: Instance,
    singer: Singer,
    start: t.Any,
    signals: tuple[signal.Signals, ...],
    workers: int,
) -> None:
    """The lock must not be free while a worker can still wake up and write."""
    asleep = threading.Semaphore(0)

    def limit(call: t.Any) -> t.Any:
        asleep.release()
        return call.answer({"error": {"message": "Rate limit exceeded"}}, 429, Retry_After="12")

    proxy.plan = {("write", n): limit for n in range(2, 50)}
    messages = [*singer.vendors(*(singer.vendor(n) for n in range(ROWS))), singer.state({"n": 1})]
    target = start(messages, instance_url=proxy.url, workers=workers, max_retries=5)
    for _ in range(workers):
        assert asleep.acquire(timeout=20)
    time.sleep(0.3)
    told = time.monotonic()
    for each in signals:
        target.process.send_signal(each)
        time.sleep(0.02)
    # Python gives signals back to the system at its very end.
    assert target.end(20) in {128 + signals[0], *(-later for later in signals[1:])}
    assert time.monotonic() - told < 3
    assert target.states() == []
    assert instance.query("SELECT status, message FROM runs") == [("stopped", "ended by a signal")]
    assert instance.query("SELECT * FROM sending") == []
    assert proxy.seen["write"] == 1 + workers
    assert_loaded_by_the_next_run(instance, messages, "created", proxy)
    written = proxy.seen["write"]
    time.sleep(1)
    assert proxy.seen["write"] == written


@pytest.mark.skipif(os.name == "nt", reason="Windows processes cannot catch SIGTERM")
def test_a_call_that_hangs(proxy: t.Any, instance: Instance, singer: Singer, start: t.Any) -> None:
    """Until the process is gone it has the ledger, and its call may be committed later."""
    hanging, release = threading.Semaphore(0), threading.Event()
    done = threading.Semaphore(0)

    def hang(call: t.Any) -> t.Any:
        hanging.release()
        release.wait(60)
        call.forward()
        done.release()
        call.drop()

    proxy.plan = {("write", n): hang for n in (2, 3)}
    messages = [*singer.vendors(*(singer.vendor(n) for n in range(ROWS))), singer.state({"n": 1})]
    target = start(messages, instance_url=proxy.url, workers=2)
    for _ in range(2):
        assert hanging.acquire(timeout=20)
    told = time.monotonic()
    target.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    target.process.send_signal(signal.SIGTERM)
    refused = instance.run(messages)
    assert target.process.poll() is None
    assert refused.errors == [
        (
            f"Another run is using the ledger {instance.ledger} (ledger_path): wait until it ends, "
            "then run again"
        )
    ]
    assert target.end(20) == 128 + signal.SIGTERM
    assert time.monotonic() - told < 10
    assert target.states() == []
    release.set()
    for _ in range(2):
        assert done.acquire(timeout=20)
    assert_loaded_by_the_next_run(instance, messages, "created", proxy)


def test_a_worker_that_fails_wakes_the_others(
    proxy: t.Any, instance: Instance, singer: Singer
) -> None:
    """The run ends when one cannot go on, not when another's Retry-After is over."""
    asleep = threading.Event()

    def limit(call: t.Any) -> t.Any:
        asleep.set()
        return call.answer({"error": {"message": "Rate limit exceeded"}}, 429, Retry_After="30")

    def redirect(call: t.Any) -> t.Any:
        assert asleep.wait(20)
        time.sleep(0.3)
        return call.answer({}, 302, Location="/login.do")

    proxy.plan = {("write", 2): limit, ("write", 3): redirect}
    messages = [*singer.vendors(*(singer.vendor(n) for n in range(ROWS))), singer.state({"n": 1})]
    began = time.monotonic()
    result = instance.run(messages, instance_url=proxy.url, workers=2, max_retries=3)
    assert time.monotonic() - began < 15
    assert (result.code, result.states) == (1, [])
    assert result.errors == [
        (
            "ServiceNow answered with a redirect while writing proc_vendor: check instance_url, "
            "and that the instance is awake"
        )
    ]
    assert instance.query("SELECT * FROM sending") == []
    assert proxy.seen["write"] == 3
