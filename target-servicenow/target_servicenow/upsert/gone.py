"""Rows whose record is no longer in Sage 300: an entry taken out of a batch, a deleted account.

They are never deleted, but set to the mapping's ``when_gone``.
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
