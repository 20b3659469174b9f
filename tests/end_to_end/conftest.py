"""The two executables against a sandbox, as a user runs them."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sage300_servicenow_sandbox import Sandbox, SandboxOptions
from sage300_servicenow_sandbox.control_client import ControlClient

if t.TYPE_CHECKING:
    from collections.abc import Iterator

BIN = Path(sys.executable).parent


@dataclass
class Ended:
    """How a pipe ended."""

    tap: int
    target: int
    states: list[dict[str, t.Any]]
    errors: str


@dataclass
class Pair:
    """Tap and target with their settings, and both systems to look at."""

    sandbox: Sandbox
    folder: Path
    tap: dict[str, t.Any] = field(default_factory=dict)
    target: dict[str, t.Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.control = ControlClient(self.sandbox.sage_url)
        self.tap = {
            "api_url": self.sandbox.sage_url,
            "companies": list(self.sandbox.options.companies),
            "username": "Integration",
            "password": "sandbox",
            "min_call_interval_ms": 0,
            **self.tap,
        }
        self.target = {
            "instance_url": self.sandbox.servicenow_url,
            "client_id": "sandbox-client",
            "client_secret": "sandbox-secret",
            "ledger_path": str(self.folder / "ledger.sqlite"),
            "max_retries": 1,
            **self.target,
        }

    def run(self, state: dict[str, t.Any] | None = None) -> Ended:
        """``tap-sage300 | target-servicenow``, and what came out of it."""
        arguments = [str(BIN / "tap-sage300"), "--config", self._file("tap.json", self.tap)]
        if state is not None:
            arguments += ["--state", self._file("state.json", state)]
        errors = self.folder / "errors.log"
        settings = self._file("target.json", self.target)
        with (
            errors.open("w", encoding="utf-8") as log,
            subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=log) as tap,
            subprocess.Popen(
                [str(BIN / "target-servicenow"), "--config", settings],
                stdin=tap.stdout,
                stdout=subprocess.PIPE,
                stderr=log,
                encoding="utf-8",
            ) as target,
        ):
            assert tap.stdout is not None
            tap.stdout.close()
            try:
                printed, _ = target.communicate(timeout=120)
                tap.wait(timeout=120)
            finally:
                target.kill()
                tap.kill()
        return Ended(
            tap=tap.returncode,
            target=target.returncode,
            states=[json.loads(line) for line in printed.splitlines()],
            errors=errors.read_text(encoding="utf-8"),
        )

    def _file(self, name: str, content: dict[str, t.Any]) -> str:
        path = self.folder / name
        path.write_text(json.dumps(content), encoding="utf-8")
        return str(path)

    def sage(self, resource: str, company: str = "SAMINC") -> list[dict[str, t.Any]]:
        """Everything a Sage 300 resource holds, read past the Web API."""
        return self.control.records(company, resource)

    def servicenow(self, table: str) -> dict[str, dict[str, str]]:
        """Everything a ServiceNow table holds, by source identifier, read past the Table API."""
        rows = self.control.rows(table)
        by_identifier = {row["correlation_id"]: row for row in rows}
        assert len(by_identifier) == len(rows), f"{table} holds an identifier twice"
        return by_identifier

    def writes(self) -> int:
        """Rows sent to ServiceNow since the counters were reset."""
        counters = self.control.counters()["servicenow"]
        items = counters["batch_items"]
        single = sum(counters["by_method"].get(m, 0) for m in ("PUT", "PATCH", "DELETE"))
        return items.get("POST", 0) + items.get("PATCH", 0) + single


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A small company and an empty instance."""
    options = SandboxOptions(
        sage_port=0, servicenow_port=0, companies=("SAMINC",), vendors=60, accounts=50, batches=16
    )
    with Sandbox(options) as running:
        yield running


@pytest.fixture
def pair(sandbox: Sandbox, tmp_path: Path) -> Pair:
    """Tap and target set up for the sandbox."""
    return Pair(sandbox, tmp_path)


@pytest.fixture
def two_companies(tmp_path: Path) -> Iterator[Pair]:
    """Two companies on one server, which number their vendors alike."""
    options = SandboxOptions(
        sage_port=0,
        servicenow_port=0,
        companies=("SAMINC", "SAMLTD"),
        vendors=30,
        accounts=30,
        batches=6,
    )
    with Sandbox(options) as running:
        yield Pair(running, tmp_path)


@pytest.fixture
def pair_class() -> type[Pair]:
    """For tests that need a sandbox of their own size."""
    return Pair
