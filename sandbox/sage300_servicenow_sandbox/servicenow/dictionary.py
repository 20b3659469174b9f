"""The rows of the system tables, in which the instance describes its own tables."""

from __future__ import annotations

import typing as t
from uuid import NAMESPACE_URL, uuid5

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from sage300_servicenow_sandbox.servicenow.schema import Column, Schema, Table

_ENTRY = {"active": "true", "mandatory": "false", "read_only": "false", "choice": "0"}


def describe(schema: Schema) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (system table, row) for every table, column and choice.

    A row holds its own columns and a sys_id that is the same on every run.
    """
    for table in schema.tables.values():
        yield (
            "sys_db_object",
            {
                "sys_id": _sys_id(table.name),
                "name": table.name,
                "label": table.label,
            },
        )
        yield (
            "sys_dictionary",
            _entry(
                table,
                element="",
                column_label=table.label,
                internal_type="collection",
                max_length="40",
            ),
        )
        for column in table.columns.values():
            yield "sys_dictionary", _column_entry(table, column)
            for sequence, (value, label) in enumerate(column.choices.items()):
                yield (
                    "sys_choice",
                    {
                        "sys_id": _sys_id(table.name, column.name, value),
                        "name": table.name,
                        "element": column.name,
                        "value": value,
                        "label": label,
                        "language": "en",
                        "sequence": str(sequence),
                        "inactive": "false",
                    },
                )


def _column_entry(table: Table, column: Column) -> dict[str, str]:
    return _entry(
        table,
        element=column.name,
        column_label=column.label,
        internal_type=column.type,
        max_length=str(column.max_length),
        mandatory=_flag(column.mandatory),
        read_only=_flag(column.read_only),
        reference=column.reference,
        choice="1" if column.choices else "0",
        default_value=column.default,
        attributes=f"scale={column.scale}" if column.type == "decimal" else "",
    )


def _entry(table: Table, **values: str) -> dict[str, str]:
    sys_id = _sys_id(table.name, "dictionary", values["element"])
    return {**_ENTRY, "sys_id": sys_id, "name": table.name, **values}


def _flag(value: bool) -> str:  # noqa: FBT001 (the value it turns into text)
    return "true" if value else "false"


def _sys_id(*parts: str) -> str:
    return uuid5(NAMESPACE_URL, "/".join(parts)).hex
