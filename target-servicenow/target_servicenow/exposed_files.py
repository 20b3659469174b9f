"""``--test``: files with secrets or names and amounts that others on this machine can read."""

from __future__ import annotations

import os
import stat
import typing as t
from pathlib import Path

from target_servicenow.findings import Finding, Level
from target_servicenow.ledger.location import PROJECT_VARIABLE

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OTHERS = stat.S_IRWXG | stat.S_IRWXO


def findings(ledger: Path, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Find out which of the ledger, and the project's .env under Meltano, are open to others.

    Windows decides by access lists, which are inherited from the folder: see docs/secrets.md.
    """
    project = environment.get(PROJECT_VARIABLE)
    for path in (*([Path(project) / ".env"] if project else []), ledger):
        if _is_open(path):
            sentence = f"{path} can be read by others on this machine: run chmod 600 on it"
            yield Finding("", Level.WARNING, sentence)


def _is_open(path: Path) -> bool:
    if os.name == "nt":
        return False
    try:
        return bool(path.stat().st_mode & OTHERS)
    except OSError:  # it is not there
        return False
