"""From the source identifier a reference names to the sys_id it has in ServiceNow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from target_servicenow.upsert import lookup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_servicenow.api.session import Session
    from target_servicenow.mapping.profile import Profile, Table
    from target_servicenow.mapping.render import Row

CACHE_SIZE = 50_000
"""Identifiers kept in memory; past it the cache starts anew, so memory stays bounded."""


@dataclass(frozen=True)
class Unresolved:
    """A row one of whose references has no row in ServiceNow yet."""

    row: Row
    reason: str


class References:
    """Resolves references in bulk and remembers what it has seen."""

    def __init__(self, profile: Profile) -> None:
        """Start with an empty cache."""
        self._profile = profile
        self._sys_ids: dict[tuple[str, str], str] = {}

    def remember(self, table: str, identifier: str, sys_id: str) -> None:
        """Keep a row's sys_id for those that will point at it."""
        if len(self._sys_ids) >= CACHE_SIZE:
            self._sys_ids.clear()
        self._sys_ids[table, identifier] = sys_id

    def resolve(
        self, session: Session, table: Table, rows: Sequence[Row], *, blank: bool
    ) -> tuple[list[Row], list[Unresolved]]:
        """The rows with their references' sys_ids among their values, and those that must wait.

        Args:
            session: to look up what is not in the cache.
            table: the rows' table.
            rows: any number.
            blank: leave a reference empty where there is no row, instead of keeping the row back.
        """
        known = self._look_up(session, table, rows)
        ready: list[Row] = []
        waiting: list[Unresolved] = []
        for row in rows:
            found = {
                name: known.get((self._target(table, name), target), "")
                for name, target in row.references.items()
            }
            missing = [name for name, sys_id in found.items() if not sys_id]
            if missing and not blank:
                name = missing[0]
                waiting.append(
                    Unresolved(
                        row,
                        f"{name} points at {row.references[name]}, which "
                        f"{self._target(table, name)} does not hold",
                    )
                )
            else:
                ready.append(replace(row, values={**row.values, **found}) if found else row)
        return ready, waiting

    def _look_up(
        self, session: Session, table: Table, rows: Sequence[Row]
    ) -> dict[tuple[str, str], str]:
        known: dict[tuple[str, str], str] = {}
        wanted: dict[str, set[str]] = {}
        for row in rows:
            for name, target in row.references.items():
                key = (self._target(table, name), target)
                if key in self._sys_ids:
                    known[key] = self._sys_ids[key]
                else:
                    wanted.setdefault(key[0], set()).add(target)
        for name, targets in wanted.items():
            matches = lookup.by_identifier(session, self._profile.table(name), sorted(targets))
            for target, rows_found in matches.items():
                if len(rows_found) == 1:
                    known[name, target] = rows_found[0].sys_id
                    self.remember(name, target, rows_found[0].sys_id)
        return known

    @staticmethod
    def _target(table: Table, column: str) -> str:
        return next(c.reference or "" for c in table.columns if c.name == column)
