"""What the commands share: the ledger, opened to be read, and common options."""

from __future__ import annotations

import typing as t

import click

from target_servicenow.ledger.reader import LedgerReader

if t.TYPE_CHECKING:
    from pathlib import Path

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
show_all = click.option("--all", "show_all", is_flag=True, help="Shorten no list.")


def reader(path: Path) -> LedgerReader:
    """Open the ledger for one command: the help of a command needs none."""
    opened = LedgerReader(path)
    click.get_current_context().call_on_close(opened.close)
    return opened
