"""ServiceNow's dictionary: which columns a table has, how long, and which are mandatory.

An account below administrator may get an empty answer here (rows it may not read are left out
without a word), so "nothing" means "not readable", never "no columns".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from target_servicenow.api.errors import Refused
from target_servicenow.api.table import found

if TYPE_CHECKING:
    from collections.abc import Iterable

    from target_servicenow.api.session import Session


@dataclass(frozen=True)
class ColumnDefinition:
    """One column as the dictionary describes it."""

    type: str
    max_length: int
    mandatory: bool
    read_only: bool
    reference: str


Choices = dict[tuple[str, str], set[str]]
"""The values a column may take, by table and column; a column that is not here takes any."""

Definitions = dict[str, dict[str, ColumnDefinition]]
"""Column definitions by table and column."""


def read(session: Session, tables: Iterable[str]) -> Definitions:
    """The columns of each table, those it inherits included; tables that cannot be read are absent.

    Raises:
        StopRun: as `Session.call`.
    """
    ancestry = {table: _ancestry(session, table) for table in tables}
    names = sorted({name for line in ancestry.values() for name in line})
    fields = ("name", "element", "internal_type", "max_length", "mandatory", "read_only")
    rows = _rows(
        session,
        "sys_dictionary",
        f"nameIN{','.join(names)}^elementISNOTEMPTY^active=true",
        (*fields, "reference"),
    )
    by_table: Definitions = {}
    for row in rows:
        by_table.setdefault(row.get("name", ""), {})[row.get("element", "")] = ColumnDefinition(
            type=row.get("internal_type", ""),
            max_length=int(row.get("max_length") or 0),
            mandatory=row.get("mandatory") == "true",
            read_only=row.get("read_only") == "true",
            reference=row.get("reference", ""),
        )
    merged: Definitions = {}
    for table, line in ancestry.items():
        for name in reversed(line):  # a table's own definition overrides its parent's
            merged.setdefault(table, {}).update(by_table.get(name, {}))
    return {table: columns for table, columns in merged.items() if columns}


def choices(session: Session, tables: Iterable[str]) -> Choices:
    """The choice lists of each table's columns, as far as they can be read.

    Raises:
        StopRun: as `Session.call`.
    """
    rows = _rows(
        session,
        "sys_choice",
        f"nameIN{','.join(tables)}^inactive=false",
        ("name", "element", "value"),
    )
    found: Choices = {}
    for row in rows:
        key = (row.get("name", ""), row.get("element", ""))
        found.setdefault(key, set()).add(row.get("value", ""))
    return found


def _ancestry(session: Session, table: str) -> list[str]:
    """The table and those it extends, nearest first."""
    line = [table]
    while True:
        rows = _rows(session, "sys_db_object", f"name={line[-1]}", ("super_class.name",))
        parent = rows[0].get("super_class.name", "") if rows else ""
        if not parent or parent in line:
            return line
        line.append(parent)


def _rows(
    session: Session, table: str, query: str, fields: tuple[str, ...]
) -> list[dict[str, str]]:
    parameters = urlencode(
        {
            "sysparm_query": query,
            "sysparm_fields": ",".join(fields),
            "sysparm_exclude_reference_link": "true",
        },
        quote_via=quote,
    )
    try:
        reply = session.call("GET", f"/api/now/table/{table}?{parameters}", what=f"reading {table}")
    except Refused:
        return []
    result = reply.body.get("result") if isinstance(reply.body, dict) else None
    return [found(row).values for row in result or ()]
