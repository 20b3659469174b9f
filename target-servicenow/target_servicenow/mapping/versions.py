"""Records as they were just read, each with its rows in one table. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from target_servicenow.mapping.expression import parent_name
from target_servicenow.mapping.identifiers import parent_prefix
from target_servicenow.mapping.render import Row, Unrendered, holds_entries, render_record

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from target_servicenow.mapping.profile import Profile, Table

Record: t.TypeAlias = "Mapping[str, t.Any]"


@dataclass(frozen=True)
class Version:
    """A record, read whole.

    Attributes:
        prefix: The beginning that the identifiers of its rows share; "" where they share none.
        rows: Its rows in the table.
    """

    record: Record
    prefix: str
    rows: Sequence[Row | Unrendered]

    @property
    def identifiers(self) -> set[str]:
        """The identifiers of its rows."""
        return {row.identifier for row in self.rows}

    def is_unread(self, table: Table) -> bool:
        """Tell whether its entries cannot be read, so that it waits as a whole."""
        return bool(table.each and self.rows) and self.rows[0].payload is self.record

    def is_complete(self, table: Table) -> bool:
        """Tell whether it shows all its entries, or none that can be read."""
        return self.is_unread(table) or holds_entries(self.record, table.each)

    def is_whole(self, table: Table) -> bool:
        """Tell whether it says of every row below its prefix whether it is there."""
        return (
            self.prefix != ""
            and holds_entries(self.record, table.each)
            and all(row.identifier.startswith(self.prefix) for row in self.rows)
        )

    def is_deleted(self, table: Table) -> bool:
        """Tell whether it says itself, by ``create_when``, that it has no rows any more."""
        if table.create_when is None:
            return False
        scope = {**self.record, **{parent_name(name): v for name, v in self.record.items()}}
        return scope.keys() >= {*table.create_when.names} and not table.create_when(scope)


def latest(profile: Profile, table: Table, records: Iterable[Record]) -> list[Version]:
    """Return records with their rows in a table; of those that hold several, the last version."""
    found: dict[str, tuple[str, Record]] = {}
    for number, record in enumerate(records):
        prefix = parent_prefix(profile, table, record) if table.each or table.where else ""
        name = prefix if table.each and prefix else f"({number})"
        found.pop(name, None)  # the last version comes last
        found[name] = (prefix, record)
    return [
        Version(record, prefix, list(render_record(profile, table, record)))
        for prefix, record in found.values()
    ]
