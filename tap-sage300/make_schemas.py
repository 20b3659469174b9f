"""Makes the schema files of the package from a site's ``$metadata``: ``make schemas``.

With the tap's settings in the environment (``TAP_SAGE300_API_URL`` and so on) that site is asked,
and each file gains what the site knows better, by the rule that ``--discover`` merges with; what a
file allows because sites differ is kept. Without settings a sandbox is asked, which knows nothing
of Sage 300 that the files do not: only files that are missing are made.
"""

from __future__ import annotations

import json
import logging
import sys
import typing as t
from contextlib import ExitStack
from pathlib import Path

import click

from tap_sage300 import discovery
from tap_sage300.api import metadata
from tap_sage300.api.errors import NoAccessError
from tap_sage300.errors import TapError
from tap_sage300.run import Run
from tap_sage300.streams import STREAMS
from tap_sage300.tap import TapSage300

if t.TYPE_CHECKING:
    from tap_sage300.api.metadata import JsonSchema
    from tap_sage300.reading.entity import Entity

FOLDER = Path(__file__).parent / "tap_sage300" / "schemas"


def described(run: Run, modules: set[str]) -> dict[str, JsonSchema]:
    """Return the schemas that the first company gives the entities of some modules, by name.

    Raises:
        NoAccessError: The server cannot be reached, or rejects the sign-on.
    """
    company = run.config.companies[0]
    found: dict[str, JsonSchema] = {}
    for module in sorted(modules):
        try:
            found |= run.session.metadata(company, module)
        except NoAccessError:
            raise
        except TapError as error:
            click.echo(error, err=True)
    return found


def make(folder: Path, entity: Entity, site: JsonSchema) -> bool:
    """Write the schema file of an entity, and return whether that changed it.

    Args:
        folder: Where the files are.
        entity: What the file is for.
        site: The schema that the site gives it.
    """
    path = folder / f"{entity.name}.json"
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    ours = json.loads(before) if before else discovery.declared(entity)
    merged = metadata.merge(ours, site, entity.calculated, for_every_site=bool(before))
    text = json.dumps(merged, indent=2, ensure_ascii=False) + "\n"
    if text != before:
        path.write_text(text, encoding="utf-8", newline="\n")
    return text != before


def main(folder: Path = FOLDER) -> int:
    """Make the files and print which have changed; 1 where the site lacks one."""
    with ExitStack() as stack:
        try:
            settings = TapSage300.read_environment()
            is_site = "api_url" in settings
            run = Run(settings if is_site else _sandbox(stack), logging.getLogger("make_schemas"))
            entities = [
                stream.entity
                for stream in STREAMS
                if is_site or not (folder / f"{stream.entity.name}.json").exists()
            ]
            site = described(run, {entity.module for entity in entities})
        except TapError as error:
            click.echo(error, err=True)
            return 1
    for entity in entities:
        if entity.name not in site:
            click.echo(f"{entity.name} is not described there: its file is as before", err=True)
        elif make(folder, entity, site[entity.name]):
            click.echo(f"{entity.name}.json has changed: compare it with Sage's endpoint reference")
    return 0 if all(entity.name in site for entity in entities) else 1


def _sandbox(stack: ExitStack) -> dict[str, t.Any]:
    """Start a sandbox that runs until the stack is closed, and return settings for it."""
    from sage300_servicenow_sandbox import Sandbox, SandboxOptions  # noqa: PLC0415

    options = SandboxOptions(sage_port=0, servicenow_port=0, vendors=1, accounts=1, batches=1)
    sandbox = stack.enter_context(Sandbox(options))
    return {
        "api_url": sandbox.sage_url,
        "companies": list(options.companies),
        "username": "INTEGRATION",
        "password": "SANDBOX",
    }


if __name__ == "__main__":
    sys.exit(main())
