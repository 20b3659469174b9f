"""Where the ledger is: one place per Meltano project and environment, whatever the current folder.

A ledger of another place is an empty one: its held rows would never be tried again, and nothing
would be known of the rows that are in ServiceNow already.
"""

from __future__ import annotations

import typing as t
from pathlib import Path

from target_servicenow.text_files import expanded

if t.TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT_VARIABLE = "MELTANO_PROJECT_ROOT"
ENVIRONMENT_VARIABLE = "MELTANO_ENVIRONMENT"
"""What Meltano sets for the plugins that it starts; the second only with an environment."""
NAME = "ledger.sqlite"


def located(given: Path | str | None, environment: Mapping[str, str]) -> Path:
    """Return the path of the ledger.

    Args:
        given: The setting ``ledger_path`` or the option ``--ledger``. A relative path is taken from
            the Meltano project, or from the current folder without Meltano.
        environment: The environment variables.

    Returns:
        The path given, or ``output/{environment}.ledger.sqlite`` in the Meltano project, or
        ``target-servicenow.ledger.sqlite`` in the current folder.
    """
    project = environment.get(PROJECT_VARIABLE)
    if given:
        return Path(project or "") / expanded(Path(given))
    if project:
        name = environment.get(ENVIRONMENT_VARIABLE) or "target-servicenow"
        return Path(project) / "output" / f"{name}.{NAME}"
    return Path(f"target-servicenow.{NAME}")
