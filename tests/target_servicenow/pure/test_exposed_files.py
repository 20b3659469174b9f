"""What ``--test`` says of files that others on this machine can read."""

from __future__ import annotations

import sys
import typing as t

import pytest

from target_servicenow.exposed_files import findings

if t.TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has access lists")


@pytest.mark.parametrize(
    ("modes", "told"),
    [
        ({".env": 0o600, "ledger": 0o600}, []),
        ({".env": 0o644, "ledger": 0o600}, [".env"]),
        ({".env": 0o640, "ledger": 0o604}, [".env", "ledger"]),
        ({"ledger": 0o600}, []),
        ({}, []),
    ],
)
def test_a_file_that_others_can_read_is_named(
    tmp_path: Path, modes: dict[str, int], told: list[str]
) -> None:
    """Kind: a secret that was copied with the rights of the example."""
    for name, mode in modes.items():
        (tmp_path / name).touch(mode=0o600)
        (tmp_path / name).chmod(mode)
    environment = {"MELTANO_PROJECT_ROOT": str(tmp_path)}
    assert [str(one) for one in findings(tmp_path / "ledger", environment)] == [
        f"warning  {tmp_path / name} can be read by others on this machine: run chmod 600 on it"
        for name in told
    ]


def test_without_meltano_there_is_only_the_ledger(tmp_path: Path) -> None:
    for name in (".env", "ledger"):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(0o644)
    assert [f.sentence.partition(" ")[0] for f in findings(tmp_path / "ledger", {})] == [
        str(tmp_path / "ledger")
    ]
