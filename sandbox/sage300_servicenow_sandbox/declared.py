"""What a user declares in JSON or YAML (fault plans, behaviours), read with strict types."""

from __future__ import annotations

import re
import typing as t

import msgspec
from msgspec import inspect

from sage300_servicenow_sandbox.errors import SandboxError

if t.TYPE_CHECKING:
    from collections.abc import Mapping

_LARGEST: t.Final = 1_000_000
Count = t.Annotated[int, msgspec.Meta(ge=0, le=_LARGEST)]
Quantity = t.Annotated[float, msgspec.Meta(ge=0, le=_LARGEST)]

_PLACE = re.compile(r"(?P<reason>.*) - at (?P<key>`key` in )?`\$\.?(?P<path>.*)`", re.DOTALL)

_STEP = re.compile(r"\w+|\[[^]]*\]")
_WITH_CHOICES: t.Final = ("Invalid enum value", "Object contains unknown field")


class DeclarationError(SandboxError, ValueError):
    """A declaration cannot be used; the sentence names the place in it."""


class Declared(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A base for what is declared by name: immutable, and without unknown names."""


D = t.TypeVar("D", bound=Declared)


def read(kind: type[D], value: object, what: str) -> D:
    """Return a JSON or YAML value as the kind of declaration that it should be.

    Args:
        kind: The declaration's class.
        value: The value as a JSON or YAML parser returns it.
        what: What a sentence should call it, such as `fault plan`.

    Raises:
        DeclarationError: A name is unknown or missing, or a value is of another type.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise DeclarationError(f"Invalid {what}{_explained(kind, str(error))}") from None


def changed(current: D, changes: Mapping[str, object], what: str) -> D:
    """Return a declaration with some of its values replaced, given as JSON values.

    Raises:
        DeclarationError: As for `read`.
    """
    return read(type(current), {**as_json(current), **changes}, what)


def as_json(declared: Declared) -> dict[str, t.Any]:
    """Return a declaration as JSON values."""
    values: dict[str, t.Any] = msgspec.json.decode(msgspec.json.encode(declared))
    return values


def _explained(kind: type[Declared], message: str) -> str:
    """Put the place first and the choices last.

    ` at rules[0].side: invalid enum value 'both', choose from sage300, servicenow`.
    """
    found = _PLACE.fullmatch(message)
    reason, path = (found["reason"], found["path"]) if found else (message, "")
    is_key = bool(found and found["key"])
    if reason.startswith(_WITH_CHOICES):
        names = _choices(_type_at(kind, path), of_keys=is_key)
        reason += f", choose from {', '.join(filter(None, names))}"
    place = f" at {'a key of ' if is_key else ''}{path}" if path else ""
    return f"{place}: {reason[:1].lower()}{reason[1:]}"


def _type_at(kind: type[Declared], path: str) -> inspect.Type:
    """Return the type at a place such as `rules[0].fault` in a declaration."""
    at = inspect.type_info(kind)
    for step in _STEP.findall(path):
        match at:
            case inspect.StructType():
                at = next(field.type for field in at.fields if field.name == step)
            case inspect.VarTupleType():
                at = at.item_type
            case inspect.DictType():
                at = at.value_type
    return at


def _choices(at: inspect.Type, *, of_keys: bool) -> tuple[str, ...]:
    match at:
        case inspect.StructType():
            return tuple(field.name for field in at.fields)
        case inspect.DictType() if of_keys:
            return _choices(at.key_type, of_keys=False)
        case inspect.LiteralType():
            return tuple(str(value) for value in at.values)
    return ()
