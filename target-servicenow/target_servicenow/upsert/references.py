"""From the source identifier a reference names to the sys_id it has in ServiceNow."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from target_servicenow.api.table import StoredRow
from target_servicenow.upsert import lookup

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from target_servicenow.api.session import Session
    from target_servicenow.mapping.profile import Column, Profile, Table
    from target_servicenow.mapping.render import Row

CACHE_SIZE = 20_000
"""Identifiers kept in memory; beyond that the cache is emptied, so that memory stays bounded."""


@dataclass(frozen=True)
class Unresolved:
    """A row one of whose references has no row in ServiceNow yet."""

    row: Row
    reason: str


class References:
    """Resolves references in bulk and caches what it has seen."""

    def __init__(self, profile: Profile) -> None:
        """Start with an empty cache."""
        self._profile = profile
        self._taken = {
            name: profile.taken(name) for table in profile.tables for name in table.references()
        }
        self._known: dict[tuple[str, str], StoredRow] = {}
        self._planned: dict[tuple[str, str], StoredRow] = {}

    def remember(
        self, table: str, identifier: str, row: StoredRow, *, planned: bool = False
    ) -> None:
        """Keep a row's sys_id, and the columns others copy, for the rows that will point at it.

        Args:
            table: Its table.
            identifier: Its source identifier.
            row: The row as it stands.
            planned: A run that writes would create it; since it cannot be looked up, it stays.
        """
        if table not in self._taken:
            return
        taken = {name: row.values.get(name, "") for name in self._taken[table]}
        if not planned and len(self._known) >= CACHE_SIZE:
            self._known.clear()
        (self._planned if planned else self._known)[table, identifier] = StoredRow(
            row.sys_id, taken
        )

    def resolve(
        self, session: Session, table: Table, rows: Sequence[Row], *, blank: bool
    ) -> tuple[list[Row], list[Unresolved]]:
        """Return the rows with their references' sys_ids as values, and those that must wait.

        Args:
            session: The session to look up what is not in the cache.
            table: The table of the rows.
            rows: Any number of rows.
            blank: Leave a reference empty where there is no row, instead of holding the row.
        """
        known = self._look_up(session, table, rows)
        ready: list[Row] = []
        waiting: list[Unresolved] = []
        columns = {column.name: column for column in table.columns}
        for row in rows:
            found = {
                name: known.get((columns[name].reference or "", target))
                for name, target in row.references.items()
            }
            missing = [name for name, target in found.items() if target is None]
            if missing and not row.creatable:
                # It is not to be created; if it exists, its reference stays as it is.
                found = {name: target for name, target in found.items() if target is not None}
            elif missing and not blank:
                name = missing[0]
                waiting.append(
                    Unresolved(
                        row,
                        f"{name} points at {row.references[name]}, which is not in "
                        f"{columns[name].reference}",
                    )
                )
                continue
            values = {name: _value(columns[name], target) for name, target in found.items()}
            ready.append(replace(row, values={**row.values, **values}) if values else row)
        return ready, waiting

    def _look_up(
        self, session: Session, table: Table, rows: Sequence[Row]
    ) -> dict[tuple[str, str], StoredRow]:
        targets = {column.name: column.reference or "" for column in table.columns}
        known: dict[tuple[str, str], StoredRow] = {}
        wanted: dict[str, set[str]] = {}
        for row in rows:
            for name, target in row.references.items():
                key = (targets[name], target)
                if found := self._known.get(key) or self._planned.get(key):
                    known[key] = found
                else:
                    wanted.setdefault(key[0], set()).add(target)
        for name, identifiers in wanted.items():
            matches = lookup.by_identifier(session, self._profile.table(name), sorted(identifiers))
            for identifier, rows_found in matches.items():
                if len(rows_found) == 1:
                    known[name, identifier] = rows_found[0]
                    self.remember(name, identifier, rows_found[0])
        return known


def _value(column: Column, target: StoredRow | None) -> str:
    if target is None:
        return ""
    return target.values.get(column.take, "") if column.take else target.sys_id
