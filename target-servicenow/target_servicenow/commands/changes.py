"""``ledger changes``: what runs changed, old → new."""

from __future__ import annotations

import typing as t

import click

from target_servicenow.commands import opening
from target_servicenow.commands.naming import Names
from target_servicenow.commands.printing import print_json, say, wrapped
from target_servicenow.commands.runs import heading
from target_servicenow.ledger.entries import format_time
from target_servicenow.ledger.run_reader import ALL
from target_servicenow.report import records, words
from target_servicenow.report.facts import Record
from target_servicenow.report.gathering import run_of

if t.TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

    from target_servicenow.ledger.reader import LedgerReader
    from target_servicenow.report.facts import Run

_MOST: t.Final = 30
_TIMES: t.Final = ("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%SZ")


@click.command()
@click.option("--run", "number", type=int, help="Number of the run or plan.  [default: last run]")
@click.option(
    "--since",
    type=click.DateTime(_TIMES),
    metavar="DATE",
    help="All runs since a day or a time in UTC, such as 2026-11-20 or 2026-11-20T18:00.",
)
@opening.show_all
@opening.as_json
@click.pass_obj
def changes(
    path: Path, number: int | None, since: dt.datetime | None, *, show_all: bool, as_json: bool
) -> None:
    """Show what was changed in ServiceNow: old and new values, names beside keys.

    Example: target-servicenow ledger changes --since 2026-11-20
    """
    if number is not None and since is not None:
        raise click.UsageError("Give --run or --since, not both")
    reader = opening.reader(path)
    reader.stand_still()
    runs = _chosen(reader, number, since)
    if as_json:
        rows = (row for run in runs for row in reader.changes(run.number, ALL))
        print_json([{**row, "name": _named(reader, row).name} for row in rows])
        return
    if not runs:
        say([f"No run since {format_time(since)}" if since else "The ledger holds no run"])
    for position, run in enumerate(runs):
        say([*([""] if position else []), *_lines(reader, run, ALL if show_all else _MOST)])


def _chosen(reader: LedgerReader, number: int | None, since: dt.datetime | None) -> list[Run]:
    if number is None:
        rows = reader.writing_runs(format_time(since) if since else None)
    elif row := reader.run(number):
        rows = [row]
    else:
        raise click.ClickException(
            f"The ledger holds no run {number}: list its runs with target-servicenow ledger runs"
        )
    return [run_of({**row, "outcomes": {}, "log": None}) for row in rows]


def _named(reader: LedgerReader, row: t.Mapping[str, t.Any]) -> Record:
    """Return a record with what one run did with it, and its name."""
    known = records.life(reader, row["table"], row["identifier"])
    told = (records.event(row, row["run"]),)
    return Record(known.table, known.identifier, known.sys_id, known.name, told)


def _lines(reader: LedgerReader, run: Run, most: int) -> list[str]:
    found = [_named(reader, row) for row in reader.changes(run.number, most)]
    rows = reader.changed(run.number)
    verb = "would be changed" if run.is_plan else "changed"
    lines = wrapped(f"{heading(run)}: {words.count(rows, 'row') if rows else 'no row'} {verb}")
    names = Names(reader, run.number)
    names.learn_references(found)
    for record in found:
        [event] = record.events
        lines += wrapped(f"{event.outcome} {names.of(record)}", 2)
        lines += names.lines(event, record.identifier, 4)
        if event.reason:
            lines += wrapped(event.reason, 4)
    if rows > len(found):
        lines += wrapped(
            f"and {rows - len(found):,} more: ledger changes --run {run.number} --all", 2
        )
    return lines
