"""``ledger forget``: rows that were deleted in ServiceNow may be created again."""

from __future__ import annotations

import typing as t

import click

from target_servicenow.commands import opening
from target_servicenow.ledger import by_hand
from target_servicenow.outcomes import Cause

if t.TYPE_CHECKING:
    from pathlib import Path


@click.command()
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
    a source identifier, the end of one, or a sys_id. The next run creates the row if it waits, or
    when its record comes again.

    Example: target-servicenow ledger forget sage300:SAMINC:Vendor:1200 --reason "ticket 4711"
    """
    if not keys and not all_hidden:
        raise click.UsageError("Give the source identifiers of the rows, or --all-hidden")
    reader = opening.reader(path)
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
    by_hand.forget(path, rows, reason)
    for row in rows:
        click.echo(f"{row['table']} {row['identifier']} was forgotten: {reason}")
