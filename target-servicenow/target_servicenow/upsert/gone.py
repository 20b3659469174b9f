"""Rows whose record is no longer in Sage 300: an entry taken out of a batch, a deleted account.

They are never deleted, but set to the mapping's ``when_gone``. Many at once look like a read that
was cut short, so a guard holds them back until a person confirms them.
"""

from __future__ import annotations

import typing as t

from target_servicenow.mapping.render import Row
from target_servicenow.upsert import lookup

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet

    from target_servicenow.api.session import Session
    from target_servicenow.mapping.profile import Table


FLOOR = 5
"""So many rows may always go at once."""


def objection(leaving: int, total: int, where: str, *, max_percent: int) -> str:
    """Return why so many rows may not go at once, "" when they may.

    Args:
        leaving: Rows to go, all of one company in a table or of one record.
        total: The rows that it has, these included.
        where: Where they were expected, such as ``were not in the complete read``.
        max_percent: The setting max_inactive_percent.
    """
    if leaving <= FLOOR or 100 * leaving <= max_percent * total:
        return ""
    return (
        f"{leaving} of {total} rows ({100 * leaving / total:.0f}%) {where}, more than "
        f"max_inactive_percent ({max_percent}) allows, so none of them was changed: if they are "
        "really gone, raise the setting and run again"
    )


def leftovers(session: Session, table: Table, kept: Mapping[str, AbstractSet[str]]) -> list[Row]:
    """Return the rows of entries that their records, read whole, no longer hold.

    Args:
        session: The session to look up with; the rest of the table is not read.
        table: The table of the rows.
        kept: The entries a record holds, by the prefix of their identifiers.
    """
    names = set(lookup.by_prefix(session, table, list(kept)))
    return gone(table, sorted(names.difference(*kept.values())))


def gone(table: Table, identifiers: Iterable[str]) -> list[Row]:
    """Return rows as they should stand once their record is gone; none of them is created."""
    return [
        Row(table.name, identifier, dict(table.when_gone), creatable=False)
        for identifier in identifiers
    ]
