"""``ledger altered``: what ServiceNow stores otherwise than sent."""

from __future__ import annotations

import typing as t
from collections import Counter

import click

from target_servicenow.commands import opening
from target_servicenow.commands.printing import print_json, print_table

if t.TYPE_CHECKING:
    from pathlib import Path


@click.command()
@opening.as_json
@click.pass_obj
def altered(path: Path, *, as_json: bool) -> None:
    """Count the rows that ServiceNow stores otherwise than sent, by column.

    With --json each row, with what was sent (new) and what is stored (old).

    Example: target-servicenow ledger altered --json
    """
    found = opening.reader(path).altered()
    if as_json:
        print_json(found)
        return
    counts = Counter((row["table"], column) for row in found for column in row["columns"])
    print_table(
        ("table", "column", "rows"),
        [(table, column, str(rows)) for (table, column), rows in sorted(counts.items())],
    )
