"""Checking lookups with rows that are known: each must find exactly what it asks for.

Where an instance, or a server before it, finds nothing or everything, every row looks new. The rows
are looked up by their sys_ids as well, with another operator.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import replace
from itertools import islice

from target_servicenow.api.errors import Action
from target_servicenow.api.table import any_of_item, find_items, read_row
from target_servicenow.findings import Finding, Level
from target_servicenow.upsert.lookup import ignored
from target_servicenow.upsert.plan import carried_identifier

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from target_servicenow.api import batch
    from target_servicenow.api.table import StoredRow
    from target_servicenow.mapping.profile import Table

    KnownRows: t.TypeAlias = Callable[[str, int], Mapping[str, str]]
    """From a table, and how many at most, to identifiers of rows in it, with their sys_ids."""

KNOWN_ROWS = 3
"""Rows of a table that are looked up: one alone may have been deleted since."""

_SEARCHABLE = re.compile(r"[\w:.%~-]+")


def sample(table: Table, rows: Iterable[Mapping[str, t.Any]]) -> dict[str, str]:
    """Return identifiers of rows that ServiceNow shows, where the ledger knows none."""
    stored = (read_row(row) for row in rows)
    carried = ((carried_identifier(table, row) or "", row.sys_id) for row in stored)
    found = {name: sys_id for name, sys_id in carried if _SEARCHABLE.fullmatch(name)}
    return dict(islice(found.items(), KNOWN_ROWS))


def look_up(table: Table, known: Mapping[str, str]) -> Iterator[batch.Item]:
    """Yield requests for known rows, by their identifiers and by their sys_ids."""
    if known:
        column, what = table.source_column, f"looking up {table.name}"
        for item in find_items(table.name, column, known, (column,)):
            yield replace(item, id=_by_identifier(table), what=what)
        item = any_of_item(_by_sys_id(table), table.name, "sys_id", known.values(), (column,))
        yield replace(item, what=what)


def check(
    table: Table, known: Mapping[str, str], answers: Mapping[str, batch.ItemReply]
) -> Iterator[Finding]:
    """Yield what the answers to `look_up` say against lookups, or of the rows."""
    column = table.source_column
    found = _rows(answers.get(_by_identifier(table)))
    there = _rows(answers.get(_by_sys_id(table)))
    if found is None or there is None:
        return
    carried = [carried_identifier(table, row) for row in found]
    asked = {name.casefold() for name in known}
    if any(name is None or name.casefold() not in asked for name in carried):
        yield Finding(
            table.name, Level.ERROR, ignored(table.name, column, shown=None not in carried)
        )
        return
    if any(row.sys_id not in known.values() for row in there):
        yield Finding(table.name, Level.ERROR, ignored(table.name, "sys_id", shown=True))
        return
    identified = {carried_identifier(table, row): row.sys_id for row in there}
    for name in known:
        if name in identified and name not in carried:
            yield Finding(table.name, Level.ERROR, _not_found(table, name, identified[name]))
            return
    if not found and not there:
        rows = ", ".join(known.values())
        yield Finding(
            table.name,
            Level.WARNING,
            f"{table.name} does not show the rows that were seen last ({rows}): such rows are "
            "held, and never created again; let the integration user read them",
        )


def _not_found(table: Table, name: str, sys_id: str) -> str:
    return (
        f"ServiceNow does not find {table.name} rows by {table.source_column} (not {name}, which "
        f"the row {sys_id} carries), so rows could be made twice: let the integration user query "
        "the column with IN, and check that no rule or server in between changes its queries"
    )


def _rows(answer: batch.ItemReply | None) -> list[StoredRow] | None:
    """Return the rows of a whole answer, None if there is none."""
    if answer is None or answer.verdict.action is not Action.OK:
        return None
    return [read_row(row) for row in answer.result] if isinstance(answer.result, list) else None


def _by_identifier(table: Table) -> str:
    return f"{table.name} by {table.source_column}"


def _by_sys_id(table: Table) -> str:
    return f"{table.name} by sys_id"
