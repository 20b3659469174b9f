"""The tables of the instance and their columns."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files

import yaml

from sage300_servicenow_sandbox.declared import DeclarationError

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from sage300_servicenow_sandbox.servicenow.money import Currencies

_LENGTHS = {"reference": 32, "decimal": 15}
_LENGTH = 40
_LONG_TEXT = 4000
_SCALE = 7
_EMPTY = {"boolean": "false"}


@dataclass(frozen=True, eq=False)
class Column:
    """One column, in the words of ServiceNow's dictionary.

    Attributes:
        name: The column's name.
        label: Its label, which messages use.
        type: The dictionary's internal_type.
        max_length: Its length in characters.
        scale: The decimal places of a decimal.
        mandatory: Whether it must not be empty.
        read_only: Whether writes to it are ignored.
        default: Its value in a new row.
        reference: The table that a reference points at.
        key: The column of that table that the reference holds.
        choices: Labels by stored value.
        currencies: Those of the instance, for a column that holds money.
    """

    name: str
    label: str
    type: str = "string"
    max_length: int = _LENGTH
    scale: int = 0
    mandatory: bool = False
    read_only: bool = False
    default: str = ""
    reference: str = ""
    key: str = "sys_id"
    choices: Mapping[str, str] = field(default_factory=dict)
    currencies: Currencies | None = None

    @property
    def empty(self) -> str:
        """The value of the column when cleared; recorded rows show unset booleans as "false"."""
        return _EMPTY.get(self.type, "")


@dataclass(frozen=True, eq=False)
class Table:
    """One table.

    Attributes:
        name: The table's name.
        label: Its label.
        display: The column shown for a row where another table refers to it.
        columns: Its columns by name.
        system: Whether it is the system's own, which nobody writes.
        refuses: Whether a forbidden read is answered 403, where other tables show no rows.
    """

    name: str
    label: str
    display: str
    columns: Mapping[str, Column]
    system: bool = False
    refuses: bool = False


@dataclass(frozen=True, eq=False)
class Schema:
    """All tables by name."""

    tables: Mapping[str, Table]

    def define(self, name: str, columns: Mapping[str, str]) -> Schema:
        """Return this schema with one more table, which has the shared columns and those given.

        Strings are as long as the dictionary of a real instance lets them be.

        Raises:
            ValueError: There is a table of that name.
        """
        if name in self.tables:
            raise ValueError(f"There is already a table {name}")
        described = {
            column: {
                "label": column,
                "type": kind,
                "max_length": _LENGTHS.get(kind, _LONG_TEXT),
                "scale": _SCALE,
            }
            for column, kind in columns.items()
        }
        spec: dict[str, t.Any] = {"label": name, "display": "sys_id", "columns": described}
        table = _table(name, _document()["system_columns"], **spec)
        return Schema({**self.tables, name: table})

    def walk(self, table: str, path: str) -> tuple[Column, ...]:
        """Follow a dot-walked field such as `invoice.vendor.name` from a table.

        Returns:
            The column of each step; nothing if a step does not exist, or a column before the last
            is not a reference to a table of this instance.
        """
        steps: list[Column] = []
        for name in path.split("."):
            found = self.tables[table].columns.get(name) if table in self.tables else None
            if found is None:
                return ()
            steps.append(found)
            table = found.reference
        return tuple(steps)

    def column(self, table: str, name: str) -> Column:
        """Return a column that must exist.

        Raises:
            DeclarationError: There is no such table or column.
        """
        if table not in self.tables:
            raise DeclarationError(f"The instance has no table {table}")
        if name not in self.tables[table].columns:
            raise DeclarationError(f"The table {table} has no column {name}")
        return self.tables[table].columns[name]

    def with_column(self, table: str, column: Column) -> Schema:
        """Return this schema with a column of a table replaced."""
        old = self.tables[table]
        new = replace(old, columns={**old.columns, column.name: column})
        return Schema({**self.tables, table: new})


@cache
def load() -> Schema:
    """Read tables.yml, once per process."""
    shared = _document()["system_columns"]
    tables = _document()["tables"].items()
    return Schema({name: _table(name, shared, **spec) for name, spec in tables})


@cache
def _document() -> dict[str, t.Any]:
    text = (files(__package__) / "tables.yml").read_text(encoding="utf-8")
    document: dict[str, t.Any] = yaml.safe_load(text)
    return document


def _table(name: str, shared: dict[str, t.Any], columns: dict[str, t.Any], **spec: t.Any) -> Table:
    described = {column: _column(column, **values) for column, values in (shared | columns).items()}
    return Table(name=name, columns=described, **spec)


def _column(name: str, **spec: t.Any) -> Column:
    kind = spec.get("type", "string")
    usual = {"max_length": _LENGTHS.get(kind, _LENGTH), "default": _EMPTY.get(kind, "")}
    return Column(**{"name": name, **usual, **spec})
