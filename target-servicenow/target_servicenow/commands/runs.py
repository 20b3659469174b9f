"""``ledger runs`` and ``ledger log``: what each run did, and what the tap said of it."""

from __future__ import annotations

import typing as t

import click

from target_servicenow.commands import opening
from target_servicenow.commands.printing import print_json, print_table, say, wrapped
from target_servicenow.ledger import logs
from target_servicenow.report import words
from target_servicenow.report.gathering import run_of

if t.TYPE_CHECKING:
    from pathlib import Path

    from target_servicenow.report.facts import Reading, Run

_ENDS: t.Final = {
    "": "the tap ended without saying how, as when it is killed",
    "failed": "the tap failed",
    "budget_spent": "its call budget was spent, so the next run goes on from there",
}


@click.command()
@click.option("--limit", default=20, show_default=True, help="Number of runs to show.")
@opening.as_json
@click.pass_obj
def runs(path: Path, limit: int, *, as_json: bool) -> None:
    """Show the latest runs, newest first: how long, what changed, the calls on both sides.

    Example: target-servicenow ledger runs --limit 5
    """
    found = opening.reader(path).runs(limit)
    if as_json:
        print_json(found)
        return
    for number, row in enumerate(found):
        say([*([""] if number else []), *_lines(run_of(row))])
    if not found:
        say(["The ledger holds no run"])


def heading(run: Run) -> str:
    """Return what a run is called, and when it was."""
    return f"{'Plan' if run.is_plan else 'Run'} {run.number}, {words.when(run.started)} UTC"


def _lines(run: Run) -> list[str]:
    took = words.took(run.started, run.finished)
    lines = wrapped(f"{heading(run)}: {run.status}{f' after {took}' if took else ''}")
    if run.message:
        lines += wrapped(run.message, 2)
    for table, counts in sorted(run.outcomes.items()):
        told = [f"{number:,} {outcome}" for outcome, number in counts.items() if number]
        lines += wrapped(f"{table}: {', '.join(told) or 'nothing'}", 2)
    calls = [] if run.calls is None else [f"{run.calls:,} to ServiceNow"]
    if run.reading and run.reading.calls is not None:
        left = "" if run.reading.left is None else f" ({run.reading.left:,} left)"
        calls.insert(0, f"{run.reading.calls:,} to Sage 300{left}")
    if calls:
        lines += wrapped(f"calls: {', '.join(calls)}", 2)
    happened = _happened(run.reading) if run.reading else ""
    return lines + (wrapped(f"reading Sage 300: {happened}", 2) if happened else [])


def _happened(reading: Reading) -> str:
    parts = [_ENDS.get(reading.ended, "")]
    parts += [words.happened(*event) for event in reading.events.items()]
    if reading.not_whole:
        reads = ", ".join(f"{stream} of {company}" for stream, company in reading.not_whole)
        parts.append(f"not read whole: {reads}")
    return "; ".join(part for part in parts if part)


@click.command()
@click.option("--run", type=int, help="Number of the run; the last one that has a log by default.")
@opening.as_json
@click.pass_obj
def log(path: Path, run: int | None, *, as_json: bool) -> None:
    """Show what the tap said of its own run: what it retried, left out and read whole.

    Example: target-servicenow ledger log --run 12
    """
    found = opening.reader(path).log(run)
    if as_json:
        print_json(found)
        return
    print_table(
        ("run", "stream", "event"),
        ((entry["run"], entry["stream"], logs.line(entry["record"])) for entry in found),
    )
