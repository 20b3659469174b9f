"""Meltano with the project as it is shipped."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
import typing as t
from contextlib import closing
from pathlib import Path

import pytest

from sage300_servicenow_sandbox import Sandbox, SandboxOptions

if t.TYPE_CHECKING:
    from conftest import Pair

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.xdist_group("project")  # one Meltano at a time in its folder
MELTANO = Path(sys.executable).parent / "meltano"
INVOICES = 10_000
MELTANO_DEFAULT = 100 * 2**20
"""Bytes of ``elt.buffer_size``; a line may be half as long."""


@pytest.fixture
def environment(pair: Pair) -> dict[str, str]:
    """The sandbox environment, pointed at this test's sandbox, with a state of its own."""
    return environment_of(pair)


def environment_of(pair: Pair) -> dict[str, str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TAP_", "TARGET_", "SAGE300_", "SERVICENOW_", "MELTANO_"))
    }
    return {
        **inherited,
        "MELTANO_DATABASE_URI": f"sqlite:///{(pair.folder / 'meltano.db').as_posix()}",
        "TAP_SAGE300_API_URL": pair.sandbox.sage_url,
        "TARGET_SERVICENOW_INSTANCE_URL": pair.sandbox.servicenow_url,
        "TARGET_SERVICENOW_LEDGER_PATH": pair.target["ledger_path"],
    }


def meltano(
    environment: dict[str, str], *arguments: str, folder: Path = ROOT, timeout: float = 240
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(MELTANO), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=timeout,
        check=False,
    )


def kept_state(pair: Pair) -> dict[str, t.Any]:
    """The state that Meltano keeps of the job, as it hands it to the tap."""
    with closing(sqlite3.connect(pair.folder / "meltano.db")) as db:
        [(partial, completed)] = db.execute("SELECT partial_state, completed_state FROM state")
    states = [json.loads(text).get("singer_state", {}) for text in (completed, partial) if text]
    return {name: value for state in states for name, value in state.items()}


def test_the_job_runs_from_any_folder_and_keeps_its_state(
    pair: Pair, environment: dict[str, str]
) -> None:
    # No registry can be asked: what is installed must do.
    offline = {**environment, "UV_OFFLINE": "1", "PIP_NO_INDEX": "1"}
    first = meltano(offline, "run", "sage300-to-servicenow", folder=ROOT / "docs")
    assert first.returncode == 0, first.stderr
    assert len(pair.servicenow("proc_vendor")) == 60
    assert len(pair.servicenow("itfm_gl_accounts")) == 50
    assert len(pair.servicenow("sn_apo_invoice")) > 20

    pair.control.reset_counters()
    second = meltano(offline, "run", "sage300-to-servicenow")
    assert second.returncode == 0, second.stderr
    assert pair.writes() == 0
    calls = pair.control.counters()["sage300"]["by_path"]
    assert calls["AP/APVendors"] == 1, "the second run reads only what is new"

    with closing(sqlite3.connect(pair.target["ledger_path"])) as ledger:
        logged = ledger.execute("SELECT run, record FROM logs ORDER BY run, number").fetchall()
    events = [(run, json.loads(record)) for run, record in logged]
    ends = [(run, e["Status"]) for run, e in events if e["Event"] == "run_ended"]
    assert ends == [(1, "finished"), (2, "finished")]
    whole = [(run, e["Stream"]) for run, e in events if e["Event"] == "read" and e["IsWhole"]]
    assert {(1, "APVendors"), (2, "GLAccounts"), (2, "APInvoiceBatches")} <= set(whole)
    # With another ledger the state would pass over what waits in this one.
    before = kept_state(pair)
    assert before.keys() == {"bookmarks", "target_servicenow"}
    pair.control.reset_counters()
    offline["TARGET_SERVICENOW_LEDGER_PATH"] = str(pair.folder / "another.sqlite")
    refused = meltano(offline, "run", "sage300-to-servicenow")
    assert refused.returncode == 1
    assert "The state comes from a run that the ledger " in refused.stderr
    assert pair.control.counters()["servicenow"]["calls"] == 0
    assert kept_state(pair) == before


def test_the_ledger_is_read_through_meltano(pair: Pair, environment: dict[str, str]) -> None:
    """Kind: a call that timed out, and no way to see it in the audit trail of its records.

    Meltano gives a command's settings by environment variables, and to the plugin's own command
    line by --config before its first word.
    """
    rule = {"side": "sage300", "path": "APVendors", "nth": 1, "fault": "error", "status": 408}
    pair.control.follow_faults({"rules": [rule]})
    ran = meltano(environment, "run", "sage300-to-servicenow")
    assert ran.returncode == 0, ran.stderr
    [vendor, *_] = pair.sage("APVendors")

    runs = meltano(environment, "invoke", "target-servicenow:runs", "--limit", "1")
    assert runs.returncode == 0, runs.stderr
    lines = runs.stdout.splitlines()
    assert re.fullmatch(r"Run 1, .* UTC: finished after .*", lines[0])
    assert "  proc_vendor: 60 created" in lines
    calls = r"  calls: [\d,]+ to Sage 300( \([\d,]+ left\))?, [\d,]+ to ServiceNow"
    assert [line for line in lines if re.fullmatch(calls, line)]
    assert "  reading Sage 300: 1 timeout" in lines

    words = ("ledger", "explain", vendor["VendorName"])
    story = meltano(environment, "invoke", "target-servicenow", *words)
    assert story.returncode == 0, story.stderr
    lines = story.stdout.splitlines()
    assert f"  sage300:SAMINC:Vendor:{vendor['VendorNumber']} in proc_vendor" in lines
    told = r"    Sage 300, \d\d:\d\d:\d\d UTC: timeout, APVendors of SAMINC; HTTP 408.*"
    assert [line for line in lines if re.fullmatch(told, line)]


@pytest.mark.skipif(os.environ.get("NIGHTLY") != "1", reason="takes minutes: NIGHTLY=1 runs it")
def test_a_batch_of_10_000_invoices_passes(pair_class: type[Pair], tmp_path: Path) -> None:
    """Kind: a record larger than Meltano takes unless its buffer is raised."""
    options = SandboxOptions(
        sage_port=0,
        servicenow_port=0,
        vendors=60,
        accounts=50,
        batches=1,
        invoices_per_batch=INVOICES,
        lines_per_invoice=2,
    )
    with Sandbox(options) as sandbox:
        pair = pair_class(sandbox, tmp_path)
        line = len(json.dumps(pair.sage("APInvoiceBatches"), default=str))
        assert line > MELTANO_DEFAULT / 2
        ran = meltano(environment_of(pair), "run", "sage300-to-servicenow", timeout=1_800)
        assert ran.returncode == 0, ran.stderr[-4_000:]
        assert len(pair.servicenow("sn_apo_invoice")) == INVOICES
        assert len(pair.servicenow("sn_apo_invoice_line")) == 2 * INVOICES


def test_a_schedule_runs_the_job(pair: Pair, environment: dict[str, str]) -> None:
    ran = meltano(environment, "schedule", "run", "sage300-to-servicenow-daily")
    assert ran.returncode == 0, ran.stderr
    assert len(pair.servicenow("proc_vendor")) == 60


def test_the_schedules_are_daily_and_at_month_end(environment: dict[str, str]) -> None:
    listed = meltano(environment, "schedule", "list", "--format=json")
    schedules = json.loads(listed.stdout)["schedules"]["job"]
    assert {s["name"]: s["cron_interval"] for s in schedules} == {
        "sage300-to-servicenow-daily": "0 2 * * *",
        "sage300-to-servicenow-month-end": "30 */2 28-31,1-5 * *",
    }


@pytest.mark.parametrize("plugin", ["tap-sage300", "target-servicenow"])
def test_every_setting_has_a_title_and_says_what_it_is_for(
    environment: dict[str, str], plugin: str
) -> None:
    listed = meltano(environment, "config", "list", "--all", plugin)
    assert listed.returncode == 0, listed.stderr
    lines = listed.stdout.splitlines()
    heads = [n for n, line in enumerate(lines) if re.match(r"\w+ .*\[env: ", line)]
    assert len(heads) > 15
    for head in heads:
        assert re.match(r"\t[^:]+: .{20,}", lines[head + 1]), lines[head]


def test_tax_numbers_and_bank_codes_stay_in_sage(environment: dict[str, str]) -> None:
    select = ("--environment=sandbox", "select", "--list", "--all", "tap-sage300")
    listed = meltano(environment, *select)
    assert listed.returncode == 0, listed.stderr
    left_out = re.findall(r"\[excluded\s*\] APVendors\.(\S+)", listed.stdout)
    assert {"BankCode", "Num1099CPRSTaxNumber", "BusinessRegistrationNumber"} < set(left_out)
    assert sum(name.startswith("TaxRegistrationCode") for name in left_out) == 5
    assert "VendorName" not in left_out


def test_prod_takes_everything_from_the_environment_file(
    pair: Pair, environment: dict[str, str]
) -> None:
    names = [
        line.partition("=")[0]
        for line in (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
        if re.match(r"[A-Z0-9_]+=", line)
    ]
    del environment["TAP_SAGE300_API_URL"], environment["TARGET_SERVICENOW_INSTANCE_URL"]
    values = {
        "SAGE300_API_URL": pair.sandbox.sage_url,
        "SAGE300_COMPANIES": '["SAMINC"]',
        "SAGE300_USERNAME": "INTEGRATION",
        "SAGE300_PASSWORD": "SANDBOX",
        "SERVICENOW_INSTANCE_URL": pair.sandbox.servicenow_url,
        "SERVICENOW_AUTH_METHOD": "oauth_client_credentials",
        "SERVICENOW_CLIENT_ID": "sandbox-client",
        "SERVICENOW_CLIENT_SECRET": "sandbox-secret",
        "SERVICENOW_USERNAME": "",
        "SERVICENOW_PASSWORD": "",
    }
    assert names == [*values, *(f"TEST_{name}" for name in values)]
    ran = meltano({**environment, **values}, "--environment=prod", "run", "sage300-to-servicenow")
    assert ran.returncode == 0, ran.stderr
    assert len(pair.servicenow("proc_vendor")) == 60


@pytest.mark.skipif(not os.environ.get("NIGHTLY"), reason="nightly: four starts of Meltano")
@pytest.mark.parametrize("strategy", ["merge", "overwrite"])
def test_the_mark_is_kept_by_every_strategy(
    pair: Pair, environment: dict[str, str], strategy: str
) -> None:
    marks = []
    for _ in range(2):
        ran = meltano(environment, "run", "sage300-to-servicenow", f"--state-strategy={strategy}")
        assert ran.returncode == 0, ran.stderr
        assert kept_state(pair).keys() == {"bookmarks", "target_servicenow"}
        marks.append(kept_state(pair)["target_servicenow"])
    assert marks[0] != marks[1]
