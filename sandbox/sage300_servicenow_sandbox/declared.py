"""JSON read into frozen dataclasses by their annotations, faults told in one sentence. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import MISSING, fields, is_dataclass
from decimal import Decimal
from functools import cache
from types import UnionType

_MOST = 1_000_000
_NAMES = {
    bool: "true or false",
    int: f"a whole number from 0 to {_MOST:,}",
    float: f"a number from 0 to {_MOST:,}",
    str: "text",
}


class DeclarationError(ValueError):
    """What was declared cannot be taken; the message is a sentence that names the place."""


def read(hint: t.Any, value: t.Any, place: str) -> t.Any:
    """Return `value` as the type `hint` names; `place` is what to call it in a sentence.

    Knows booleans, numbers (none negative, none over a million), text, literals, lists (tuples),
    objects by key (dicts), dataclasses, and each of them or None.

    Raises:
        DeclarationError: The value is of another type or names something that does not exist.
    """
    origin = t.get_origin(hint)
    if is_dataclass(hint):
        return _object(hint, value, place)
    if origin in {UnionType, t.Union}:
        [inner] = [kind for kind in t.get_args(hint) if kind is not type(None)]
        return None if value is None else read(inner, value, place)
    if origin is t.Literal:
        return _one_of(t.get_args(hint), value, place)
    if origin is tuple:
        return _list(t.get_args(hint)[0], value, place)
    if origin is dict:
        keys, kind = t.get_args(hint)
        return _by_key(keys, kind, value, place)
    return _plain(hint, value, place)


def read_fields(cls: t.Any, value: dict[str, t.Any], place: str) -> dict[str, t.Any]:
    """Return some fields of a dataclass, each as the type it is annotated with.

    Raises:
        DeclarationError: A name is no field of it, or a value is of another type.
    """
    hints = _hints(cls)
    for name in value:
        if name not in hints:
            known = ", ".join(hints)
            raise DeclarationError(f"{place}{name} does not exist; there are {known}.")
    return {name: read(hints[name], inner, f"{place}{name}") for name, inner in value.items()}


def _object(cls: t.Any, value: t.Any, place: str) -> t.Any:
    if isinstance(value, cls):
        return value
    if not isinstance(value, dict):
        raise DeclarationError(f"{place} has to be an object, not {value!r}.")
    given = read_fields(cls, value, f"{place}.")
    for field in fields(cls):
        if field.default is MISSING and field.name not in given:
            raise DeclarationError(f"{place}.{field.name} is missing.")
    return cls(**given)


def _one_of(choices: tuple[str, ...], value: t.Any, place: str) -> str:
    if isinstance(value, str) and value in choices:
        return value
    raise DeclarationError(f"{place} has to be {' or '.join(choices)}, not {value!r}.")


def _list(kind: t.Any, value: t.Any, place: str) -> tuple[t.Any, ...]:
    if not isinstance(value, list | tuple):
        raise DeclarationError(f"{place} has to be a list, not {value!r}.")
    return tuple(read(kind, inner, f"{place}[{at}]") for at, inner in enumerate(value))


def _by_key(keys: t.Any, kind: t.Any, value: t.Any, place: str) -> dict[str, t.Any]:
    if not isinstance(value, dict):
        raise DeclarationError(f"{place} has to be an object, not {value!r}.")
    return {
        read(keys, name, f"A name in {place}"): read(kind, inner, f"{place}.{name}")
        for name, inner in value.items()
    }


def _plain(kind: t.Any, value: t.Any, place: str) -> t.Any:
    fits = _is_number(value) if kind is float else type(value) is kind
    if not fits or (kind in {int, float} and not 0 <= value <= _MOST):
        raise DeclarationError(f"{place} has to be {_NAMES[kind]}, not {value!r}.")
    return kind(value)


def _is_number(value: t.Any) -> bool:
    if isinstance(value, Decimal):
        return value.is_finite()
    return isinstance(value, int | float) and not isinstance(value, bool)


@cache
def _hints(cls: type) -> dict[str, t.Any]:
    return t.get_type_hints(cls)
