"""Finding rows in ServiceNow by a column without trusting the answer.

A query on a column that does not exist, or that the account may not read, returns the whole table
or nothing, with status 200. So the column is requested too and compared here.
"""

from __future__ import annotations

import typing as t
from collections import deque
from dataclasses import dataclass

from target_servicenow.api import batch, reading
from target_servicenow.api.errors import Action, StopRunError
from target_servicenow.api.table import (
    StoredRow,
    any_of_item,
    find_items,
    find_prefixed_items,
    halves,
    next_page,
    read_row,
)
from target_servicenow.upsert.plan import Recorded, carried_identifier, natural_key

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from target_servicenow.api.errors import Verdict
    from target_servicenow.api.session import Session
    from target_servicenow.api.table import Find
    from target_servicenow.mapping.profile import Table

ITEMS_PER_CALL = 5
"""Lookups in one Batch call: up to 2,500 keys, and answers of 50 MB at most."""


@dataclass(frozen=True)
class Found:
    """The rows that carry some identifiers.

    Attributes:
        rows: Those that ServiceNow shows, by identifier.
        unshown: How many more it counts.
    """

    rows: dict[str, list[StoredRow]]
    unshown: int


def by_identifier(
    session: Session, table: Table, identifiers: Iterable[str]
) -> dict[str, list[StoredRow]]:
    """Return the rows that carry each identifier, as `find` does."""
    return find(session, table, identifiers).rows


def find(session: Session, table: Table, identifiers: Iterable[str]) -> Found:
    """Return the rows that carry each identifier.

    One with blanks at its end counts, as a server that pads its columns shows it, unless another
    row carries it exactly.

    Raises:
        StopRunError: ServiceNow ignored the query: the source column is misnamed or hidden.
    """
    matches: dict[str, list[StoredRow]] = {name: [] for name in identifiers}
    items = find_items(table.name, table.source_column, matches, table.fields, counted=True)
    unshown = 0
    for rows, total in _pages(session, table, items):
        unshown += max(0, (total or 0) - len(rows))
        for row in map(read_row, rows):
            carried = carried_identifier(table, row)
            if carried in matches:
                matches[carried].append(row)
            elif carried is None or not _differs_in_case(carried, matches):
                shown = carried is not None
                raise StopRunError(ignored(table.name, table.source_column, shown=shown))
    for name, rows in matches.items():
        if len(rows) > 1:
            exact = [row for row in rows if row.values[table.source_column] == name]
            matches[name] = exact or rows
    return Found(matches, unshown)


def counted(session: Session, table: Table, identifiers: Sequence[str]) -> set[str]:
    """Return the identifiers that ServiceNow counts rows of without showing them.

    One that nothing carries is counted with them: a count that does not depend on the query says
    nothing.
    """
    if not identifiers:
        return set()
    names = [*identifiers, f"{identifiers[0]}:~"]
    column = table.source_column
    items = [
        any_of_item(f"count-{number}", table.name, column, [name], (column,), counted=True)
        for number, name in enumerate(names)
    ]
    answers = zip(names, _pages(session, table, items), strict=True)
    found = {name for name, (rows, total) in answers if (total or 0) > len(rows)}
    return found if names[-1] not in found else set()


def recorded(session: Session, table: Table, sys_ids: Mapping[str, str]) -> dict[str, Recorded]:
    """Return what ServiceNow says of the rows that identifiers had when they were last seen.

    Args:
        session: The session to look up with.
        table: The table of the rows.
        sys_ids: Where they were, by identifier; "" for a row that was never shown.

    Raises:
        StopRunError: ServiceNow ignored the query.
    """
    wanted = {sys_id for sys_id in sys_ids.values() if sys_id}
    items = find_items(table.name, "sys_id", sorted(wanted), table.fields, counted=True)
    found: dict[str, StoredRow] = {}
    totals: list[int | None] = []
    for rows, total in _pages(session, table, items):
        found |= {row.sys_id: row for row in map(read_row, rows)}
        totals.append(total)
    if not found.keys() <= wanted:
        raise StopRunError(ignored(table.name, "sys_id", shown=True))
    exist = sum(total for total in totals if total is not None)
    # With some counted and others not, it does not say which.
    counted = {len(found): False, len(wanted): True}.get(exist) if None not in totals else None
    return {
        name: Recorded(sys_id, found.get(sys_id), counted if sys_id else None)
        for name, sys_id in sys_ids.items()
    }


def _differs_in_case(text: str, others: Iterable[str]) -> bool:
    """Tell whether a text is one of the others but for its case, which ServiceNow ignores."""
    folded = text.casefold()
    return any(folded == other.casefold() for other in others)


def by_natural_key(
    session: Session, table: Table, keys: Iterable[str]
) -> dict[str, list[StoredRow]]:
    """Return the rows of each natural key, folded by `natural_key`, that carry no identifier."""
    candidates: dict[str, list[StoredRow]] = {}
    items = find_items(table.name, table.adopt_by or "", keys, table.fields)
    for row in _rows(session, table, items):
        if carried_identifier(table, row) == "":
            key = natural_key(row.values.get(table.adopt_by or "", ""))
            known = candidates.setdefault(key, [])
            if all(row.sys_id != other.sys_id for other in known):
                known.append(row)
    return candidates


def by_prefix(session: Session, table: Table, prefixes: Sequence[str]) -> Iterator[str]:
    """Yield the identifiers that begin with one of `prefixes`.

    Raises:
        StopRunError: ServiceNow ignored the query: the source column is misnamed or hidden.
    """
    column = table.source_column
    items = find_prefixed_items(table.name, column, prefixes, (column,))
    for row in _rows(session, table, items):
        carried = carried_identifier(table, row)
        if carried is None:
            raise StopRunError(ignored(table.name, column, shown=False))
        if carried.startswith(tuple(prefixes)):  # ServiceNow compares without regard to case
            yield carried


def ignored(table: str, column: str, *, shown: bool) -> str:
    """Return a sentence about a lookup whose answer is not about the rows it asked for.

    Args:
        table: The table.
        column: The column that the lookup was by.
        shown: Whether the answer shows that column.
    """
    ignores = f"ServiceNow ignores the column {column} of {table}"
    if shown:
        return (
            f"{ignores} in queries (it sent rows that were not asked for), so rows could be made "
            "twice: let the integration user query the column, and check that no rule or server in "
            "between changes its queries"
        )
    return (
        f"{ignores}: it does not exist there, or the integration user may not read it; add the "
        "column, or name another one as source_column in mapping_overrides"
    )


def _rows(session: Session, table: Table, items: Iterable[Find]) -> Iterator[StoredRow]:
    for rows, _ in _pages(session, table, items):
        yield from map(read_row, rows)


def _pages(
    session: Session, table: Table, items: Iterable[Find]
) -> Iterator[tuple[list[t.Any], int | None]]:
    """Yield the rows of each answer, and how many there are where that was asked."""
    pending = deque(items)
    what = f"looking up {table.name}"
    while pending:
        group = [pending.popleft() for _ in range(min(ITEMS_PER_CALL, len(pending)))]
        answers = reading.read(session, group, what=what)
        for item in group:
            answer = answers.get(item.id)
            if _is_too_large(item, answer):
                pending.extend(halves(item))
                continue
            rows = _rows_of(answer, what)
            more = next_page(item, len(rows))
            if more is None or item.query.ordered:
                yield rows, answer.total if answer else None
            if more:
                pending.append(more)


def _is_too_large(item: Find, answer: batch.ItemReply | None) -> bool:
    """Tell whether a lookup may pass with fewer keys.

    How an instance refuses an address that is too long for it is not published.
    """
    if answer is None or len(item.query.keys) == 1:
        return False
    action = answer.verdict.action
    return action is Action.SPLIT or (action is Action.ROW and len(item.url) > batch.MAX_URL_BYTES)


def _rows_of(answer: batch.ItemReply | None, what: str) -> list[t.Any]:
    """Return the rows of a whole answer.

    Raises:
        StopRunError: There is none, or ServiceNow refuses the lookup.
    """
    if answer is not None and isinstance(answer.result, list):
        return answer.result
    if answer is not None and answer.verdict.action not in {Action.OK, Action.UNKNOWN, Action.WAIT}:
        raise StopRunError(_refusal(answer.verdict, what))
    sentence = answer.verdict.sentence if answer else ""
    raise StopRunError(
        f"{sentence or f'ServiceNow did not answer while {what}'}: check the instance and run again"
    )


def _refusal(verdict: Verdict, what: str) -> str:
    """Return a sentence about a refused lookup."""
    if verdict.action is Action.ROW:
        return f"ServiceNow refused a request while {what} ({verdict.text}): check the instance"
    return verdict.sentence
