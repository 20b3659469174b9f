"""What an expression of a mapping can call, all of it bounded in time and memory.

A record is anybody's, and so are its numbers and texts: ``int`` of ``1e999999999`` would take
hours, and a text padded to a billion characters a gigabyte.
"""

from __future__ import annotations

import ast
import typing as t
from decimal import Decimal

from simpleeval import DEFAULT_OPERATORS

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MAX_TEXT = 1_000_000
"""Characters of a text that an expression makes."""

MAX_DIGITS = 4000
"""Digits of a whole number that an expression makes; Python writes no more than 4,300."""

_BITS_PER_DIGIT = 3.33


def _first(*values: t.Any) -> t.Any:
    """Return the first value that is not empty."""
    for value in values:
        if value not in (None, ""):
            return value
    return ""


def _join(separator: str, *values: t.Any) -> str:
    """Join the values that are not empty."""
    return separator.join(filter(None, [str(value).strip() for value in values if value]))


def _optional_field(fields: t.Any, name: str) -> str:
    """Return the value of an optional field from a record's list of them, or "".

    Raises:
        ValueError: The value is not a list of optional fields.
    """
    listed = fields or []
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        raise ValueError("not a list of optional fields")
    for item in listed:
        if item.get("OptionalField") == name:
            return str(item.get("Value") or "").strip()
    return ""


def _int(value: t.Any) -> int:
    """Return the whole number of a value.

    Raises:
        ValueError: It is none, or has too many digits.
    """
    if isinstance(value, Decimal) and value.adjusted() > MAX_DIGITS:
        raise ValueError(_TOO_MANY_DIGITS)
    return int(value)


FUNCTIONS: dict[str, Callable[..., t.Any]] = {
    "str": str,
    "int": _int,
    "decimal": lambda value: Decimal(str(value)),
    "len": len,
    "first": _first,
    "join": _join,
    "optional_field": _optional_field,
}
"""Functions that a mapping may call. No float: amounts stay exact."""


def _text(value: t.Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _bounded(length: int) -> None:
    if length > MAX_TEXT:
        raise ValueError("the text is too long")


def _method(name: str) -> Callable[..., t.Any]:
    """Return a method of texts whose result is about as long as its text."""
    method = getattr(str, name)
    return lambda text, *arguments: method(_text(text), *arguments)


def _padding(name: str) -> Callable[..., str]:
    """Return a method that makes a text as long as its first argument says."""
    method = getattr(str, name)

    def call(text: t.Any, width: int, *fill: str) -> str:
        _bounded(width)
        return str(method(_text(text), width, *fill))

    return call


def _replace(text: t.Any, old: str, new: str, *count: int) -> str:
    _bounded(len(_text(text)) + text.count(old) * len(new))
    return str(text.replace(old, new, *count))


def _join_list(separator: t.Any, parts: Iterable[str]) -> str:
    parts = list(parts)
    _bounded(sum(map(len, parts)) + len(_text(separator)) * len(parts))
    return str(separator.join(parts))


def _get(value: t.Any, *arguments: t.Any) -> t.Any:
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return value.get(*arguments)


METHODS: dict[str, Callable[..., t.Any]] = {
    **{
        name: _method(name)
        for name in (
            "capitalize", "casefold", "count", "endswith", "find", "index", "isalnum", "isalpha",
            "isdecimal", "isdigit", "islower", "isnumeric", "isspace", "isupper", "lower", "lstrip",
            "partition", "removeprefix", "removesuffix", "rfind", "rpartition", "rsplit", "rstrip",
            "split", "splitlines", "startswith", "strip", "swapcase", "title", "upper",
        )
    },
    **{name: _padding(name) for name in ("center", "ljust", "rjust", "zfill")},
    "get": _get,
    "join": _join_list,
    "replace": _replace,
}  # fmt: skip
"""Methods of texts that a mapping may call, and ``get`` of objects, with the value first."""

_TOO_MANY_DIGITS = "the number has too many digits"


def _power(base: t.Any, exponent: t.Any) -> t.Any:
    if isinstance(base, int) and isinstance(exponent, int):
        bounded(base, times=exponent)
    return base**exponent


def _multiply(left: t.Any, right: t.Any) -> t.Any:
    if isinstance(left, str | list | tuple) or isinstance(right, str | list | tuple):
        raise TypeError("only numbers can be multiplied")
    return left * right


def _modulo(left: t.Any, right: t.Any) -> t.Any:
    if isinstance(left, str):
        raise TypeError("only numbers have a remainder")
    return left % right


OPERATORS = {
    **DEFAULT_OPERATORS,
    ast.Pow: _power,
    ast.Mult: _multiply,
    ast.Mod: _modulo,
}
"""The operators of simpleeval, without those that make long texts and lists of short ones."""


def bounded(value: t.Any, *, times: int = 1) -> t.Any:
    """Return the result of an expression, which must be a value of bounded size.

    Args:
        value: The result.
        times: As often as that are its digits counted.

    Raises:
        ValueError: It is too long.
        TypeError: It is no value, but a function or a method.
    """
    if isinstance(value, str):
        _bounded(len(value))
    elif isinstance(value, int) and value.bit_length() * times > MAX_DIGITS * _BITS_PER_DIGIT:
        raise ValueError(_TOO_MANY_DIGITS)
    elif callable(value):
        raise TypeError("not a value: a method is called with brackets")
    return value
