"""What would fail later, said now: the mapped tables held against what ServiceNow says of them.

What an account may write cannot be asked without writing, and the dictionary may be closed to it;
such things show when the first rows come back.
"""

from __future__ import annotations

import enum
import typing as t
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from target_servicenow.api import batch, dictionary
from target_servicenow.api.errors import Action
from target_servicenow.mapping.types import ColumnType

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from target_servicenow.api.dictionary import ColumnDefinition, Definitions
    from target_servicenow.api.session import Session
    from target_servicenow.mapping.profile import Column, Table


class Level(enum.Enum):
    """How much a finding matters."""

    # The table cannot be written as mapped.
    FAULT = "fault"
    # Something would be left out or altered without a word from ServiceNow.
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """One thing an administrator should change, in one sentence."""

    table: str
    level: Level
    sentence: str


@dataclass(frozen=True)
class Report:
    """What was found of some tables."""

    findings: list[Finding]
    definitions: Definitions

    def faults(self) -> list[Finding]:
        """What cannot be written as mapped."""
        return [finding for finding in self.findings if finding.level is Level.FAULT]


_TEXT = {"string", "translated_text", "email", "url", "phone_number_e164", "choice", "html"}
_FITTING = {
    ColumnType.INTEGER: {"integer", "longint", "decimal", "float", "count", *_TEXT},
    ColumnType.DECIMAL: {"decimal", "float", "currency", "price", *_TEXT},
    ColumnType.BOOLEAN: {"boolean", *_TEXT},
    ColumnType.DATE: {"glide_date", "glide_date_time", *_TEXT},
    ColumnType.DATETIME: {"glide_date_time", "glide_date", *_TEXT},
    ColumnType.CURRENCY: {"currency", "currency2", "price", *_TEXT},
}
"""Types of columns, as the dictionary names them, that take a mapped type."""


PROBED_ROWS = 100
"""Rows asked for: ServiceNow counts the limit before it hides rows, so one alone could be such."""


def inspect(session: Session, tables: Sequence[Table]) -> Report:
    """Hold the mapped tables against the instance.

    Raises:
        StopRun: the instance cannot be reached, or does not take the credentials.
    """
    first = _first_rows(session, tables)
    findings = [fault for table in tables if (fault := _fault(table, first.get(table.name)))]
    unusable = {finding.table for finding in findings}
    usable = [table for table in tables if table.name not in unusable]
    definitions = dictionary.read(session, [table.name for table in usable])
    for table in usable:
        columns = definitions.get(table.name)
        if columns is None:
            findings.append(
                Finding(
                    table.name,
                    Level.WARNING,
                    f"The integration user may not read ServiceNow's dictionary of {table.name}: "
                    "columns, lengths and types show only by what comes back from a write",
                )
            )
        else:
            findings += _against_dictionary(table, columns)
        findings += _hidden(table, first[table.name].result, columns)
    return Report(findings, definitions)


def _first_rows(session: Session, tables: Sequence[Table]) -> dict[str, batch.ItemReply]:
    """What every account may ask: the mapped columns of some rows, by table."""
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
    if not items:
        return {}
    return batch.call(session, items, what="reading the mapped tables", repeatable=True).items


def _fault(table: Table, answer: batch.ItemReply | None) -> Finding | None:
    """Why a table cannot be used at all, if so."""
    if answer is None or answer.verdict.action is not Action.OK:
        sentence = answer.verdict.sentence if answer else ""
        return Finding(
            table.name,
            Level.FAULT,
            sentence or f"ServiceNow did not answer when reading {table.name}: run again",
        )
    if not answer.result and answer.total:
        # The count includes what access rules hide; without rows all would look new.
        return Finding(
            table.name,
            Level.FAULT,
            f"The integration user may not read {table.name} ({answer.total} rows are there "
            "and none is shown): give it a role that reads the table",
        )
    if answer.result and table.source_column not in answer.result[0]:
        return Finding(table.name, Level.FAULT, _no_source_column(table))
    return None


def _hidden(
    table: Table, rows: Sequence[Mapping[str, t.Any]], columns: Mapping[str, ColumnDefinition] | None
) -> Iterator[Finding]:
    """Columns that no row shows: what changed there could never be told."""
    hidden = set(table.fields).difference(*rows) if rows else set()
    if columns is not None:
        hidden &= columns.keys()  # the others are told as absent
    if hidden:
        yield _warning(
            table,
            f"does not show {', '.join(sorted(hidden))}: what changes there alone is not sent; "
            "give the integration user a role that reads the columns, or take them out with "
            "mapping_overrides",
        )


def _against_dictionary(table: Table, columns: Mapping[str, ColumnDefinition]) -> Iterator[Finding]:
    source = columns.get(table.source_column)
    if source is None:
        yield Finding(table.name, Level.FAULT, _no_source_column(table))
    elif source.read_only or 0 < source.max_length < table.source_length:
        yield Finding(
            table.name,
            Level.FAULT,
            f"{table.name}.{table.source_column} is to keep source identifiers, so it must be "
            f"writable and hold {table.source_length} characters (it holds {source.max_length}): "
            "change the column, or source_length in mapping_overrides",
        )
    absent = sorted(set(table.fields) - columns.keys() - {table.source_column})
    if absent:
        yield _warning(
            table,
            f"has no column {', '.join(absent)}: what is mapped there is left out; add the "
            "columns, or take them out with mapping_overrides",
        )
    mapped = {column.name for column in table.columns}
    for name, definition in sorted(columns.items()):
        if definition.mandatory and name not in mapped | {table.source_column}:
            yield _warning(
                table, f"wants a value in {name}, which is not mapped: new rows may be refused"
            )
    for column in table.columns:
        if column.name in columns:
            yield from _of_column(table, column, columns[column.name])


def _of_column(table: Table, column: Column, definition: ColumnDefinition) -> Iterator[Finding]:
    if definition.read_only:
        yield _warning(table, f"does not let {column.name} be written: what is mapped is left out")
    if column.reference and not column.take:
        if definition.reference != column.reference:
            yield _warning(
                table,
                f"has in {column.name} {definition.reference or 'no reference'}, where the mapping "
                f"points at {column.reference}: such values are dropped",
            )
        return
    if definition.type not in _FITTING.get(column.type, {definition.type}):
        yield _warning(
            table,
            f"has {column.name} as {definition.type}, where the mapping makes a "
            f"{column.type.value}: such values may be dropped",
        )
    strange = sorted(set((column.choices or {}).values()) - definition.choices)
    if definition.choices and strange:
        yield _warning(
            table,
            f"does not know the choice {', '.join(strange)} of {column.name}: add it to the "
            "choice list, or change choices in mapping_overrides; unknown choices are dropped",
        )


def _no_source_column(table: Table) -> str:
    return (
        f"{table.name} has no column {table.source_column} to keep the source identifier in, or "
        f"hides it: add it there (text, {table.source_length} characters), or name another one "
        "as source_column in mapping_overrides"
    )


def _warning(table: Table, said: str) -> Finding:
    return Finding(table.name, Level.WARNING, f"{table.name} {said}")
