"""``--test``: the mapped tables compared with what ServiceNow says of them.

Each table has a line for each right. What cannot be seen, such as what the account may write, or a
dictionary that is closed to it, is said to be untested.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from target_servicenow import column_checks, query_rights, write_rights
from target_servicenow.api import batch, dictionary, reading
from target_servicenow.api.errors import Action
from target_servicenow.api.table import read_row
from target_servicenow.findings import Finding, Level
from target_servicenow.known_rows import KNOWN_ROWS, check, look_up, sample
from target_servicenow.mapping.profile import MODIFICATIONS
from target_servicenow.upsert.plan import carried_identifier

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from target_servicenow.api.dictionary import ColumnDefinition, Definitions
    from target_servicenow.api.session import Session
    from target_servicenow.known_rows import KnownRows
    from target_servicenow.mapping.profile import Table


@dataclass(frozen=True)
class Report:
    """What was found of some tables.

    Attributes:
        rows: The sys_id of a row of each table that shows one.
    """

    findings: list[Finding]
    definitions: Definitions
    rows: dict[str, str]

    def errors(self) -> list[Finding]:
        """Return what cannot be written as mapped."""
        return [finding for finding in self.findings if finding.level is Level.ERROR]


PROBED_ROWS = 100
"""Rows requested: ServiceNow hides rows after the limit, so a single one could be hidden."""


def inspect(session: Session, tables: Sequence[Table], known: KnownRows) -> Report:
    """Compare the mapped tables with the instance.

    Args:
        session: The session to query with.
        tables: The tables.
        known: Returns rows of a table that were seen before.

    Raises:
        StopRunError: The instance cannot be reached, or does not accept the credentials.
    """
    seen = {table.name: known(table.name, KNOWN_ROWS) for table in tables}
    first = _first_rows(session, tables, seen)
    unusable = {
        table.name: error for table in tables if (error := _error(table, first.get(table.name)))
    }
    usable = [table for table in tables if table.name not in unusable]
    others = [table for table in usable if not seen[table.name]]
    seen |= {table.name: sample(table, first[table.name].result) for table in others}
    if items := [item for table in others for item in look_up(table, seen[table.name])]:
        first |= reading.read(session, items, what="looking rows up")
    definitions = dictionary.read(session, [table.name for table in usable])
    findings = []
    for table in tables:
        if table.name in unusable:
            findings.append(unusable[table.name])
            continue
        columns = definitions.get(table.name)
        found = [
            *_dictionary(table, definitions),
            *_hidden(table, first[table.name].result, columns),
            *_hidden_rows(table, first[table.name]),
            *check(table, seen[table.name], first),
            *query_rights.check(table, first),
        ]
        if not any(finding.level is Level.ERROR for finding in found):
            findings.append(_readable(table, first[table.name]))
        findings += [*found, *write_rights.unseen(table)]
    rows = {table.name: _one_row(table, first[table.name].result) for table in usable}
    return Report(findings, definitions, {name: row for name, row in rows.items() if row})


def _readable(table: Table, answer: batch.ItemReply) -> Finding:
    """Return what the first rows say of the right to read."""
    if not answer.result:
        return Finding(
            table.name,
            Level.UNTESTED,
            f"{table.name} has no rows yet: what the integration user can read of them shows with "
            "the first",
        )
    return Finding(
        table.name,
        Level.OK,
        f"{table.name} can be read, with its source column {table.source_column}",
    )


def _one_row(table: Table, rows: Sequence[Mapping[str, t.Any]]) -> str:
    """Return the sys_id of a row, if there is any: of one with an identifier where one has."""
    stored = [read_row(row) for row in rows]
    carrying = (row for row in stored if carried_identifier(table, row))
    return next((row.sys_id for row in (*carrying, *stored)), "")


def _first_rows(
    session: Session, tables: Sequence[Table], seen: Mapping[str, Mapping[str, str]]
) -> dict[str, batch.ItemReply]:
    """Query the mapped columns of some rows, by table, known rows, and what finding rows takes."""
    items = []
    for table in tables:
        parameters = urlencode(
            {
                "sysparm_limit": PROBED_ROWS,
                "sysparm_fields": ",".join(("sys_id", *table.fields)),
                "sysparm_exclude_reference_link": "true",
            },
            quote_via=quote,
        )
        address = f"/api/now/table/{quote(table.name, safe='')}?{parameters}"
        what = f"reading {table.name}"
        items.append(batch.Item(table.name, "GET", address, counted=True, what=what))
        items += look_up(table, seen[table.name])
        items += query_rights.try_out(table)
    if not items:
        return {}
    return reading.read(session, items, what="reading the mapped tables")


def _error(table: Table, answer: batch.ItemReply | None) -> Finding | None:
    """Return why a table cannot be used at all, None when it can."""
    if answer is None or answer.verdict.action is not Action.OK:
        sentence = answer.verdict.sentence if answer else ""
        return Finding(
            table.name,
            Level.ERROR,
            sentence or f"ServiceNow did not answer while reading {table.name}: run again",
        )
    if not answer.result and answer.total:
        # The count includes what access rules hide; without rows all would look new.
        return Finding(
            table.name,
            Level.ERROR,
            f"The integration user cannot read {table.name} (visible rows: 0 of {answer.total}): "
            "give it a role that can read the table",
        )
    if answer.result and table.source_column not in answer.result[0]:
        return Finding(table.name, Level.ERROR, _no_source_column(table))
    return None


def _hidden(
    table: Table,
    rows: Sequence[Mapping[str, t.Any]],
    columns: Mapping[str, ColumnDefinition] | None,
) -> Iterator[Finding]:
    """Yield a warning for columns that no row shows: a change there could never be seen."""
    hidden = set(table.fields).difference(*rows, {MODIFICATIONS}) if rows else set()
    if columns is not None:
        hidden &= columns.keys()  # the others are reported as missing
    if hidden:
        yield _warning(
            table,
            f"does not show {', '.join(sorted(hidden))}: changes there alone are not sent; give "
            "the integration user a role that can read the columns, or remove them with "
            "mapping_overrides",
        )


def _hidden_rows(table: Table, answer: batch.ItemReply) -> Iterator[Finding]:
    """Yield a warning for rows that are counted and not shown."""
    shown, counted = len(answer.result), min(answer.total or 0, PROBED_ROWS)
    if 0 < shown < counted:
        yield _warning(
            table,
            f"shows the integration user {shown} of its first {counted} rows: what it cannot read "
            "is neither found nor updated, and typed in rows among it are created again; give it a "
            "role that can read every row",
        )


def _dictionary(table: Table, definitions: Definitions) -> Iterator[Finding]:
    columns = definitions.get(table.name)
    if columns is None:
        yield Finding(
            table.name,
            Level.WARNING,
            f"The integration user cannot read ServiceNow's dictionary of {table.name}, so "
            "columns, lengths and types cannot be checked before the first write",
        )
        return
    yield Finding(
        table.name,
        Level.OK,
        f"{table.name} is described in ServiceNow's dictionary: its mapped columns were compared",
    )
    source = columns.get(table.source_column)
    if source is None:
        yield Finding(table.name, Level.ERROR, _no_source_column(table))
    elif source.read_only or 0 < source.max_length < table.source_length:
        yield Finding(
            table.name,
            Level.ERROR,
            f"{table.name}.{table.source_column} holds the source identifiers, so it must be "
            f"writable and hold {table.source_length} characters (it holds {source.max_length}): "
            "change the column, or source_length in mapping_overrides",
        )
    absent = sorted(set(table.fields) - columns.keys() - {table.source_column, MODIFICATIONS})
    if absent:
        yield _warning(
            table,
            f"has no column {', '.join(absent)}: the mapped values will not be stored; add the "
            "columns, or remove them with mapping_overrides",
        )
    yield from column_checks.check(table, definitions)


def _no_source_column(table: Table) -> str:
    return (
        f"{table.name} has no column {table.source_column} for the source identifier, or hides it: "
        f"add it there (text, {table.source_length} characters), or name another one as "
        "source_column in mapping_overrides"
    )


def _warning(table: Table, clause: str) -> Finding:
    return Finding(table.name, Level.WARNING, f"{table.name} {clause}")
