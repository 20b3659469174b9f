"""Rows typed in by hand before there was an integration, claimed by their natural key.

Which record a row belongs to can only be told when all records that may claim it have come, in
whatever batch, so it is decided at the end of the run. A row of another company, or one that the
ledger knows as another record's, is no candidate.
"""

from __future__ import annotations

import typing as t

from target_servicenow.outcomes import Cause, Outcome
from target_servicenow.upsert import lookup
from target_servicenow.upsert.plan import Decision, natural_key

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from collections.abc import Set as AbstractSet

    from target_servicenow.api.session import Session
    from target_servicenow.api.table import StoredRow
    from target_servicenow.mapping.profile import Table
    from target_servicenow.mapping.render import Row


class Claims:
    """The records of one table that have no row of their own, by their natural keys."""

    def __init__(self, table: Table) -> None:
        """Start with no record."""
        self._table = table
        self._rows: dict[str, set[tuple[str, str]]] = {}

    def add(self, rows: Iterable[Row]) -> None:
        """Add records that no row carries the identifier of; one may come again."""
        for row in rows:
            if row.creatable and (key := _key(self._table, row)):
                self._rows.setdefault(key, set()).add((_company(self._table, row), row.identifier))

    def count(self, row: Row, candidates: Sequence[StoredRow]) -> int:
        """Return how many records could claim one of the rows that `row` could claim."""
        found = self._rows.get(_key(self._table, row), ())
        return sum(
            any(_fits(self._table, candidate, company) for candidate in candidates)
            for company, _ in found
        )


def candidates(
    session: Session,
    table: Table,
    rows: Sequence[Row],
    *,
    owned: Callable[[Iterable[str]], AbstractSet[str]],
    claims: Claims | None,
) -> tuple[dict[str, list[StoredRow]], list[Decision]]:
    """Return the unclaimed rows that each row may adopt, by identifier, and the rows that wait.

    Several records may not claim the same row: a person has to say which of them it belongs to.

    Args:
        session: The session to look up with.
        table: The table of the rows.
        rows: Rows that have none in ServiceNow.
        owned: Returns which of some sys_ids the ledger knows as those of records.
        claims: All records that could claim a row, these included; None while more may come.
    """
    named = {row.identifier: key for row in rows if row.creatable and (key := _key(table, row))}
    if not named:
        return {}, []
    column = table.adopt_by or ""
    names = {row.values[column].strip() for row in rows if row.identifier in named}
    found = lookup.by_natural_key(session, table, sorted(names))
    taken = owned(stored.sys_id for same in found.values() for stored in same) if found else set()
    mine: dict[str, list[StoredRow]] = {}
    waiting: list[Decision] = []
    for row in rows:
        unclaimed = [
            stored
            for stored in found.get(named.get(row.identifier, ""), ())
            if stored.sys_id not in taken and _fits(table, stored, _company(table, row))
        ]
        if not unclaimed:
            continue
        if claims is None:
            waiting.append(_deferred(table, row, unclaimed[0]))
        elif (number := claims.count(row, unclaimed)) > 1:
            waiting.append(_contested(table, row, unclaimed[0], number))
        else:
            mine[row.identifier] = unclaimed
    return mine, waiting


def _deferred(table: Table, row: Row, candidate: StoredRow) -> Decision:
    reason = (
        f"the row {candidate.sys_id} of {table.name} could be its own, which is decided at the end "
        "of the run, when every record that may claim it has come"
    )
    return Decision(row, Outcome.HELD, cause=Cause.ADOPTION, reason=reason, deferred=True)


def _contested(table: Table, row: Row, candidate: StoredRow, number: int) -> Decision:
    reason = (
        f"{number} records have {table.adopt_by} {row.values[table.adopt_by or '']!r} and could "
        f"claim the row {candidate.sys_id} of {table.name}: set its {table.source_column} to "
        f"{row.identifier} if it belongs to this one"
    )
    return Decision(row, Outcome.HELD, cause=Cause.ADOPTION, reason=reason)


def _key(table: Table, row: Row) -> str:
    """Return the natural key of a row; "" where its table has none, or the row."""
    return natural_key(row.values.get(table.adopt_by, "")) if table.adopt_by else ""


def _company(table: Table, row: Row) -> str:
    return row.values.get(table.company_column, "") if table.company_column else ""


def _fits(table: Table, stored: StoredRow, company: str) -> bool:
    """Tell whether a row may be one of a company: it names that company, or none."""
    named = stored.values.get(table.company_column, "") if table.company_column else ""
    return natural_key(named) in {"", natural_key(company)}
