"""A signal during a write."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

if t.TYPE_CHECKING:
    from conftest import Instance, Singer

EXECUTABLE = Path(sys.executable).parent / "target-servicenow"


@pytest.mark.skipif(os.name == "nt", reason="Windows processes cannot catch SIGTERM")
@pytest.mark.parametrize("workers", [1, 3])
def test_no_state_is_emitted_for_an_interrupted_write(
    proxy: t.Any, instance: Instance, singer: Singer, workers: int
) -> None:
    first = [*singer.vendors(singer.vendor("0")), singer.state({"n": 1})]
    rest = [*(singer.vendor(n) for n in range(1, 2000)), singer.state({"n": 2})]
    settings = {"instance_url": proxy.url, "workers": workers, "checkpoint_seconds": 0}
    config = instance.folder / "config.json"
    config.write_text(json.dumps({**instance.config, **settings}), encoding="utf-8")
    target = subprocess.Popen(
        [EXECUTABLE, "--config", config],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )

    def terminate(call: t.Any) -> t.Any:
        target.send_signal(signal.SIGTERM)
        return call.forward()

    proxy.plan = {("write", 3): terminate}
    lines = "".join(f"{json.dumps(message)}\n" for message in (*first, *rest))
    printed, errors = target.communicate(lines, timeout=60)
    assert target.returncode == 128 + signal.SIGTERM
    assert [json.loads(line) for line in printed.splitlines()] == [{"n": 1}]
    assert "Traceback" not in errors
    assert len(instance.by_source("proc_vendor")) < 2000

    again = instance.run([*first, *rest], instance_url=proxy.url)
    assert (again.code, again.states) == (0, [{"n": 2}])
    assert instance.by_source("proc_vendor").keys() == {str(n) for n in range(2000)}
    assert [status for (status,) in instance.query("SELECT status FROM runs")] == [
        "stopped",
        "finished",
    ]
