"""A ledger that can no longer be written stops the run; nothing is sent unrecorded."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

if t.TYPE_CHECKING:
    from conftest import Instance, Singer

pytest.importorskip("resource", reason="file size limits are POSIX")

COMMAND = Path(sys.executable).with_name("target-servicenow")
ROWS = 300
STATE = {"vendors": ROWS}
LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
os.execv(sys.argv[2], sys.argv[2:])
"""
"""Runs a command whose files cannot grow beyond a number of bytes, as on a full disk."""


@pytest.mark.parametrize("room", [60_000, 120_000, 200_000, 400_000])
def test_a_full_disk(instance: Instance, singer: Singer, tmp_path: Path, room: int) -> None:
    messages = [*singer.vendors(*(singer.vendor(n) for n in range(ROWS))), singer.state(STATE)]
    config = tmp_path / "config.json"
    config.write_text(json.dumps(instance.config), encoding="utf-8")
    result = subprocess.run(
        [sys.executable, "-c", LIMITED, str(room), COMMAND, "--config", config],
        check=False,
        input="".join(f"{json.dumps(message)}\n" for message in messages),
        capture_output=True,
        encoding="utf-8",
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert "Traceback" not in result.stderr
    last = result.stderr.splitlines()[-1]
    assert "The ledger (ledger_path) cannot be written (" in last
    assert last.endswith(
        "): check that its disk has room and that no other program locks the file, then run again"
    )
    recorded = "SELECT identifier FROM sending UNION SELECT identifier FROM outcomes"
    known = {name.rpartition(":")[2] for (name,) in instance.query(recorded)}
    assert instance.by_source("proc_vendor").keys() <= known
    assert instance.run(messages).states == [STATE]
    rows = instance.rows("proc_vendor")
    assert len(rows) == len({row["correlation_id"] for row in rows}) == ROWS
    outcomes = instance.query("SELECT identifier, outcome FROM outcomes")
    assert sorted(outcomes) == sorted((row["correlation_id"], "created") for row in rows)
