"""``ledger export``: the rows that wait, as Singer messages."""

from __future__ import annotations

from pathlib import Path

import click

from target_servicenow.commands import opening
from target_servicenow.ledger.entries import to_json
from target_servicenow.ledger.file import make_private
from target_servicenow.text_files import expanded


@click.command()
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
    lines = (to_json(message).encode() for message in opening.reader(path).messages())
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
