"""``--test``: the mapped tables compared with what ServiceNow says of them.

What an account may write cannot be seen without writing, and the dictionary may be closed to it;
such things show when the first rows come back.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from target_servicenow import query_rights
from target_servicenow.api import batch, dictionary, reading
from target_servicenow.api.errors import Action
from target_servicenow.findings import Finding, Level
from target_servicenow.known_rows import KNOWN_ROWS, check, look_up, sample
from target_servicenow.mapping.profile import MODIFICATIONS
from target_servicenow.mapping.types import ColumnType

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from target_servicenow.api.dictionary import ColumnDefinition, Definitions
    from target_servicenow.api.session import Session
    from target_servicenow.known_rows import KnownRows
    from target_servicenow.mapping.profile import Column, Table


@dataclass(frozen=True)
class Report:
    """What was found of some tables."""

    findings: list[Finding]
    definitions: Definitions

    def errors(self) -> list[Finding]:
        """Return what cannot be written as mapped."""
        return [finding for finding in self.findings if finding.level is Level.ERROR]


_TEXT = {"string", "translated_text", "email", "url", "phone_number_e164", "choice", "html"}
_MONEY = {"currency", "currency2", "price"}
_FITTING = {
    ColumnType.INTEGER: {"integer", "longint", "decimal", "float", "count", *_TEXT},
    ColumnType.DECIMAL: {"decimal", "float", *_TEXT},
    ColumnType.BOOLEAN: {"boolean", *_TEXT},
    ColumnType.DATE: {"glide_date", "glide_date_time", *_TEXT},
    ColumnType.DATETIME: {"glide_date_time", "glide_date", *_TEXT},
    ColumnType.CURRENCY: {*_MONEY, *_TEXT},
}
"""Column types, by the dictionary's names, that accept a mapped type."""

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
            *_dictionary(table, columns),
            *_hidden(table, first[table.name].result, columns),
            *_hidden_rows(table, first[table.name]),
            *check(table, seen[table.name], first),
            *query_rights.check(table, first),
        ]
        if not any(finding.level is Level.ERROR for finding in found):
            findings.append(
                Finding(
                    table.name,
                    Level.OK,
                    f"{table.name} can be read, with its source column {table.source_column}",
                )
            )
        findings += found
    return Report(findings, definitions)


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


def _dictionary(table: Table, columns: Mapping[str, ColumnDefinition] | None) -> Iterator[Finding]:
    if columns is None:
        yield Finding(
            table.name,
            Level.WARNING,
            f"The integration user cannot read ServiceNow's dictionary of {table.name}, so "
            "columns, lengths and types cannot be checked before the first write",
        )
        return
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
    mapped = {column.name for column in table.columns}
    for name, definition in sorted(columns.items()):
        if definition.mandatory and name not in mapped | {table.source_column}:
            yield _warning(
                table, f"requires a value in {name}, which is not mapped: new rows may be refused"
            )
    for column in table.columns:
        if column.name in columns:
            yield from _of_column(table, column, columns[column.name])


def _of_column(table: Table, column: Column, definition: ColumnDefinition) -> Iterator[Finding]:
    if definition.read_only:
        yield _warning(table, f"has {column.name} read-only: the mapped value will not be stored")
    if column.reference and not column.take:
        if definition.reference != column.reference:
            yield _warning(
                table,
                f"has {column.name} as a reference to {definition.reference or 'nothing'}, but the "
                f"mapping points at {column.reference}: such values are dropped",
            )
        return
    if definition.type in _MONEY and column.type is not ColumnType.CURRENCY:
        taken = "stores as 0" if definition.type == "currency2" else "takes in the account's own"
        yield Finding(
            table.name,
            Level.ERROR,
            f"{table.name} has {column.name} as {definition.type}, but the mapping sends amounts "
            f"without their currency, which ServiceNow {taken}: set type: currency for the column "
            "in mapping_overrides, with currency: the property that holds the code",
        )
    elif definition.type not in _FITTING.get(column.type, {definition.type}):
        yield _warning(
            table,
            f"has {column.name} as {definition.type}, but the mapping sends {column.type.value} "
            "values, which may be dropped",
        )
    strange = sorted(set((column.choices or {}).values()) - definition.choices)
    if definition.choices and strange:
        yield _warning(
            table,
            f"has no choice {', '.join(strange)} for {column.name}: add it to the choice list, or "
            "change choices in mapping_overrides; unknown choices are dropped",
        )


def _no_source_column(table: Table) -> str:
    return (
        f"{table.name} has no column {table.source_column} for the source identifier, or hides it: "
        f"add it there (text, {table.source_length} characters), or name another one as "
        "source_column in mapping_overrides"
    )


def _warning(table: Table, clause: str) -> Finding:
    return Finding(table.name, Level.WARNING, f"{table.name} {clause}")
