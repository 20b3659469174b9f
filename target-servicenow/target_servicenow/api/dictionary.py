"""ServiceNow's dictionary: the columns of a table, their types, lengths and choices.

An account below administrator may get an empty answer here (rows it may not read are omitted
silently), so "nothing" means "not readable", never "no columns".
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from target_servicenow.api import batch, reading
from target_servicenow.api.table import read_row

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from target_servicenow.api.session import Session


@dataclass(frozen=True)
class ColumnDefinition:
    """One column as the dictionary describes it.

    Attributes:
        max_length: In characters; 0 when it is not known.
        reference: The table it points into, or "".
        choices: The values it accepts; empty when it accepts any, or the list cannot be read.
        has_choices: Whether it accepts only those of a list.
        places: The decimal places that a decimal keeps; None for any other type.
    """

    type: str
    max_length: int
    mandatory: bool
    read_only: bool
    reference: str
    choices: frozenset[str] = frozenset()
    has_choices: bool = False
    places: int | None = None


Definitions = dict[str, dict[str, ColumnDefinition]]
"""Column definitions by table and column."""

_DICTIONARY, _TABLES, _CHOICES = "sys_dictionary", "sys_db_object", "sys_choice"
_COLUMN_FIELDS = (
    "name", "element", "internal_type", "max_length", "mandatory", "read_only", "reference",
    "choice", "attributes",
)  # fmt: skip
_WITH_LIST = {"1", "3"}
"""Kinds of ``choice`` with a list: a dropdown with and without a blank; 2 only suggests."""
_PLACES = re.compile(r"(?:^|,)\s*scale=(\d+)")
_USUAL_PLACES = 2
"""Of a decimal whose attributes name no scale."""


@dataclass
class _Raw:
    """The content of the system tables, by table name."""

    columns: dict[str, list[Mapping[str, str]]] = field(default_factory=dict)
    parents: dict[str, str] = field(default_factory=dict)
    choices: dict[tuple[str, str], set[str]] = field(default_factory=dict)


def read(session: Session, tables: Iterable[str]) -> Definitions:
    """Return the columns of each table, inherited ones included; unreadable tables are absent.

    It takes one call for the tables, and one for each level of tables that they extend.

    Raises:
        StopRunError: As `Session.call`.
    """
    tables = list(tables)
    raw = _Raw()
    level = tables
    known: set[str] = set()
    while level:
        _read_level(session, level, raw)
        known.update(level)
        level = sorted({raw.parents.get(table, "") for table in level} - known - {""})
    merged: Definitions = {}
    for table in tables:
        line = _ancestry(table, raw.parents)
        for name in reversed(line):  # a table's own definition wins
            for row in raw.columns.get(name, ()):
                # A table can have its own choices for a column that it inherits.
                kept = (raw.choices.get((at, row["element"])) for at in line)
                choices = next(filter(None, kept), set())
                merged.setdefault(table, {})[row["element"]] = _definition(row, choices)
    return merged


def _read_level(session: Session, tables: list[str], raw: _Raw) -> None:
    names = ",".join(tables)
    items = [
        _item(_DICTIONARY, f"nameIN{names}^elementISNOTEMPTY^active=true", _COLUMN_FIELDS),
        _item(_TABLES, f"nameIN{names}", ("name", "super_class.name")),
        _item(_CHOICES, f"nameIN{names}^inactive=false", ("name", "element", "value")),
    ]
    answers = reading.read(session, items, what="reading the dictionary")
    rows: dict[str, list[Mapping[str, str]]] = {}
    for item in items:
        answer = answers.get(item.id)
        result = answer.result if answer is not None and isinstance(answer.result, list) else []
        rows[item.id] = [read_row(row).values for row in result]
    for row in rows[_DICTIONARY]:
        if row.get("element"):
            raw.columns.setdefault(row.get("name", ""), []).append(row)
    for row in rows[_TABLES]:
        raw.parents[row.get("name", "")] = row.get("super_class.name", "")
    for row in rows[_CHOICES]:
        column = (row.get("name", ""), row.get("element", ""))
        raw.choices.setdefault(column, set()).add(row.get("value", ""))


def _item(table: str, query: str, fields: tuple[str, ...]) -> batch.Item:
    parameters = urlencode(
        {
            "sysparm_query": query,
            "sysparm_fields": ",".join(fields),
            "sysparm_exclude_reference_link": "true",
        },
        quote_via=quote,
    )
    return batch.Item(table, "GET", f"/api/now/table/{table}?{parameters}")


def _ancestry(table: str, parents: Mapping[str, str]) -> list[str]:
    """Return the table and those it extends, nearest first."""
    line = [table]
    while (parent := parents.get(line[-1], "")) and parent not in line:
        line.append(parent)
    return line


def _definition(row: Mapping[str, str], choices: set[str]) -> ColumnDefinition:
    length = row.get("max_length", "")
    scale = _PLACES.search(row.get("attributes", ""))
    places = int(scale[1]) if scale else _USUAL_PLACES
    return ColumnDefinition(
        type=row.get("internal_type", ""),
        max_length=int(length) if length.isdigit() else 0,
        mandatory=row.get("mandatory") == "true",
        read_only=row.get("read_only") == "true",
        reference=row.get("reference", ""),
        choices=frozenset(choices),
        has_choices=bool(choices) or row.get("choice") in _WITH_LIST,
        places=places if row.get("internal_type") == "decimal" else None,
    )
