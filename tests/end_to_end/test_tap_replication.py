"""The installed tap, killed and cut, run after run: together the runs read what Sage 300 holds."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import typing as t
from decimal import Decimal
from pathlib import Path

import pytest

from sage300_servicenow_sandbox import Sandbox, SandboxOptions
from sage300_servicenow_sandbox.faults import read_plan

if t.TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = str(Path(sys.executable).with_name("tap-sage300"))
KEYS = {
    "GLAccounts": "UnformattedAccount",
    "APVendors": "VendorNumber",
    "APInvoiceBatches": "BatchNumber",
}
TEXT = {
    "GLAccounts": "Description",
    "APVendors": "VendorName",
    "APInvoiceBatches": "BatchTotal",
}


@pytest.fixture
def site() -> Iterator[Sandbox]:
    options = SandboxOptions(
        sage_port=0,
        servicenow_port=0,
        companies=("SAMINC", "SAMLTD"),
        vendors=45,
        accounts=38,
        batches=9,
    )
    with Sandbox(options) as sandbox:
        yield sandbox


class Runs:
    """Runs of the command, one after another, and what a target would hold of them."""

    def __init__(self, site: Sandbox, folder: Path) -> None:
        self.site, self.folder = site, folder
        self.held: dict[tuple[str, str, t.Any], t.Any] = {}
        self.state: dict[str, t.Any] = {}

    def run(self, *, lines: int | None = None, **changes: t.Any) -> int:
        """Run; with ``lines``, kill the process once that many lines have been read."""
        config = {
            "api_url": self.site.sage_url,
            "companies": ["SAMINC", "SAMLTD"],
            "username": "INTEGRATION",
            "password": "SANDBOX",
            "min_call_interval_ms": 0,
            "page_size": 6,
            "document_page_size": 2,
            **changes,
        }
        for name, value in (("config", config), ("state", self.state)):
            (self.folder / f"{name}.json").write_text(json.dumps(value), encoding="utf-8")
        arguments = [COMMAND, "--config", "config.json", "--state", "state.json"]
        with subprocess.Popen(
            arguments,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        ) as tap:
            assert tap.stdout is not None
            for number, line in enumerate(tap.stdout, 1):
                self._take(json.loads(line, parse_float=Decimal))
                if number == lines:
                    tap.kill()
                    break
        return tap.returncode

    def _take(self, message: dict[str, t.Any]) -> None:
        if message["type"] == "STATE":
            self.state = message["value"]
        elif message["type"] == "RECORD":
            record, stream = message["record"], message["stream"]
            key = record[KEYS[stream]]
            self.held[stream, record["CompanyID"], key] = str(record[TEXT[stream]])

    def sage(self) -> dict[tuple[str, str, t.Any], t.Any]:
        """What Sage 300 holds."""
        return {
            (stream, company, record[key]): str(record[TEXT[stream]])
            for stream, key in KEYS.items()
            for company in ("SAMINC", "SAMLTD")
            for text in self.site.sage.store.select(company, self.site.sage.resources[stream])
            for record in [json.loads(text, parse_float=Decimal)]
        }


@pytest.fixture
def runs(site: Sandbox, tmp_path: Path) -> Runs:
    return Runs(site, tmp_path)


def test_killed_anywhere_nothing_is_lost(runs: Runs) -> None:
    draw = random.Random("kills")
    for _ in range(6):
        runs.run(lines=draw.randint(1, 60))
    assert runs.run() == 0
    assert runs.held == runs.sage()


def test_small_budgets_add_up_and_none_is_passed(runs: Runs) -> None:
    for budget in (1, 7, 3, 20, 30, 60, 60):
        runs.site.counters.reset()
        assert runs.run(max_calls_per_run=budget) == 0
        assert runs.site.counters.snapshot()["sage300"]["calls"] <= budget
    assert runs.held == runs.sage()


def test_a_bad_line_and_edits_between_runs(runs: Runs) -> None:
    plan = {"rules": [{"side": "sage300", "every": 5, "fault": "reset"}]}
    runs.site.faults.follow(read_plan(plan))
    for number in range(3):
        vendors = runs.site.sage.resources["APVendors"]
        key = f"{1000 + 10 * number}"
        assert runs.site.sage.edit("SAMINC", vendors, (key,), {"VendorName": f"Edited {number}"})
        assert runs.run(max_calls_per_run=15, max_retries=2) == 0
    runs.site.faults.follow(read_plan({"rules": []}))
    for _ in range(2):
        assert runs.run() == 0
    assert runs.held == runs.sage()
