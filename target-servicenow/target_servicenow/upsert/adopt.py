"""Rows typed in by hand before there was an integration, claimed by their natural key."""

from __future__ import annotations

import typing as t
from collections import Counter

from target_servicenow.outcomes import Cause, Outcome
from target_servicenow.upsert import lookup
from target_servicenow.upsert.plan import Decision, natural_key

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from target_servicenow.api.session import Session
    from target_servicenow.api.table import StoredRow
    from target_servicenow.mapping.profile import Table
    from target_servicenow.mapping.render import Row


def candidates(
    session: Session, table: Table, rows: Sequence[Row]
) -> tuple[dict[str, list[StoredRow]], list[Decision]]:
    """Return the unclaimed rows that each row may adopt, by identifier, and the rows that wait.

    Several records with one natural key may not claim the same row: a person has to say which of
    them it belongs to.

    Args:
        session: The session to look up with.
        table: The table of the rows.
        rows: Rows whose identifier no row in ServiceNow carries.
    """
    if table.adopt_by is None:
        return {}, []
    column = table.adopt_by
    keys = [natural_key(row.values.get(column, "")) for row in rows]
    claims = Counter(key for key, row in zip(keys, rows, strict=True) if row.creatable)
    del claims[""]
    names = {
        row.values[column].strip() for key, row in zip(keys, rows, strict=True) if key in claims
    }
    found = lookup.by_natural_key(session, table, sorted(names)) if names else {}
    mine: dict[str, list[StoredRow]] = {}
    contested: list[Decision] = []
    for key, row in zip(keys, rows, strict=True):
        unclaimed = found.get(key, []) if key in claims else []
        if unclaimed and claims[key] > 1:
            reason = (
                f"{claims[key]} records have {column} {row.values[column]!r} and could claim the "
                f"row {unclaimed[0].sys_id} of {table.name}: set its {table.source_column} to "
                f"{row.identifier} if it belongs to this one"
            )
            contested.append(Decision(row, Outcome.HELD, cause=Cause.ADOPTION, reason=reason))
        else:
            mine[row.identifier] = unclaimed
    return mine, contested
