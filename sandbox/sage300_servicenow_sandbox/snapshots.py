"""Named copies of both sides' data, taken and put back while the servers run."""

from __future__ import annotations

import sqlite3
import typing as t
from contextlib import closing

if t.TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Snapshots:
    """Snapshots of some database files, kept in a folder; each is one file per side."""

    def __init__(self, folder: Path, databases: Mapping[str, Path]) -> None:
        """Keep snapshots of the databases, given by side, in a folder that need not exist."""
        self._folder = folder
        self._databases = databases

    def names(self) -> list[str]:
        """Return the names of the snapshots that are there."""
        found = (path.name.rpartition(".")[0] for path in self._folder.glob("*.*"))
        return sorted(set(found))

    def take(self, name: str) -> None:
        """Copy the data of every side; a snapshot of that name is replaced."""
        self._folder.mkdir(exist_ok=True)
        for side, database in self._databases.items():
            _copy(database, self._folder / f"{name}.{side}")

    def restore(self, name: str) -> None:
        """Put the data of every side back.

        Raises:
            KeyError: There is no such snapshot.
        """
        if name not in self.names():
            raise KeyError(name)
        for side, database in self._databases.items():
            _copy(self._folder / f"{name}.{side}", database)


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target)) as write:
        read.backup(write)
