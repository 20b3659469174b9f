"""JSON as taps write it, which is not always JSON: NaN, halves of surrogate pairs, long numbers."""

from __future__ import annotations

import json
import math
import typing as t
from decimal import Decimal
from functools import lru_cache

import msgspec

MAX_WHOLE_DIGITS = 4000
"""Python refuses to read and write whole numbers of more than 4,300 digits."""


def decode(text: str) -> t.Any:
    """Return what a JSON text holds, numbers with a fraction or an exponent as decimals.

    Raises:
        ValueError: It is not JSON, not even as taps write it.
        RecursionError: It is nested too deeply.
    """
    try:
        return _STRICT.decode(text)
    except ValueError:
        return _LENIENT.decode(text)


def holds_nan(value: t.Any) -> bool:
    """Tell whether there is NaN or an infinity anywhere in a value."""
    if isinstance(value, dict):
        return any(holds_nan(inner) for inner in value.values())
    if isinstance(value, list):
        return any(holds_nan(inner) for inner in value)
    return isinstance(value, float) and not math.isfinite(value)


def is_whole_text(value: str) -> bool:
    """Tell whether a text holds whole characters only: half of a surrogate pair is no UTF-8."""
    try:
        return value.isascii() or bool(value.encode())
    except UnicodeEncodeError:
        return False


def _whole(text: str) -> int | Decimal:
    return int(text) if len(text) <= MAX_WHOLE_DIGITS else Decimal(text)


_decimal = lru_cache(maxsize=4096)(Decimal)  # most amounts of a record are 0.000
_STRICT: t.Final[msgspec.json.Decoder[t.Any]] = msgspec.json.Decoder(float_hook=_decimal)
_LENIENT: t.Final = json.JSONDecoder(parse_float=Decimal, parse_int=_whole)
