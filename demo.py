"""End to end in the sandbox: load everything, change a little in Sage 300, load again.

Run by `make demo`. Prints what happened and writes output/demo.json; every figure comes from the
target's ledger and the sandbox's own counters. `--faults FILE` makes both systems fail as the file
says; a run that stops is then run again, as a scheduler would.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import yaml
from rich import box
from rich.console import Console
from rich.table import Table

from sage300_servicenow_sandbox import Sandbox, SandboxOptions
from sage300_servicenow_sandbox.control_client import ControlClient
from sage300_servicenow_sandbox.faults import NO_FAULTS, read_plan

ROOT = Path(__file__).parent
OUTPUT = ROOT / "output"
WORK = OUTPUT / "demo"
LEDGER = WORK / "ledger.sqlite"
LOG = WORK / "meltano.log"
COMPANY = "SAMINC"
TABLES = (
    "itfm_gl_accounts",
    "cmn_cost_center",
    "proc_vendor",
    "sn_apo_invoice",
    "sn_apo_invoice_line",
)
STYLE: dict[str, t.Any] = {
    "box": box.SIMPLE_HEAD,
    "padding": (0, 1, 0, 0),
    "title_justify": "left",
    "title_style": "bold",
    "header_style": "dim",
}
OUTCOMES = ("created", "adopted", "updated", "unchanged", "held", "rejected")
OPEN = ("Open", "ReadyToPost")
MOST_ATTEMPTS = 10
EDITED_VENDORS, EDITED_ACCOUNTS, POSTED_BATCHES = 7, 3, 2


def work(control: ControlClient) -> list[str]:
    """Do a morning's work in Sage 300; return what was done, a line each."""
    done = []
    vendors = control.records(COMPANY, "APVendors")
    for number, vendor in enumerate(_spread(vendors, EDITED_VENDORS), start=1):
        phone = f"604555{number:04}"
        control.edit(COMPANY, "APVendors", vendor["VendorNumber"], PhoneNumber=phone)
        done.append(f"vendor {vendor['VendorNumber']}, {vendor['VendorName']}: new phone number")
    for account in _spread(control.records(COMPANY, "GLAccounts"), EDITED_ACCOUNTS):
        name = f"{account['Description'][:50]} (new)"
        control.edit(COMPANY, "GLAccounts", account["UnformattedAccount"], Description=name)
        done.append(f"account {account['AccountNumber']}: renamed to {name!r}")
    batches = control.records(COMPANY, "APInvoiceBatches")
    for batch in [b for b in batches if b["BatchStatus"] in OPEN][:POSTED_BATCHES]:
        control.post_batch(COMPANY, batch["BatchNumber"])
        invoices = len(batch["Invoices"])
        done.append(f"batch {batch['BatchNumber']}: posted, with {invoices} invoices")
    return done


def _spread(items: list[dict[str, t.Any]], wanted: int) -> list[dict[str, t.Any]]:
    """Return so many items, evenly spaced over the whole list."""
    return items[:: max(len(items) // wanted, 1)][:wanted]


def environment(sandbox: Sandbox) -> dict[str, str]:
    """Return Meltano's environment: this sandbox only, whatever else the machine is set up for."""
    plugins = ("TAP_SAGE300_", "TARGET_SERVICENOW_", "SAGE300_", "SERVICENOW_", "MELTANO_")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(plugins)}
    return {
        **inherited,
        "MELTANO_DATABASE_URI": f"sqlite:///{(WORK / 'meltano.db').as_posix()}",
        "MELTANO_ENVIRONMENT": "sandbox",
        "TAP_SAGE300_API_URL": sandbox.sage_url,
        "TAP_SAGE300_COMPANIES": json.dumps([COMPANY]),
        "TAP_SAGE300_USERNAME": "integration",  # the tap sends it in upper case, as Sage wants it
        "TAP_SAGE300_PASSWORD": "sandbox",
        "TARGET_SERVICENOW_INSTANCE_URL": sandbox.servicenow_url,
        "TARGET_SERVICENOW_CLIENT_ID": "sandbox-client",
        "TARGET_SERVICENOW_CLIENT_SECRET": "sandbox-secret",
        "TARGET_SERVICENOW_LEDGER_PATH": str(LEDGER),
    }


def run_job(console: Console, sandbox: Sandbox) -> dict[str, t.Any]:
    """Run the job through Meltano; return what it did, by the ledger and the sandbox's counters."""
    sandbox.counters.reset()
    first_run = _query("SELECT IFNULL(MAX(run), 0) + 1 FROM runs")[0][0] if LEDGER.exists() else 1
    started = time.monotonic()
    attempts = MOST_ATTEMPTS if sandbox.faults.plan.rules else 1
    while not _meltano(sandbox):
        attempts -= 1
        if not attempts:
            tail = "\n".join(LOG.read_text(encoding="utf-8").splitlines()[-15:])
            sys.exit(f"The run failed. The end of {LOG.relative_to(ROOT)}:\n{tail}")
        console.print(f"The run stopped: {_last_error()}. Running it again.", highlight=False)
    seconds = time.monotonic() - started
    counters = sandbox.counters.snapshot()
    return {
        "outcomes": _outcomes(first_run),
        "sage_calls": counters["sage300"]["calls"],
        "servicenow_calls": counters["servicenow"]["calls"],
        "seconds": round(seconds, 1),
    }


def _meltano(sandbox: Sandbox) -> bool:
    """Run the job once; return whether it succeeded."""
    with LOG.open("a", encoding="utf-8") as log:
        finished = subprocess.run(  # noqa: S603 - our own Meltano
            [str(Path(sys.executable).parent / "meltano"), "run", "sage300-to-servicenow"],
            cwd=ROOT,
            env=environment(sandbox),
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    return finished.returncode == 0


def _last_error() -> str:
    """Return the sentence that the tap or the target ended with."""
    lines = LOG.read_text(encoding="utf-8").splitlines()
    errors = [line for line in lines if "[error" in line and ("tap-" in line or "target-" in line)]
    return errors[-1].partition("]")[2].split(maxsplit=1)[1] if errors else "see Meltano's log"


def _outcomes(first_run: int) -> dict[str, dict[str, int]]:
    counts = {table: dict.fromkeys(OUTCOMES, 0) for table in TABLES}
    for table, outcome, rows in _query(
        f'SELECT "table", outcome, SUM(rows) FROM counts WHERE run >= {first_run}'  # noqa: S608
        ' GROUP BY "table", outcome'
    ):
        counts.setdefault(table, dict.fromkeys(OUTCOMES, 0))[outcome] = rows
    return counts


def _query(sql: str) -> list[tuple[t.Any, ...]]:
    ledger = sqlite3.connect(LEDGER)
    try:
        return ledger.execute(sql).fetchall()
    finally:
        ledger.close()


def show(console: Console, title: str, run: dict[str, t.Any]) -> None:
    """Print one run as a table."""
    table = Table(title=title, **STYLE)
    table.add_column("ServiceNow table", no_wrap=True)
    for outcome in OUTCOMES:
        table.add_column(outcome, justify="right")
    for name, counts in run["outcomes"].items():
        cells = (f"[bold]{n}[/]" if n else "[dim]·[/]" for n in (counts[o] for o in OUTCOMES))
        table.add_row(name, *cells)
    console.print(table)
    console.print(
        f"{run['sage_calls']} calls to Sage 300, {run['servicenow_calls']} to ServiceNow, "
        f"{run['seconds']} s through Meltano\n"
    )


def show_changes(console: Console) -> None:
    """Print what the last run changed in ServiceNow, by the ledger, column by column."""
    table = Table(title="What that changed in ServiceNow", **STYLE)
    for heading in ("row", "column", "was", "is"):
        table.add_column(heading, no_wrap=heading in {"row", "column"})
    for identifier, changes in _query(
        "SELECT identifier, changes FROM outcomes WHERE outcome = 'updated'"
        " AND run = (SELECT MAX(run) FROM runs) ORDER BY number"
    ):
        for column, change in json.loads(changes).items():
            row = " ".join(identifier.split(":")[2:])
            table.add_row(row, column, change["old"], change["new"])
    console.print(table)


def main() -> None:
    """Load, change, load again, and print what happened."""
    parser = argparse.ArgumentParser(
        description="Sage 300 to ServiceNow, end to end, in the sandbox."
    )
    parser.add_argument("--faults", type=Path, help="a fault plan that both systems follow")
    chosen = parser.parse_args().faults
    plan = read_plan(yaml.safe_load(chosen.read_text(encoding="utf-8"))) if chosen else NO_FAULTS
    console = Console()
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    options = SandboxOptions(sage_port=0, servicenow_port=0, companies=(COMPANY,), faults=plan)
    with Sandbox(options) as sandbox:
        counts = sandbox.sage.counts(COMPANY)
        console.print(
            f"\nA Sage 300 with {counts['GLAccounts']} accounts, {counts['APVendors']} vendors and "
            f"{counts['APInvoiceBatches']} invoice batches, and an empty ServiceNow, both on this "
            "machine. The job runs through Meltano.\n"
        )
        first = run_job(console, sandbox)
        show(console, "First run: everything is new", first)
        console.print("[bold]Meanwhile in Sage 300[/]")
        for line in work(ControlClient(sandbox.sage_url)):
            console.print(f"  {line}", highlight=False, markup=False)
        console.print()
        second = run_job(console, sandbox)
        show(console, "Second run: only what changed is written", second)
        show_changes(console)
    result = OUTPUT / "demo.json"
    result.write_text(json.dumps({"runs": [first, second]}, indent=2) + "\n", encoding="utf-8")
    console.print(
        f"\nIn {OUTPUT.name}/: the figures (demo.json), the ledger of every row "
        f"(demo/{LEDGER.name}) and Meltano's log (demo/{LOG.name})."
    )


if __name__ == "__main__":
    main()
