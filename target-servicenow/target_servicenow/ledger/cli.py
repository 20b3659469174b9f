"""``target-servicenow ledger``: what was done, why, and what waits."""

from __future__ import annotations

import os
import typing as t
from collections import Counter
from pathlib import Path

import click
import simplejson
from typing_extensions import override

from target_servicenow.ledger import logs
from target_servicenow.ledger.dropping import drop
from target_servicenow.ledger.entries import to_json
from target_servicenow.ledger.file import LedgerError, make_private
from target_servicenow.ledger.forgetting import forget as forget_rows
from target_servicenow.ledger.location import located
from target_servicenow.ledger.reader import LedgerReader, matching
from target_servicenow.outcomes import COUNTED, Cause
from target_servicenow.text_files import expanded

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


class _Commands(click.Group):
    """Commands that report a ledger that cannot be used in one sentence."""

    @override
    def invoke(self, ctx: click.Context) -> t.Any:
        try:
            return super().invoke(ctx)
        except LedgerError as error:
            raise click.ClickException(str(error)) from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["--help"]})
@click.option(
    "--ledger",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file named by the setting ledger_path.  [default: where the target keeps it if "
    "ledger_path is empty]",
)
@click.pass_context
def ledger(context: click.Context, path: Path | None) -> None:
    """Read the audit trail: what happened to each record, and why.

    Example: target-servicenow ledger --ledger output/prod.ledger.sqlite runs
    """
    context.obj = located(path, os.environ)


def _reader(path: Path) -> LedgerReader:
    """Open the ledger for one command: the help of a command needs none."""
    reader = LedgerReader(path)
    click.get_current_context().call_on_close(reader.close)
    return reader


@ledger.command()
@click.option("--limit", default=20, show_default=True, help="Number of runs to show.")
@_as_json
@click.pass_obj
def runs(path: Path, limit: int, *, as_json: bool) -> None:
    """Show the latest runs and what they did to each table.

    Example: target-servicenow ledger runs --limit 5
    """
    found = _reader(path).runs(limit)
    if as_json:
        _print_json(found)
        return
    rows = []
    for run in found:
        head = (run["run"], run["started"], run["status"], run["mode"])
        for table, counts in sorted(run["outcomes"].items()) or [("", {})]:
            rows.append((*head, table, *(counts.get(o) or "." for o in COUNTED)))
            head = ("", "", "", "")
        if run["message"]:
            rows.append(("", run["message"]))
        if run["log"]:
            rows.append(("", logs.sentence(run["log"])))
    _print_table(("run", "started", "status", "mode", "table", *COUNTED), rows)


@ledger.command()
@click.argument("key")
@_as_json
@click.pass_obj
def explain(path: Path, key: str, *, as_json: bool) -> None:
    """Show the history of one record, by its source identifier or the end of it.

    Example: target-servicenow ledger explain sage300:SAMINC:Vendor:1200
    """
    reader = _reader(path)
    found = reader.find(key)
    if not found:
        raise click.ClickException(
            f"The ledger holds no record {key}: give the full source identifier, such as "
            "sage300:SAMINC:Vendor:1200, or its last part"
        )
    stories = [{**record, "history": reader.history(record["identifier"])} for record in found]
    if as_json:
        _print_json(stories)
        return
    for story in stories:
        click.echo(
            f"{story['identifier']} in {story['table']} (sys_id {story['sys_id'] or 'none'})"
        )
        for entry in story["history"]:
            plan = " (plan)" if entry["mode"] == "plan" else ""
            cause = f" ({entry['cause']})" if entry["cause"] else ""
            click.echo(f"  run {entry['run']}{plan}, {entry['at']}: {entry['outcome']}{cause}")
            if entry["reason"]:
                click.echo(f"    {entry['reason']}")
            for column, change in entry["changes"].items():
                click.echo(f"    {column}: {change['old']!r} -> {change['new']!r}")
            for column, change in entry["altered"].items():
                click.echo(f"    {column}: sent {change['new']!r}, stored {change['old']!r}")
        for column, change in story["altered"].items():
            click.echo(f"  {column}: sent {change['new']!r}, still stored {change['old']!r}")
        click.echo(f"  last seen in run {story['last_seen']}")


@ledger.command()
@click.option("--run", type=int, help="Number of the run; the last one that has a log by default.")
@_as_json
@click.pass_obj
def log(path: Path, run: int | None, *, as_json: bool) -> None:
    """Show what the tap said of its own run: what it retried, left out and read whole.

    Example: target-servicenow ledger log --run 12
    """
    found = _reader(path).log(run)
    if as_json:
        _print_json(found)
        return
    _print_table(
        ("run", "stream", "event"),
        ((entry["run"], entry["stream"], logs.line(entry["record"])) for entry in found),
    )


@ledger.command()
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@click.option(
    "--cause", type=click.Choice([c.value for c in Cause if c]), help="Only those with it."
)
@click.option(
    "--drop", "dropping", is_flag=True, help="Take the rows off the list; needs a --reason."
)
@click.option("--reason", default="", help="Why they are dropped; it stays in their history.")
@_as_json
@click.pass_obj
def rejects(
    path: Path,
    keys: tuple[str, ...],
    *,
    cause: str | None,
    dropping: bool,
    reason: str,
    as_json: bool,
) -> None:
    """List the rows held or rejected that wait for another try, each with cause and reason.

    KEY is a source identifier or the end of it, as for explain; without any, all rows are listed.
    A dropped row is not tried again, unless its record changes.

    Example: target-servicenow ledger rejects sage300:SAMINC:Vendor:5 --drop --reason "never paid"
    """
    found = _reader(path).rejects(keys, cause)
    if dropping:
        _drop(path, found, reason.strip(), keys=keys, cause=cause)
    elif as_json:
        _print_json(found)
    else:
        columns = ("table", "identifier", "outcome", "run", "cause", "reason")
        _print_table(columns, ([row[name] for name in columns] for row in found))


def _drop(
    path: Path,
    found: Sequence[dict[str, t.Any]],
    reason: str,
    *,
    keys: Sequence[str],
    cause: str | None,
) -> None:
    if not reason:
        raise click.ClickException("--drop needs a --reason, which stays in the rows' history")
    if not keys and cause is None:
        raise click.ClickException(
            "--drop needs to know which rows: give their source identifiers, or a --cause"
        )
    if unknown := [key for key in keys if not matching(found, key)]:
        raise click.ClickException(
            f"No such row waits: {', '.join(unknown)}; none was dropped. List those that do with "
            "target-servicenow ledger rejects"
        )
    if several := [key for key in keys if len(matching(found, key)) > 1]:
        raise click.ClickException(
            f"Several rows have a source identifier that ends in {', '.join(several)}; none was "
            "dropped: give full source identifiers"
        )
    drop(path, found, reason)
    for row in found:
        click.echo(f"{row['table']} {row['identifier']} was dropped: {reason}")


@ledger.command()
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@click.option("--all-hidden", is_flag=True, help="All that wait with the cause hidden.")
@click.option(
    "--reason",
    default="deleted in ServiceNow",
    show_default=True,
    help="Why; it stays in the rows' history.",
)
@click.pass_obj
def forget(path: Path, keys: tuple[str, ...], *, all_hidden: bool, reason: str) -> None:
    """Forget where rows are that were deleted in ServiceNow, so that they are created again.

    A row that the ledger knows is never created a second time, since it may only be hidden. KEY is
    a source identifier or the end of it, as for explain. The next run creates the row if it waits,
    or when its record comes again.

    Example: target-servicenow ledger forget sage300:SAMINC:Vendor:1200 --reason "ticket 4711"
    """
    if not keys and not all_hidden:
        raise click.UsageError("Give the source identifiers of the rows, or --all-hidden")
    reader = _reader(path)
    if all_hidden:
        waiting = (row["identifier"] for row in reader.rejects() if row["cause"] == Cause.HIDDEN)
        keys = (*keys, *waiting)
    rows = []
    for key in dict.fromkeys(keys):
        found = reader.find(key)
        exact = [row for row in found if row["identifier"] == key] or found
        if len({row["identifier"] for row in exact}) != 1:
            raise click.ClickException(
                f"The ledger holds {len(exact) or 'no'} records {key}, so nothing was forgotten: "
                "give the full source identifier, such as sage300:SAMINC:Vendor:1200"
            )
        rows += exact
    reader.close()
    forget_rows(path, rows, reason)
    for row in rows:
        click.echo(f"{row['table']} {row['identifier']} was forgotten: {reason}")


@ledger.command()
@_as_json
@click.pass_obj
def altered(path: Path, *, as_json: bool) -> None:
    """Count the rows that ServiceNow stores otherwise than sent, by column.

    With --json each row, with what was sent (new) and what is stored (old).

    Example: target-servicenow ledger altered --json
    """
    found = _reader(path).altered()
    if as_json:
        _print_json(found)
        return
    counts = Counter((row["table"], column) for row in found for column in row["columns"])
    _print_table(
        ("table", "column", "rows"),
        [(table, column, str(rows)) for (table, column), rows in sorted(counts.items())],
    )


@ledger.command()
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to this file instead, which only you can read.",
)
@click.pass_obj
def export(path: Path, output: Path | None) -> None:
    """Print the waiting rows as Singer messages, to correct them and pipe them in again.

    Example: target-servicenow ledger export --output waiting.singer
    """
    lines = (to_json(message).encode() for message in _reader(path).messages())
    if output is None:
        for line in lines:
            click.echo(line)
        return
    try:
        output = expanded(output)
        output.unlink(missing_ok=True)  # a file that was there may be readable to others
        make_private(output)
        with output.open("wb") as file:
            file.writelines(line + b"\n" for line in lines)
    except OSError as error:
        raise click.ClickException(
            f"{output} cannot be written ({error.strerror}): name another file"
        ) from None


def _print_json(value: t.Any) -> None:
    text = simplejson.dumps(value, use_decimal=True, ensure_ascii=False, indent=2)
    # In UTF-8 on every system; half of a surrogate pair becomes its JSON escape.
    click.echo(text.encode("utf-8", "backslashreplace"))


def _print_table(headings: Sequence[str], rows: Iterable[Sequence[t.Any]]) -> None:
    """Print columns as wide as their widest cell; a row of another length is printed as it is."""
    lines = [[str(cell) for cell in row] for row in rows]
    whole = [line for line in lines if len(line) == len(headings)]
    widths = [max(len(cell) for cell in column) for column in zip(headings, *whole, strict=True)]
    for line in (list(headings), *lines):
        if len(line) == len(headings):
            cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            click.echo("  ".join(cells).rstrip())
        else:
            click.echo("  ".join(line))
