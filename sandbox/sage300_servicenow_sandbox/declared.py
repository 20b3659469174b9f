"""What a user declares in JSON or YAML (fault plans, behaviours), read with strict types."""

from __future__ import annotations

import re
import typing as t

import msgspec

from sage300_servicenow_sandbox.errors import SandboxError

if t.TYPE_CHECKING:
    from collections.abc import Mapping

_LARGEST: t.Final = 1_000_000
Count = t.Annotated[int, msgspec.Meta(ge=0, le=_LARGEST)]
Quantity = t.Annotated[float, msgspec.Meta(ge=0, le=_LARGEST)]

_PLACE = re.compile(r"(?P<reason>.*) - at (?P<key>`key` in )?`\$\.?(?P<path>.*)`", re.DOTALL)


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
        raise DeclarationError(f"Invalid {what}{_explained(str(error))}") from None


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


def _explained(message: str) -> str:
    """Put the place first: ` at rules[0].fault: invalid enum value 'burn'`."""
    found = _PLACE.fullmatch(message)
    reason = found["reason"] if found else message
    reason = reason[:1].lower() + reason[1:]
    if not found:
        return f": {reason}"
    return f" at {'a key of ' if found['key'] else ''}{found['path']}: {reason}"
