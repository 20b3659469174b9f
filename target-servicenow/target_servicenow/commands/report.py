"""``target-servicenow ledger report``: the page about the last run."""

from __future__ import annotations

import secrets
from contextlib import closing, suppress
from pathlib import Path

import click

from target_servicenow.ledger.file import make_private
from target_servicenow.ledger.reader import LedgerReader
from target_servicenow.text_files import expanded


@click.command()
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write, which only you can read.",
)
@click.pass_obj
def report(path: Path, out: Path) -> None:
    """Write a page about the last run, to be opened in a browser.

    What needs a person and what to do, what changed, the money moved, the calls, the last 30 runs.
    One file that needs no network.

    Example: target-servicenow ledger report --out report.html
    """
    # Only here: no other command, and no run, is to wait for the template engine.
    from target_servicenow.report.gathering import gather  # noqa: PLC0415
    from target_servicenow.report.page import render  # noqa: PLC0415

    with closing(LedgerReader(path)) as reader:
        facts = gather(reader, path)
    if facts is None:
        raise click.ClickException(f"The ledger {path} holds no run yet: run the target first")
    out = expanded(out)
    try:
        _write(out, render(facts))
    except OSError as error:
        raise click.ClickException(
            f"{out} cannot be written ({error.strerror}): name another file"
        ) from None
    click.echo(f"{out} was written: open it in a browser")


def _write(out: Path, content: bytes) -> None:
    """Write a private file whole or not at all: whoever reads it meanwhile has the one before."""
    new = out.with_name(f".{out.name}.{secrets.token_hex(4)}")
    try:
        make_private(new)
        new.write_bytes(content)
        new.replace(out)
    except OSError:
        with suppress(OSError):
            new.unlink(missing_ok=True)
        raise
