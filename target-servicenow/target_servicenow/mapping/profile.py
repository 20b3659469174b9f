"""A mapping profile: which ServiceNow tables a stream fills, and what each column is made from."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace
from functools import cached_property

from target_servicenow.mapping.expression import PARENT, MappingError, Property, parent_name
from target_servicenow.mapping.types import ColumnType

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from target_servicenow.mapping.money import MoneyColumns
    from target_servicenow.mapping.rules import RuleSet

DEFAULT_SOURCE_COLUMN = "correlation_id"
DEFAULT_SOURCE_LENGTH = 100
"""The length of correlation_id in ServiceNow."""
MODIFICATIONS = "sys_mod_count"
"""How often a row was changed: tells an amount that was edited from one shown at another rate."""
MIN_SOURCE_LENGTH = 40
"""A digest with its mark takes 34 characters, and the source must still be readable."""


@dataclass(frozen=True)
class Column:
    """One column: a value of a type, or a reference to a row of another mapped table.

    Attributes:
        value: What the column is made from; None for a reference.
        choices: From the source's value to ServiceNow's; any other value rejects the record.
        currency: The currency code, for type currency.
        reference: The table a reference points into.
        key: The key parts of the row a reference points at.
        take: The column of that row to copy instead of pointing at the row.
        length: The most characters that its text has; 0 where that is not known.
        places: The most decimal places that its numbers have; None where that is not known.
    """

    name: str
    value: Property | None = None
    type: ColumnType = ColumnType.STRING
    choices: Mapping[str, str] | None = None
    currency: Property | None = None
    reference: str | None = None
    key: tuple[Property, ...] = ()
    take: str | None = None
    length: int = 0
    places: int | None = None

    @cached_property
    def plain(self) -> str | None:
        """The property that the column copies as text, or None."""
        if self.value is None or self.choices or self.type is not ColumnType.STRING:
            return None
        return self.value.name

    def expressions(self) -> Iterator[Property]:
        """Yield every expression of the column."""
        yield from (e for e in (self.value, self.currency, *self.key) if e is not None)


@dataclass(frozen=True)
class Table:
    """How one stream fills one table.

    Attributes:
        entity: The third part of its source identifiers, such as ``Vendor``.
        company: The company database of a record; None where the identity names none.
        key: The key of a row within its company. Empty: the whole record is the identity.
        each: Lists to explode, outermost first: a row for each entry of the innermost.
        where: Whether a record has a row in this table at all.
        create_when: Whether a row that does not exist yet is created.
        source_column: The column that holds the source identifier.
        source_length: The characters that column holds.
        adopt_by: The column by which rows typed in by hand are recognised.
        source: The first part of its source identifiers; None for the profile's.
        optional: Skipped, with a line in the log, on an instance that has no such table.
        when_gone: What a row is set to once its record is no longer in Sage 300; rows are never
            deleted.
        rules: The rules its expressions name.
        money: The columns that hold the amount a row stands for; None where it has none.
    """

    name: str
    stream: str
    columns: tuple[Column, ...]
    entity: str
    company: Property | None
    key: tuple[Property, ...]
    each: tuple[str, ...] = ()
    where: Property | None = None
    create_when: Property | None = None
    source_column: str = DEFAULT_SOURCE_COLUMN
    source_length: int = DEFAULT_SOURCE_LENGTH
    adopt_by: str | None = None
    source: str | None = None
    optional: bool = False
    when_gone: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, RuleSet] = field(default_factory=dict)
    money: MoneyColumns | None = None

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """Every column that is read, the source column first; all but MODIFICATIONS are written."""
        names = (self.source_column, *(column.name for column in self.columns), *self.when_gone)
        read_only = (MODIFICATIONS,) if self.currencies else ()
        return tuple(dict.fromkeys((*names, *read_only)))

    @cached_property
    def company_column(self) -> str | None:
        """The column that holds the company of a row; None when no column is just that."""
        if self.company is None:
            return None
        names = (c.name for c in self.columns if c.value and c.value.text == self.company.text)
        return next(names, None)

    @cached_property
    def parent_names(self) -> frozenset[str]:
        """The properties of the parent record that its expressions read as ``parent.X``."""
        names = {name for _, expression in self.expressions() for name in expression.names}
        prefix = parent_name("")
        return frozenset(name.removeprefix(prefix) for name in names if name.startswith(prefix))

    def type_of(self, column: str) -> ColumnType:
        """Return the type of a column; a column that is not mapped is text."""
        return self._types.get(column, ColumnType.STRING)

    @cached_property
    def _types(self) -> dict[str, ColumnType]:
        return {column.name: column.type for column in self.columns}

    @cached_property
    def currencies(self) -> tuple[str, ...]:
        """The columns that hold amounts with their currency."""
        return tuple(c.name for c in self.columns if c.type is ColumnType.CURRENCY)

    def references(self) -> set[str]:
        """Return the names of the tables this one points into."""
        return {column.reference for column in self.columns if column.reference}

    def expressions(self) -> Iterator[tuple[str, Property]]:
        """Yield every expression of the table with its place in the mapping."""
        identity = [self.company, *self.key]
        yield from (("identity", e) for e in identity if e is not None)
        if self.where:
            yield "where", self.where
        if self.create_when:
            yield "create_when", self.create_when
        for column in self.columns:
            yield from ((column.name, e) for e in column.expressions())
        for name, rules in self.rules.items():
            yield from ((f"rules {name}", e) for e in rules.expressions())


@dataclass(frozen=True)
class Profile:
    """A whole mapping.

    Attributes:
        source: The first part of every source identifier, such as ``sage300``.
        tables: The tables, each after those it points into.
        rules: The rules of all tables, by name.
        ledger: Streams that are kept in the ledger instead of in a table.
    """

    source: str
    tables: tuple[Table, ...]
    rules: Mapping[str, RuleSet] = field(default_factory=dict)
    ledger: tuple[str, ...] = ()

    def source_of(self, table: Table) -> str:
        """Return the first part of a table's source identifiers."""
        return table.source or self.source

    def taken(self, table: str) -> set[str]:
        """Return the columns of a table that others copy."""
        columns = (column for other in self.tables for column in other.columns)
        return {c.take for c in columns if c.reference == table and c.take}

    def without(self, absent: AbstractSet[str]) -> Profile:
        """Return the profile without some tables and the columns that depend on them.

        An optional table goes together with a table that it points into.
        """
        gone = set(absent)
        lost: set[tuple[str | None, str | None]] = set()
        tables = []
        for table in self.tables:  # a table comes after those it points into
            if table.name in gone or (table.optional and table.references() & gone):
                gone.add(table.name)
                continue
            columns = tuple(
                column
                for column in table.columns
                if column.reference not in gone and (column.reference, column.take) not in lost
            )
            lost |= {(table.name, c.name) for c in table.columns if c not in columns}
            tables.append(replace(table, columns=columns))
        return replace(self, tables=tuple(tables))

    def of_stream(self, stream: str) -> tuple[Table, ...]:
        """Return the tables a stream fills, in the order in which they are written."""
        return tuple(table for table in self.tables if table.stream == stream)

    def table(self, name: str) -> Table:
        """Return the table of a name."""
        return next(table for table in self.tables if table.name == name)


def check_stream(table: Table, schema: Mapping[str, t.Any]) -> None:
    """Check that the stream sends every property the table is made from.

    Raises:
        MappingError: It does not; the sentence names table, column and property.
    """
    known = set(schema.get("properties", {}))
    level: t.Any = schema
    parent: t.Any = {}
    for part in table.each:
        parent = level.get("properties") or {}
        level = (level.get("properties") or {}).get(part)
        if level is None:
            raise MappingError(
                f"Table {table.name} is filled from each of {'.'.join(table.each)}, but stream "
                f"{table.stream} sends no {part}: select it in the tap"
            )
        level = level.get("items") or {}
        known |= set(level.get("properties") or {})
        if not level.get("properties"):
            return  # the schema does not say what its entries hold
    known |= {PARENT, *map(parent_name, parent)}
    for place, expression in table.expressions():
        for name in sorted(expression.names - known - table.rules.keys()):
            raise MappingError(
                f"Column {table.name}.{place} is made from {name}, which stream {table.stream} "
                "does not send: select the property in the tap, or remove the column with "
                "mapping_overrides"
            )
