"""The commands that read the ledger, under one name."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import click
from typing_extensions import override

from target_servicenow.commands.altered import altered
from target_servicenow.commands.changes import changes
from target_servicenow.commands.explain import explain
from target_servicenow.commands.export import export
from target_servicenow.commands.forget import forget
from target_servicenow.commands.rejects import rejects
from target_servicenow.commands.report import report
from target_servicenow.commands.runs import log, runs
from target_servicenow.ledger.file import LedgerError
from target_servicenow.ledger.location import located


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


for _command in (runs, changes, explain, rejects, report, log, altered, export, forget):
    ledger.add_command(_command)
