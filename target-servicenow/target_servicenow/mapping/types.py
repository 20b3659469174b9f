"""ServiceNow's string forms of values, and when two of them are the same value. Pure.

ServiceNow takes and returns every value as a string: booleans ``true``/``false``, dates
``YYYY-MM-DD``, date-times ``YYYY-MM-DD HH:MM:SS`` in UTC, currencies ``USD;10.00``.
"""

from __future__ import annotations

import datetime as dt
import enum
import json
import math
import re
import typing as t
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from target_servicenow.mapping.expression import RecordError


class ColumnType(enum.StrEnum):
    """What ServiceNow wants in a column."""

    STRING = "string"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    CURRENCY = "currency"


MAX_SHOWN = 200
"""Characters of a value that a sentence shows."""

MAX_MAGNITUDE = 400
"""Digits of a number before or after its point. Written out, ``1e99999999`` is 100 million."""

CURRENCY_CODE = re.compile("[A-Z]{3}")
"""A currency in ISO 4217's letters, as ServiceNow stores it."""

_TRUE = {"true", "yes", "y", "1"}
_FALSE = {"false", "no", "n", "0"}


def render(value: t.Any, column_type: ColumnType) -> str:
    """Return a value in ServiceNow's form; None is ``""``, which clears a column.

    Raises:
        RecordError: The value is not of the column's type.
    """
    if value is None or value == "":
        return ""
    try:
        return _RENDER[column_type](value)
    except (ValueError, TypeError, ArithmeticError):
        raise RecordError(f"{shown(value)} is not a valid {column_type.value}") from None


def shown(value: t.Any) -> str:
    """Return a value as a sentence shows it, cut if it is long, without halves of characters."""
    try:
        text = str(value) if isinstance(value, Decimal) else repr(value)
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return "A number with thousands of digits"
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def written_out(number: Decimal) -> str:
    """Return a number with all its digits and no exponent.

    Raises:
        ValueError: It is not a number, or too large or too small to be written out.
    """
    if not number.is_finite() or abs(number.adjusted()) > MAX_MAGNITUDE:
        raise ValueError
    return f"{number:f}"


def same(left: str, right: str, column_type: ColumnType) -> bool:
    """Tell whether two strings are one value to ServiceNow, as ``12.9`` and ``12.90`` are.

    Currencies are compared where both sides name one, amounts alone where one does not.
    """
    if left == right:
        return True
    if column_type is ColumnType.BOOLEAN:  # ServiceNow stores a cleared one as false
        return (left or "false") == (right or "false")
    if not left or not right:
        return False
    numeric = column_type in {ColumnType.DECIMAL, ColumnType.INTEGER, ColumnType.CURRENCY}
    return numeric and _is_same_amount(left, right)


def _is_same_amount(left: str, right: str) -> bool:
    left_code, _, left_amount = left.rpartition(";")
    right_code, _, right_amount = right.rpartition(";")
    if left_code and right_code and left_code != right_code:
        return False
    try:
        return Decimal(left_amount) == Decimal(right_amount)
    except InvalidOperation:
        return False


def proven(left: str, right: str, column_type: ColumnType) -> bool:
    """Tell whether the comparison of two values is certain.

    That of amounts is not while only one side names its currency: a currency or price column is
    read without it, converted into the currency of the account that reads at the rate of the day.
    """
    if column_type is not ColumnType.CURRENCY or not left or not right:
        return True
    return (";" in left) == (";" in right)


def _string(value: t.Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return written_out(value)
    if isinstance(value, dict | list):
        return json.dumps(value, default=str, ensure_ascii=False, sort_keys=True, allow_nan=False)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError
    # Sage pads some values; trailing blanks have no meaning on either side.
    return str(value).rstrip()


def _integer(value: t.Any) -> str:
    number = Decimal(str(value))
    text = written_out(number)
    if number != number.to_integral_value():
        raise ValueError
    return text.partition(".")[0]


def _decimal(value: t.Any) -> str:
    return written_out(Decimal(str(value)))


def _boolean(value: t.Any) -> str:
    text = str(value).strip().lower()
    if text in _TRUE:
        return "true"
    if text in _FALSE:
        return "false"
    raise ValueError


def _moment(value: t.Any) -> dt.datetime:
    return _parsed(str(value).strip())


@lru_cache(maxsize=4096)  # dates repeat
def _parsed(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return moment.astimezone(dt.UTC)


def _date(value: t.Any) -> str:
    return _moment(value).date().isoformat()


def _datetime(value: t.Any) -> str:
    return _moment(value).replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")


def _currency(value: t.Any) -> str:
    code, _, amount = str(value).rpartition(";")
    if not CURRENCY_CODE.fullmatch(code):
        raise ValueError
    return f"{code};{_decimal(amount)}"


_RENDER = {
    ColumnType.STRING: _string,
    ColumnType.INTEGER: _integer,
    ColumnType.DECIMAL: _decimal,
    ColumnType.BOOLEAN: _boolean,
    ColumnType.DATE: _date,
    ColumnType.DATETIME: _datetime,
    ColumnType.CURRENCY: _currency,
}
