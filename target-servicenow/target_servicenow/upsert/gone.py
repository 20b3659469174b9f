"""Rows whose record is no longer in Sage 300: an entry taken out of a batch, an account deleted.

They are never deleted here, but set to what the mapping's ``when_gone`` says.
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
    """The rows of records that were read whole, of entries those records no longer hold.

    Args:
        session: to look up with; the rest of the table is not read.
        table: the rows' table.
        kept: for what the identifiers of a record's entries begin with, the entries it holds.
    """
    names = {
        identifier
        for identifier, _ in lookup.by_prefix(session, table, list(kept), list(table.when_gone))
    }
    every = set().union(*kept.values())
    return gone(table, sorted(names - every))


def gone(table: Table, identifiers: Iterable[str]) -> list[Row]:
    """Rows as they should stand once their record is gone; one that is not there is not made."""
    return [
        Row(table.name, identifier, dict(table.when_gone), creatable=False)
        for identifier in identifiers
    ]
