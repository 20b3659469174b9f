"""From one Singer record to the rows it wants in one ServiceNow table. Pure."""

from __future__ import annotations

import typing as t
from contextlib import suppress
from dataclasses import dataclass, field

from target_servicenow.lenient_json import is_whole_text
from target_servicenow.mapping.expression import MISSING, RecordError, parent_name
from target_servicenow.mapping.identifiers import identifier, identity, is_empty, keyless
from target_servicenow.mapping.rules import HoldRecord, with_rules
from target_servicenow.mapping.types import CURRENCY_CODE, ColumnType, render, shown
from target_servicenow.outcomes import Cause, Outcome

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from target_servicenow.mapping.expression import Property
    from target_servicenow.mapping.profile import Column, Profile, Table


@dataclass(frozen=True)
class Row:
    """A row as it should stand in ServiceNow.

    Attributes:
        values: Columns in ServiceNow's string forms; a column that is absent is left alone.
        references: Column to the source identifier of the row it points at.
        creatable: False: update the row if it exists, but do not create it (``create_when``).
        payload: The record it came from, cut down to this one entry where the record was exploded.
    """

    table: str
    identifier: str
    values: dict[str, str]
    references: dict[str, str] = field(default_factory=dict)
    creatable: bool = True
    payload: Mapping[str, t.Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Unrendered:
    """A row that could not be rendered.

    Attributes:
        outcome: REJECTED, or HELD where the mapping has to say more.
    """

    table: str
    identifier: str
    cause: Cause
    reason: str
    payload: Mapping[str, t.Any]
    outcome: Outcome = Outcome.REJECTED


def render_record(
    profile: Profile, table: Table, record: Mapping[str, t.Any]
) -> Iterator[Row | Unrendered]:
    """Yield the rows of one record in one table, each whole or with the reason why not."""
    try:
        entries = list(_entries(record, table))
    except RecordError as error:
        yield Unrendered(table.name, keyless(record), Cause.RECORD, str(error), record)
        return
    for scope, payload in entries:
        name = ""
        names = with_rules(table.rules, scope, table.key) if table.rules else scope
        try:
            if table.where is not None and table.where(names) in (False, None, MISSING, ""):
                continue
            name = identity(profile.source_of(table), table, names, record)
            yield _row(profile, table, names, name, payload)
        except HoldRecord as wait:
            if name:  # else the rules say whether there is a row at all, and there is none
                yield Unrendered(table.name, name, Cause.NO_RULE, str(wait), payload, Outcome.HELD)
        except RecordError as error:
            yield Unrendered(
                table.name, name or keyless(payload), Cause.RECORD, str(error), payload
            )


def text_of(table: Table, column: str, record: Mapping[str, t.Any]) -> str:
    """Return what a record has in a column, "" when it has nothing there that can be rendered."""
    for known in table.columns:
        if known.name == column and known.value is not None:
            with suppress(RecordError):
                return _value(known, record) or ""
    return ""


def holds_entries(record: Mapping[str, t.Any], each: Sequence[str]) -> bool:
    """Tell whether a record holds the lists that `each` names at every level, even if empty."""
    if not each:
        return True
    entries = record.get(each[0])
    return isinstance(entries, list) and all(
        isinstance(entry, dict) and holds_entries(entry, each[1:]) for entry in entries
    )


def count_entries(record: Mapping[str, t.Any], each: Sequence[str]) -> int:
    """Return how many entries a record holds in the lists that `each` names; one without lists."""
    if not each:
        return 1
    entries = record.get(each[0])
    found = entries if isinstance(entries, list) else ()
    return sum(count_entries(entry, each[1:]) for entry in found if isinstance(entry, dict))


def _entries(
    record: Mapping[str, t.Any], table: Table
) -> Iterator[tuple[Mapping[str, t.Any], Mapping[str, t.Any]]]:
    """Yield each entry's scope and the record cut down to that entry.

    A scope holds the entry's own properties before those of the records around it, the nearest
    first, and those of its parent once more as ``parent.X``, as far as the table reads them.
    """
    if table.each:
        yield from _exploded(record, table.each, {}, table.parent_names)
    else:
        yield record, record


def _exploded(
    record: Mapping[str, t.Any],
    each: Sequence[str],
    around: Mapping[str, t.Any],
    parent_names: Iterable[str],
) -> Iterator[tuple[Mapping[str, t.Any], Mapping[str, t.Any]]]:
    head, *rest = each
    entries = record.get(head) or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise RecordError(f"{head} is not a list of objects")
    # Once for all entries: once for each would make a large batch quadratic.
    around = {**around, **record}
    if rest:
        for entry in entries:
            for scope, payload in _exploded(entry, rest, around, parent_names):
                yield scope, {**record, head: [payload]}
        return
    around |= {parent_name(name): record[name] for name in parent_names if name in record}
    for entry in entries:
        yield {**around, **entry}, {**record, head: [entry]}


def _row(
    profile: Profile,
    table: Table,
    scope: Mapping[str, t.Any],
    name: str,
    payload: Mapping[str, t.Any],
) -> Row:
    values: dict[str, str] = {}
    references: dict[str, str] = {}
    for column in table.columns:
        if column.plain and type(text := scope.get(column.plain)) is str:
            values[column.name] = text.rstrip()  # as `render` would, for most columns of most rows
            continue
        try:
            if column.reference:
                target = _reference(profile, column, scope)
                if target:
                    references[column.name] = target
                elif target is not None:
                    values[column.name] = ""
                continue
            value = _value(column, scope)
        except RecordError as error:
            raise RecordError(f"column {column.name}: {error}") from None
        if value is not None:
            values[column.name] = value
    if not is_whole_text("".join(values.values())):
        broken = next(column for column, value in values.items() if not is_whole_text(value))
        raise RecordError(
            f"column {broken}: {shown(values[broken])} holds half of a surrogate pair, which is no "
            "character"
        )
    creatable = table.create_when is None or bool(table.create_when(scope))
    return Row(table.name, name, values, references, creatable, payload)


def _value(column: Column, scope: Mapping[str, t.Any]) -> str | None:
    assert column.value is not None  # noqa: S101 - a column is a reference or has a value
    value = column.value(scope)
    if value is MISSING:
        return None
    if column.choices is not None and value not in (None, ""):
        word = column.choices.get(str(value))
        if word is None:
            raise RecordError(
                f"{shown(value)} is not one of its choices ({', '.join(column.choices)})"
            )
        value = word
    if column.type is ColumnType.CURRENCY and column.currency is not None:
        value = None if value in (None, "") else f"{_currency(column.currency, scope)};{value}"
    return render(value, column.type)


def _currency(expression: Property, scope: Mapping[str, t.Any]) -> str:
    """Return the code of an amount's currency.

    Raises:
        RecordError: There is none: ServiceNow would take the amount in the account's own currency.
    """
    code = expression(scope)
    text = "" if code is MISSING or code is None else str(code).strip().upper()
    if not CURRENCY_CODE.fullmatch(text):
        raise RecordError(
            f"{expression.text} is {shown(text)}, which is no currency code of three letters"
        )
    return text


def _reference(profile: Profile, column: Column, scope: Mapping[str, t.Any]) -> str | None:
    """Return the identifier a reference points at; "" for none, None when it was not sent."""
    parts = [part(scope) for part in column.key]
    if any(part is MISSING for part in parts):
        return None
    if all(is_empty(part) for part in parts):
        return ""
    table = profile.table(column.reference or "")
    company = [table.company(scope)] if table.company else []
    return identifier(profile.source_of(table), table, company, parts)
