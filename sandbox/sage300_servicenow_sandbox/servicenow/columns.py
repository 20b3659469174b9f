"""The form in which each type of column stores its values: text, as the REST API shows it.

Pure. A value that does not fit its column is not an error in ServiceNow; it is silently dropped.
Numbers are exact: they are never binary floating point.
"""

from __future__ import annotations

import datetime as dt
import re
import typing as t
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation

from sage300_servicenow_sandbox.servicenow import money
from sage300_servicenow_sandbox.servicenow.money import plain

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from sage300_servicenow_sandbox.servicenow.schema import Column

_BOOLEANS = {"true": "true", "1": "true", "false": "false", "0": "false"}
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?: [0-9]{2}:[0-9]{2}:[0-9]{2})?")
_GUID = re.compile(r"[0-9a-fA-F]{32}")
_EXACT = Context(prec=60, rounding=ROUND_HALF_UP)


def canonical(column: Column, value: object, *, any_choice: bool = False) -> str | None:
    """Return a JSON value in the form its column stores, None if the value is dropped.

    An empty string clears the column, and so does null (an assumption: the public record is
    silent on null). Objects and arrays are dropped (an assumption). Text longer than the column
    is truncated to `max_length` characters (generally believed, not documented). `any_choice`
    accepts values that are not in the column's list.
    """
    text = _text(value)
    if text is None:
        return None
    if not text:
        return column.empty
    if column.currencies:
        return money.keep(column.type, text, column.currencies)
    if column.type in _TYPED:
        return _TYPED[column.type](column, text)
    if column.choices and text not in column.choices and not any_choice:
        return None
    return text[: column.max_length]


def too_long(column: Column, value: object) -> bool:
    """Tell whether `canonical` would truncate a text."""
    text = _text(value) or ""
    free = not (column.type in _TYPED or column.choices or column.reference or column.currencies)
    return free and len(text) > column.max_length


def literal(column: Column, text: str) -> str | None:
    """Return a value of an encoded query in the form it is compared in.

    None if the text is not a value of the column's type: such a comparison finds nothing, as
    `state=NOT_A_NUMBER` was seen to do.
    """
    if not text:
        return column.empty
    if column.currencies:
        return money.literal(column.type, text, column.currencies)
    return _TYPED[column.type](column, text) if column.type in _TYPED else text


def compare_numbers(left: str, right: str) -> int:
    """Order two stored numbers, empty ones first: the collation of numeric columns."""
    if not left or not right:
        return bool(left) - bool(right)
    return int(Decimal(left).compare(Decimal(right)))


class ExactSum:
    """The sum of a column's values as text; values that are not numbers are ignored."""

    def __init__(self) -> None:
        """Start at zero."""
        self._total = Decimal(0)

    def step(self, text: t.Any) -> None:
        """Add one value."""
        if _DECIMAL.fullmatch(text):
            self._total = _EXACT.add(self._total, Decimal(text))

    def finalize(self) -> t.Any:
        """Return the total."""
        return plain(self._total)


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return None


def _boolean(_: Column, text: str) -> str | None:
    return _BOOLEANS.get(text.lower())


def _integer(_: Column, text: str) -> str | None:
    return str(int(text)) if _INTEGER.fullmatch(text) else None


def _decimal(column: Column, text: str) -> str | None:
    """Round half up to the column's scale and drop the zeros at the end.

    Both are assumptions: how many zeros the real API shows is not in the public record.
    """
    if not _DECIMAL.fullmatch(text):
        return None
    try:
        rounded = Decimal(text).quantize(Decimal(1).scaleb(-column.scale), context=_EXACT)
    except InvalidOperation:  # more digits than any column holds
        return None
    return plain(rounded)


def _date(_: Column, text: str) -> str | None:
    moment = _moment(text)
    return moment and moment[:10]


def _date_time(_: Column, text: str) -> str | None:
    return _moment(text)


def _moment(text: str) -> str | None:
    """Read a date, or a date and a time, as "YYYY-MM-DD HH:MM:SS"; None where it is neither."""
    if not _DATE.fullmatch(text):
        return None
    try:
        return dt.datetime.fromisoformat(text).isoformat(" ")
    except ValueError:  # the thirtieth of February
        return None


def _guid(_: Column, text: str) -> str | None:
    return text if _GUID.fullmatch(text) else None


_TYPED: dict[str, Callable[[Column, str], str | None]] = {
    "GUID": _guid,
    "boolean": _boolean,
    "decimal": _decimal,
    "glide_date": _date,
    "glide_date_time": _date_time,
    "integer": _integer,
}
NUMERIC = frozenset({"decimal", "integer"})
