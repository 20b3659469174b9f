"""The mapped columns of a table compared with ServiceNow's dictionary. Pure.

ServiceNow drops, rounds or shortens a value that does not fit its column, without an error.
"""

from __future__ import annotations

import typing as t

from target_servicenow.findings import Finding, Level
from target_servicenow.mapping.expression import RecordError
from target_servicenow.mapping.types import ColumnType, render

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from target_servicenow.api.dictionary import ColumnDefinition, Definitions
    from target_servicenow.mapping.profile import Column, Table

_MONEY = {"currency", "currency2", "price"}
_DATES = {"glide_date"}
_DATE_TIMES = {"glide_date_time", "due_date", "calendar_date_time"}
_WHOLE = {"integer", "longint", "count"}
_DECIMALS = {"decimal", "float", "percent_complete"}
_KINDS = {
    **dict.fromkeys(_WHOLE, ColumnType.INTEGER),
    **dict.fromkeys(_DECIMALS, ColumnType.DECIMAL),
    **dict.fromkeys(_DATES, ColumnType.DATE),
    **dict.fromkeys(_DATE_TIMES, ColumnType.DATETIME),
    **dict.fromkeys(_MONEY, ColumnType.CURRENCY),
    "boolean": ColumnType.BOOLEAN,
}
"""What columns store that are not text, by the dictionary's names for their types."""

_TEXT = {"string", "translated_text", "email", "url", "phone_number_e164", "choice", "html"}
_FITTING = {
    ColumnType.INTEGER: {*_WHOLE, *_DECIMALS, *_TEXT},
    ColumnType.DECIMAL: {*_DECIMALS, *_TEXT},
    ColumnType.BOOLEAN: {"boolean", *_TEXT},
    ColumnType.DATE: {*_DATES, *_DATE_TIMES, *_TEXT},
    ColumnType.DATETIME: {*_DATES, *_DATE_TIMES, *_TEXT},
    ColumnType.CURRENCY: {*_MONEY, *_TEXT},
}
"""Column types, by the dictionary's names, that accept a mapped type; text is checked apart."""


def check(table: Table, definitions: Definitions) -> Iterator[Finding]:
    """Yield what is to be said of the columns of a table that the dictionary describes."""
    columns = definitions[table.name]
    mapped = {column.name for column in table.columns}
    for name, definition in sorted(columns.items()):
        if definition.mandatory and name not in mapped | {table.source_column}:
            yield _warning(
                table, f"requires a value in {name}, which is not mapped: new rows may be refused"
            )
    for column in table.columns:
        if column.name in columns:
            yield from _of_column(table, column, columns[column.name], definitions)
    for name, value in table.when_gone.items():
        if name in columns and not _takes(columns[name], value):
            yield _warning(
                table,
                f"does not store {value!r} in {name} ({columns[name].type}), to which when_gone "
                "sets rows that are gone: change when_gone in mapping_overrides",
            )
    unlisted = [
        column.name
        for column in table.columns
        if column.choices and column.name in columns and _has_hidden_choices(columns[column.name])
    ]
    if unlisted:
        yield Finding(
            table.name,
            Level.UNTESTED,
            f"{table.name} has choice lists for {', '.join(unlisted)} that the integration user "
            "cannot read (sys_choice): a choice that is not in them is dropped without an error",
        )


def _of_column(
    table: Table, column: Column, definition: ColumnDefinition, definitions: Definitions
) -> Iterator[Finding]:
    if definition.read_only:
        yield _warning(table, f"has {column.name} read-only: the mapped value will not be stored")
    if column.reference:
        if clause := _reference(column, definition, definitions):
            yield _warning(table, clause)
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
    elif clause := _type(column, definition) or _size(column, definition):
        yield _warning(table, clause)
    strange = sorted(set((column.choices or {}).values()) - definition.choices)
    if definition.choices and strange:
        yield _warning(
            table,
            f"has no choice {', '.join(strange)} for {column.name}: add it to the choice list, or "
            "change choices in mapping_overrides; unknown choices are dropped",
        )


def _reference(column: Column, definition: ColumnDefinition, definitions: Definitions) -> str:
    """Return what is wrong with a column that points at a row, or copies a column of that row."""
    if not column.take:
        if definition.reference == column.reference:
            return ""
        return (
            f"has {column.name} as a reference to {definition.reference or 'nothing'}, but the "
            f"mapping points at {column.reference}: such values are dropped"
        )
    taken = definitions.get(column.reference or "", {}).get(column.take)
    if taken is None or definition.type in _TEXT:
        return ""
    if (taken.type, taken.reference) == (definition.type, definition.reference):
        return ""
    return (
        f"has {column.name} as {_named(definition)}, but the mapping copies "
        f"{column.reference}.{column.take}, which is {_named(taken)}: such values may be dropped"
    )


def _type(column: Column, definition: ColumnDefinition) -> str:
    """Return what becomes of values of the mapped type in a column of another type, or ""."""
    if column.type is ColumnType.STRING:
        return _text(column, definition)
    has = f"has {column.name} as {definition.type}, but the mapping sends"
    if definition.type not in _FITTING[column.type]:
        return f"{has} {column.type.value} values, which may be dropped"
    match column.type, _KINDS.get(definition.type):
        case ColumnType.DATE, ColumnType.DATETIME:
            return (
                f"{has} dates, which become midnight in UTC, the day before for users west of it: "
                "make the column glide_date"
            )
        case ColumnType.DATETIME, ColumnType.DATE:
            return (
                f"{has} dates with a time, of which the day in UTC is kept: make the column "
                "glide_date_time, or set type: date for it in mapping_overrides"
            )
    return ""


def _text(column: Column, definition: ColumnDefinition) -> str:
    """Return what becomes of text in a column of another type, or ""."""
    if definition.reference:
        return (
            f"has {column.name} as a reference to {definition.reference}, but the mapping sends "
            "text, which is dropped unless it is a sys_id: map the column with reference and key "
            "in mapping_overrides"
        )
    stored = _KINDS.get(definition.type)
    if stored is None or _are_all(stored, (column.choices or {}).values()):
        return ""
    return (
        f"has {column.name} as {definition.type}, but the mapping sends text, which is dropped "
        f"where it is no {stored.value}: set type: {stored.value} for the column in "
        "mapping_overrides, or make the column text"
    )


def _size(column: Column, definition: ColumnDefinition) -> str:
    """Return what becomes of values that are longer or finer than their column, or ""."""
    sent, kept = column.places, definition.places
    if sent is not None and kept is not None and sent > kept:
        return (
            f"keeps {kept} decimal places in {column.name}, but the mapping sends up to {sent}, so "
            f"numbers are rounded: set scale={sent} in the attributes of the column"
        )
    is_text = definition.type in _TEXT and not definition.reference
    if is_text and 0 < definition.max_length < column.length:
        return (
            f"holds {definition.max_length} characters in {column.name}, but the mapping sends up "
            f"to {column.length}: lengthen the column, or set on_long_text to truncate; rows with "
            "longer values are rejected otherwise"
        )
    return ""


def _has_hidden_choices(definition: ColumnDefinition) -> bool:
    return definition.has_choices and not definition.choices


def _takes(definition: ColumnDefinition, value: str) -> bool:
    """Tell whether a column stores a fixed value."""
    if definition.choices:
        return value in definition.choices
    stored = _KINDS.get(definition.type)
    return stored is None or not value or _are_all(stored, [value])


def _are_all(kind: ColumnType, values: t.Iterable[str]) -> bool:
    """Tell whether there are values, all of a type."""
    values = list(values)
    try:
        for value in values:
            render(value, kind)
    except RecordError:
        return False
    return bool(values)


def _named(definition: ColumnDefinition) -> str:
    return f"a reference to {definition.reference}" if definition.reference else definition.type


def _warning(table: Table, clause: str) -> Finding:
    return Finding(table.name, Level.WARNING, f"{table.name} {clause}")
