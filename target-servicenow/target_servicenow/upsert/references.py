"""From the source identifier a reference names to the sys_id it has in ServiceNow."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from target_servicenow.api.table import StoredRow
from target_servicenow.upsert import lookup

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from target_servicenow.api.session import Session
    from target_servicenow.mapping.profile import Column, Profile, Table
    from target_servicenow.mapping.render import Row

CACHE_SIZE = 20_000
"""Identifiers kept in memory; beyond that the cache is emptied, so that memory stays bounded."""


@dataclass(frozen=True)
class Resolved:
    """Rows with their references looked up.

    Attributes:
        ready: Rows with the sys_ids of what they point at as values.
        unresolved: Why a row's reference has no value, by its identifier.
        waiting: The rows that must wait for it; the others go without.
    """

    ready: list[Row]
    unresolved: dict[str, str]
    waiting: list[Row]


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
        self,
        session: Session,
        table: Table,
        rows: Sequence[Row],
        *,
        blank: bool,
        known: Callable[[str, Iterable[str]], dict[str, str]],
    ) -> Resolved:
        """Look up what rows point at.

        A reference without exactly one row has no value, so that a row that exists keeps the one
        it has: what it points at may only be hidden.

        Args:
            session: The session to look up what is not in the cache.
            table: The table of the rows.
            rows: Any number of rows.
            blank: Let such rows go without that reference, instead of holding them.
            known: Returns the sys_ids of identifiers that have been in a table.
        """
        found = self._look_up(session, table, rows)
        resolved = Resolved([], {}, [])
        columns = {column.name: column for column in table.columns}
        for row in rows:
            values: dict[str, str] = {}
            reason = ""
            for name, target in row.references.items():
                column = columns[name]
                matches = found.get((column.reference or "", target), [])
                if len(matches) == 1:
                    values[name] = _value(column, matches[0])
                else:
                    reason = reason or self._reason(column, target, len(matches), known)
            # A row that is not to be created keeps its reference, if it exists.
            if reason and row.creatable:
                resolved.unresolved[row.identifier] = reason
                if not blank:
                    resolved.waiting.append(row)
                    continue
            resolved.ready.append(replace(row, values={**row.values, **values}) if values else row)
        return resolved

    def _reason(
        self,
        column: Column,
        target: str,
        matches: int,
        known: Callable[[str, Iterable[str]], dict[str, str]],
    ) -> str:
        """Return why a reference has no value; the cases need different help."""
        name = column.reference or ""
        points = f"{column.name} points at {target}, which"
        if matches:
            return f"{points} {matches} rows of {name} carry: delete or clear all but one"
        if sys_id := known(name, [target]).get(target):
            source = self._profile.table(name).source_column
            return (
                f"{points} ServiceNow does not show in {name} (its row was {sys_id}): let the "
                f"integration user read that row, and see that its {source} is {target}"
            )
        return f"{points} is not in {name}"

    def _look_up(
        self, session: Session, table: Table, rows: Sequence[Row]
    ) -> dict[tuple[str, str], list[StoredRow]]:
        targets = {column.name: column.reference or "" for column in table.columns}
        found: dict[tuple[str, str], list[StoredRow]] = {}
        wanted: dict[str, set[str]] = {}
        for row in rows:
            for name, target in row.references.items():
                key = (targets[name], target)
                if known := self._known.get(key) or self._planned.get(key):
                    found[key] = [known]
                else:
                    wanted.setdefault(key[0], set()).add(target)
        for name, identifiers in wanted.items():
            matches = lookup.by_identifier(session, self._profile.table(name), sorted(identifiers))
            for identifier, stored in matches.items():
                found[name, identifier] = stored
                if len(stored) == 1:
                    self.remember(name, identifier, stored[0])
        return found


def _value(column: Column, target: StoredRow) -> str:
    return target.values.get(column.take, "") if column.take else target.sys_id
