"""Keys of Sage 300's records: one property, or several compared from the first to the last. Pure.

A key of one property is its value alone, a key of several a tuple of values, in state as in memory.
"""

from __future__ import annotations

import typing as t
from decimal import Decimal
from itertools import pairwise

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Part: t.TypeAlias = "str | int"
Key: t.TypeAlias = "Part | tuple[Part, ...]"


def parts(key: Key) -> tuple[Part, ...]:
    """Return the values of a key, in the order of its properties."""
    return key if isinstance(key, tuple) else (key,)


def key_of(row: Mapping[str, t.Any], names: Sequence[str]) -> Key | None:
    """Return the key of a record; None when a part is missing, or neither text nor whole."""
    values = tuple(as_integer(row.get(name)) for name in names)
    if not all(isinstance(value, str | int) for value in values):
        return None
    return t.cast("Key", values if len(values) > 1 else values[0])


def in_order(keys: Sequence[Key], last: Key | None) -> bool:
    """Return whether keys rise strictly, starting from the last one of the page before."""
    try:
        return all(a < b for a, b in pairwise(keys if last is None else [last, *keys]))  # type: ignore[operator]
    except TypeError:  # text after a number
        return False


def as_integer(value: object) -> object:
    """Turn a whole number that came as a decimal (``58.0``) into an integer; leave all else."""
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    return value
