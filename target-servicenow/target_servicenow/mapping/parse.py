"""Reading a mapping profile from YAML.

A profile is checked as a whole when it is loaded, so that a mistake ends the run with one sentence
before anything is read or written.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from importlib import resources
from pathlib import Path

import yaml

from target_servicenow import text_files
from target_servicenow.mapping.expression import Expression, MappingError
from target_servicenow.mapping.money import parse_money
from target_servicenow.mapping.names import check_columns, only_known, only_names, only_text
from target_servicenow.mapping.profile import (
    DEFAULT_SOURCE_COLUMN,
    DEFAULT_SOURCE_LENGTH,
    MIN_SOURCE_LENGTH,
    Column,
    Profile,
    Table,
)
from target_servicenow.mapping.rules import Rule, RuleSet
from target_servicenow.mapping.sizes import length_of, places_of
from target_servicenow.mapping.types import ColumnType

if t.TYPE_CHECKING:
    from collections.abc import Mapping

_PROFILES = resources.files("target_servicenow.mapping") / "profiles"
_TABLE_FIELDS = {
    "stream", "each", "where", "create_when", "identity", "source_column", "source_length",
    "adopt_by", "columns", "optional", "when_gone", "money",
}  # fmt: skip
_IDENTITY_FIELDS = {"entity", "company", "key"}
_COLUMN_FIELDS = {
    "value", "type", "choices", "reference", "key", "take", "currency", "length", "places",
}  # fmt: skip
_RULE_FIELDS = {"when", "code", "name"}


def load(name: str, overrides: Mapping[str, t.Any] | None = None) -> Profile:
    """Return the profile of a name (``default``) or file, with overrides merged into it.

    Args:
        name: A shipped profile's name, or the path of a YAML file.
        overrides: Data of the profile's own shape; a null removes what it names.

    Raises:
        MappingError: The profile does not exist or is not valid.
    """
    shipped = _PROFILES / f"{name}.yml"
    source = shipped if shipped.is_file() else text_files.expanded(Path(name))
    try:
        raw = yaml.safe_load(text_files.read_text(source))
    except text_files.EncodingError as error:
        raise MappingError(f"Mapping {name} {error}: save it as UTF-8") from None
    except OSError:
        profiles = (Path(p.name) for p in _PROFILES.iterdir())
        known = ", ".join(sorted(path.stem for path in profiles if path.suffix == ".yml"))
        raise MappingError(
            f"The setting mapping names {name!r}, which is neither a shipped profile ({known}) nor "
            "a file that can be read"
        ) from None
    except yaml.YAMLError as error:
        raise MappingError(f"Mapping {name}: not YAML: {' '.join(str(error).split())}") from None
    return parse(_merged(raw, overrides or {}), name)


def _without_nulls(data: t.Any) -> t.Any:
    """Drop what is null: in a file as in overrides it means that nothing is there."""
    if not isinstance(data, dict):
        return data
    return {name: _without_nulls(value) for name, value in data.items() if value is not None}


def parse(raw: t.Any, name: str) -> Profile:
    """Check a profile's data and compile it.

    Raises:
        MappingError: It is not valid; the sentence starts with the mapping's name.
    """
    taken_out = _taken_out(raw)
    raw = _without_nulls(raw)
    if not isinstance(raw, dict) or not isinstance(raw.get("tables"), dict) or not raw["tables"]:
        raise MappingError(f"Mapping {name}: it needs `tables`, each with its columns")
    only_known(raw, {"source", "rules", "tables", "ledger"}, f"Mapping {name}")
    source = str(raw.get("source", "")).strip()
    if not source:
        raise MappingError(
            f"Mapping {name}: source is missing: name the system that the rows come from, which "
            "is the first part of their source identifiers, such as sage300"
        )
    if not isinstance(raw.get("rules", {}), dict):
        raise MappingError(f"Mapping {name}: rules must give a list of rules for each name")
    only_text([*raw["tables"], *raw.get("rules", {})], f"Mapping {name}")
    only_names(raw["tables"], f"Mapping {name}")
    rules = {
        title: _rules(title, data, f"Mapping {name}, rules {title}")
        for title, data in raw.get("rules", {}).items()
    }
    tables = {
        table: _with_rules(_table(table, data, f"Mapping {name}, table {table}"), rules)
        for table, data in raw["tables"].items()
    }
    _check_references(tables, taken_out, name)
    order = TopologicalSorter({table.name: table.references() for table in tables.values()})
    try:
        ordered = tuple(tables[table] for table in order.static_order() if table in tables)
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise MappingError(f"Mapping {name}: its references form a cycle: {circle}") from None
    logs = tuple(str(stream) for stream in _list(raw.get("ledger", [])))
    for table in tables.values():
        if table.stream in logs:
            raise MappingError(
                f"Mapping {name}: stream {table.stream} is under `ledger` and fills the table "
                f"{table.name}: keep one of them"
            )
    profile = Profile(source=source, tables=ordered, rules=rules, ledger=logs)
    return profile.without(taken_out)


def _taken_out(raw: t.Any) -> set[str]:
    """Return the tables that an override sets to null; what points at them goes too."""
    tables = raw.get("tables") if isinstance(raw, dict) else None
    return (
        {name for name, data in tables.items() if data is None}
        if isinstance(tables, dict)
        else set()
    )


def _check_references(tables: Mapping[str, Table], taken_out: set[str], name: str) -> None:
    for table in tables.values():
        for column in table.columns:
            if column.reference is None or column.reference in taken_out:
                continue
            place = f"Mapping {name}, table {table.name}, column {column.name}"
            if column.reference not in tables:
                raise MappingError(
                    f"{place}: it references {column.reference}, which this mapping does not fill"
                )
            if column.take and column.take not in tables[column.reference].fields:
                raise MappingError(
                    f"{place}: it takes {column.take}, which is not a mapped column of "
                    f"{column.reference}"
                )


def _rules(title: str, data: t.Any, place: str) -> RuleSet:
    entries = _list(data)
    last = entries[-1] if entries else None
    hold = False
    if isinstance(last, dict) and "otherwise" in last:
        if last["otherwise"] not in ("hold", "none"):
            raise MappingError(
                f"{place}: otherwise is {last['otherwise']!r}: it must be one of hold, none"
            )
        hold = last["otherwise"] == "hold"
        entries = entries[:-1]
    rules = []
    for number, entry in enumerate(entries, start=1):
        where = f"{place}, rule {number}"
        if not isinstance(entry, dict) or not entry.get("code"):
            raise MappingError(f"{where}: it needs a code")
        only_known(entry, _RULE_FIELDS, where)
        code = _expression(entry["code"], where)
        assert code is not None  # noqa: S101 - checked above
        rules.append(
            Rule(_expression(entry.get("when"), where), code, _expression(entry.get("name"), where))
        )
    if not rules:
        raise MappingError(f"{place}: it needs at least one rule with a code")
    return RuleSet(title, tuple(rules), hold=hold)


def _with_rules(table: Table, rules: Mapping[str, RuleSet]) -> Table:
    """Return the table with the rules that its expressions name."""
    named = {name for _, expression in table.expressions() for name in expression.names}
    return replace(table, rules={title: rules[title] for title in rules if title in named})


def _table(name: str, data: t.Any, place: str) -> Table:
    if not isinstance(data, dict):
        raise MappingError(f"{place}: it needs stream, identity and columns")
    only_known(data, _TABLE_FIELDS, place)
    for field in ("stream", "identity", "columns"):
        if not data.get(field):
            raise MappingError(f"{place}: {field} is missing")
    identity = data["identity"]
    if not isinstance(identity, dict) or not identity.get("entity") or not identity.get("key"):
        raise MappingError(f"{place}: identity needs entity and key")
    if not isinstance(data["columns"], dict):
        raise MappingError(f"{place}: columns must name each column with what it is made from")
    only_text(data["columns"], place)
    optional = data.get("optional", False)
    if not isinstance(optional, bool):
        raise MappingError(f"{place}: optional is {optional!r}: it must be true or false")
    length = data.get("source_length", DEFAULT_SOURCE_LENGTH)
    if not isinstance(length, int) or length < MIN_SOURCE_LENGTH:
        raise MappingError(
            f"{place}: source_length is {length!r}: it must be a whole number of at least "
            f"{MIN_SOURCE_LENGTH}"
        )
    only_known(identity, _IDENTITY_FIELDS, f"{place}, identity")
    columns = tuple(
        _column(column, spec, f"{place}, column {column}")
        for column, spec in data["columns"].items()
    )
    when_gone = data.get("when_gone", {})
    if not isinstance(when_gone, dict):
        raise MappingError(f"{place}: when_gone must give a value for each column it sets")
    source_column = str(data.get("source_column", DEFAULT_SOURCE_COLUMN))
    check_columns(source_column, [*data["columns"], *map(str, when_gone)], place)
    adopt_by = data.get("adopt_by")
    if adopt_by and adopt_by not in [column.name for column in columns]:
        raise MappingError(f"{place}: adopt_by names {adopt_by}, which is not one of its columns")
    return Table(
        name=name,
        stream=str(data["stream"]),
        columns=columns,
        entity=str(identity["entity"]),
        company=_expression(identity.get("company"), f"{place}, identity"),
        key=_expressions(identity["key"], f"{place}, identity"),
        each=tuple(str(part) for part in _list(data.get("each", []))),
        where=_expression(data.get("where"), f"{place}, where"),
        create_when=_expression(data.get("create_when"), f"{place}, create_when"),
        source_column=source_column,
        source_length=length,
        adopt_by=adopt_by,
        optional=optional,
        when_gone={str(name): str(value) for name, value in when_gone.items()},
        money=parse_money(data.get("money"), {c.name: c.type for c in columns if c.value}, place),
    )


def _column(name: str, spec: t.Any, place: str) -> Column:
    if not isinstance(spec, dict):
        return Column(name=name, value=_expression(str(spec), place))
    only_known(spec, _COLUMN_FIELDS, place)
    if "reference" in spec:
        if not spec.get("key") or "value" in spec:
            raise MappingError(f"{place}: a reference takes `reference` and `key`, and no `value`")
        return Column(
            name=name,
            reference=str(spec["reference"]),
            key=_expressions(spec["key"], place),
            take=str(spec["take"]) if "take" in spec else None,
        )
    if "take" in spec:
        raise MappingError(f"{place}: `take` goes with a reference")
    if "value" not in spec:
        raise MappingError(f"{place}: it needs a `value`, or a `reference` with its `key`")
    try:
        column_type = ColumnType(spec.get("type", "string"))
    except ValueError:
        known = ", ".join(kind.value for kind in ColumnType)
        raise MappingError(f"{place}: type {spec['type']!r} is not one of {known}") from None
    currency = _expression(spec.get("currency"), place)
    if (currency is not None) != (column_type is ColumnType.CURRENCY):
        raise MappingError(f"{place}: type currency and `currency` go together")
    choices = spec.get("choices")
    if choices is not None and not isinstance(choices, dict):
        raise MappingError(
            f"{place}: choices must give ServiceNow's value for each of the source's"
        )
    return Column(
        name=name,
        value=_expression(str(spec["value"]), place),
        type=column_type,
        choices={str(k): str(v) for k, v in choices.items()} if choices else None,
        currency=currency,
        length=length_of(spec, column_type, place),
        places=places_of(spec, column_type, place),
    )


def _expression(text: t.Any, place: str) -> Expression | None:
    if text is None:
        return None
    try:
        return Expression(str(text))
    except MappingError as error:
        raise MappingError(f"{place}: {error}") from None


def _expressions(texts: t.Any, place: str) -> tuple[Expression, ...]:
    compiled = tuple(_expression(text, place) for text in _list(texts))
    if None in compiled:
        raise MappingError(f"{place}: part of its key is empty")
    return tuple(expression for expression in compiled if expression is not None)


def _list(value: t.Any) -> list[t.Any]:
    return value if isinstance(value, list) else [value]


def _merged(base: t.Any, over: t.Any) -> t.Any:
    if isinstance(base, dict) and isinstance(over, dict) and "reference" not in over:
        return {**base, **{name: _merged(base.get(name), value) for name, value in over.items()}}
    return over
