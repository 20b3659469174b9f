"""Rows typed in by hand before there was an integration, claimed by their natural key."""

from __future__ import annotations

import typing as t
from collections import Counter

from target_servicenow.upsert import lookup
from target_servicenow.upsert.plan import Decision, Outcome, natural_key

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from target_servicenow.api.session import Session
    from target_servicenow.api.table import StoredRow
    from target_servicenow.mapping.profile import Table
    from target_servicenow.mapping.render import Row


def candidates(
    session: Session, table: Table, rows: Sequence[Row]
) -> tuple[dict[str, list[StoredRow]], list[Decision]]:
    """The unclaimed rows that each row may adopt, by identifier, and the rows that must wait.

    Several records with one natural key may not claim the same row: which of them it belongs to
    is for a person to say.

    Args:
        session: to look up with.
        table: the rows' table.
        rows: those that no row carries the identifier of.
    """
    if table.adopt_by is None:
        return {}, []
    column = table.adopt_by
    claims = Counter(natural_key(row.values.get(column, "")) for row in rows if row.creatable)
    del claims[""]
    names = {row.values.get(column, "").strip() for row in rows}
    wanted = sorted(name for name in names if natural_key(name) in claims)
    found = lookup.by_natural_key(session, table, wanted) if wanted else {}
    mine: dict[str, list[StoredRow]] = {}
    contested: list[Decision] = []
    for row in rows:
        key = natural_key(row.values.get(column, ""))
        unclaimed = found.get(key, []) if key in claims else []
        if unclaimed and claims[key] > 1:
            reason = (
                f"{claims[key]} records have {column} {row.values[column]!r} and could claim the "
                f"row {unclaimed[0].sys_id} of {table.name}: set its {table.source_column} to "
                f"{row.identifier} if it is this one's"
            )
            contested.append(Decision(row, Outcome.HELD, reason=reason))
        else:
            mine[row.identifier] = unclaimed
    return mine, contested
