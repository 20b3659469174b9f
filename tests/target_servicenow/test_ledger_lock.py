"""Two runs with one ledger: the second is refused until the first ends, even if it is killed.

Neither another name of the ledger nor a deleted lock file lets it in.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

if t.TYPE_CHECKING:
    from conftest import Instance, Singer


@pytest.mark.parametrize("name", ["ledger.sqlite", "link.sqlite"])
def test_a_second_run_is_refused_while_the_first_is_alive(
    instance: Instance, singer: Singer, name: str
) -> None:
    if name != "ledger.sqlite":
        if os.name == "nt":
            pytest.skip("links take a privilege on Windows")
        (instance.folder / name).symlink_to(instance.ledger)
    path = instance.folder / name
    config = instance.folder / "config.json"
    config.write_text(json.dumps({**instance.config, "checkpoint_seconds": 0}), encoding="utf-8")
    lines = [*singer.vendors(singer.vendor("1")), singer.state(1)]
    with subprocess.Popen(
        [Path(sys.executable).with_name("target-servicenow"), "--config", config],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    ) as first:
        assert first.stdin is not None
        assert first.stdout is not None
        try:
            first.stdin.write("".join(f"{json.dumps(line)}\n" for line in lines))
            first.stdin.flush()
            assert first.stdout.readline() == "1\n"
            for lock in instance.folder.glob("*.lock"):
                with contextlib.suppress(PermissionError):  # Windows keeps it while it is open
                    lock.unlink()
            second = instance.run(
                [*singer.vendors(singer.vendor("2")), singer.state(2)], ledger_path=str(path)
            )
            assert (second.code, second.states) == (1, [])
            assert second.errors == [
                (
                    f"Another run is using the ledger {path} (ledger_path): wait until it ends, "
                    "then run again"
                )
            ]
            assert instance.by_source("proc_vendor").keys() == {"1"}
            assert instance.query("SELECT run, status FROM runs") == [(1, "running")]
        finally:
            first.kill()
    assert instance.run([*singer.vendors(singer.vendor("2")), singer.state(2)]).states == [2]
    assert instance.by_source("proc_vendor").keys() == {"1", "2"}
    assert instance.query("SELECT run, status FROM runs") == [(1, "stopped"), (2, "finished")]
