"""Reading Singer messages, one a line. Every message is checked here, where its line is known.

Shapes are those of the Singer specification. A fault ends the run with one sentence that names the
line and never repeats it, since it may hold secrets.
"""

from __future__ import annotations

import typing as t
from collections import Counter

from singer_sdk.singerlib.encoding import SimpleSingerReader
from typing_extensions import override

from target_servicenow.errors import TargetError
from target_servicenow.lenient_json import decode, holds_nan, is_whole_text
from target_servicenow.text_files import not_utf_8

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_ADVICE = "check that what is piped in is a Singer tap's output"

_BYTE_ORDER_MARK = "\ufeff"


class InputError(TargetError):
    """The input holds something that is not a Singer message, or not one that can be used."""


class MessageReader(SimpleSingerReader):
    """Reads messages and hands each to the callback of its type."""

    @override
    def process_lines(
        self,
        file_input: t.IO[str] | None,
        callbacks: dict[str, Callable[[dict[str, t.Any]], None]],
    ) -> Counter[str]:
        """Process every line; return how many messages of each type there were.

        Raises:
            InputError: A line is not a Singer message, or its record cannot be used.
        """
        counter: Counter[str] = Counter()
        number = 1
        try:
            for line in file_input or self.default_input:
                text = line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line
                if not text.isspace() and text:
                    message = self.deserialize_json(text)
                    callbacks[message["type"]](message)
                    counter[message["type"]] += 1
                number += 1
        except UnicodeDecodeError as fault:
            # A chunk of several lines is decoded when the first of them is read.
            number += fault.object.count(b"\n", 0, fault.start)
            raise InputError(
                f"Line {number} of the input {not_utf_8(fault.object)}: {_ADVICE}"
            ) from None
        except InputError as fault:
            raise type(fault)(f"Line {number} of the input {fault}: {_ADVICE}") from None
        return counter

    @override
    def deserialize_json(self, line: str) -> dict[str, t.Any]:
        """Return a line's message, checked.

        Raises:
            InputError: It is not a Singer message; the text is a clause about the line.
        """
        try:
            message = decode(line)
            check(message)
        except (ValueError, RecursionError):
            fault = not_utf_8(line.encode()) if "\0" in line else "is not JSON"
            raise InputError(fault) from None
        return t.cast("dict[str, t.Any]", message)


def check(message: object) -> None:
    """Check the shape of a message.

    Raises:
        InputError: It is not a Singer message; the text is a clause about its line.
    """
    if not isinstance(message, dict):
        raise InputError("is not a JSON object")
    kind = message.get("type")
    if kind is None:
        raise InputError("has no type")
    checks = _CHECKS.get(kind) if isinstance(kind, str) else None
    if checks is None:
        raise InputError(f"has type {str(kind)[:40]!r}, which Singer does not define")
    missing = [
        name for name, (required, _, _) in checks.items() if required and name not in message
    ]
    if missing:
        raise InputError(f"has no {' and no '.join(missing)}")
    for name, (required, fits, words) in checks.items():
        value = message.get(name)
        if (required or value is not None) and not fits(value):
            raise InputError(f"has {words}")
    if kind == "SCHEMA" and (fault := schema_fault(message["schema"])):
        raise InputError(f"has a schema whose {fault}")
    if kind == "BATCH":
        raise InputError(
            f"is a BATCH message of stream {message['stream']}, which this target does not support "
            "(turn off batch_config in the tap)"
        )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and is_whole_text(value)


def _is_name(value: object) -> bool:
    return _is_text(value) and bool(str(value).strip())


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_schema(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("properties"), dict)


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_state(value: object) -> bool:
    return not holds_nan(value)  # a state is emitted again, as JSON


_Check: t.TypeAlias = "tuple[bool, Callable[[object], bool], str]"
"""Whether the field is required, what its value must fulfil, and what it is otherwise."""

_STREAM: _Check = (True, _is_name, "a stream that is not a name")
_CHECKS: t.Final[Mapping[str, Mapping[str, _Check]]] = {
    "SCHEMA": {
        "stream": _STREAM,
        "schema": (True, _is_schema, "a schema that is not an object with properties"),
        "key_properties": (False, _is_names, "key_properties that are not a list of names"),
    },
    "RECORD": {
        "stream": _STREAM,
        "record": (True, _is_object, "a record that is not an object"),
        "version": (False, _is_whole, "a version that is not a whole number"),
    },
    "STATE": {"value": (True, _is_state, "a state that holds NaN or Infinity, which JSON has not")},
    "ACTIVATE_VERSION": {
        "stream": _STREAM,
        "version": (True, _is_whole, "a version that is not a whole number"),
    },
    "BATCH": {"stream": _STREAM},
}


def schema_fault(schema: object, place: str = "") -> str:
    """Return what is wrong with a JSON Schema, as a clause that names the place, or "".

    Only what a target reads is checked: types, formats, properties and items.
    """
    if isinstance(schema, bool):  # JSON Schema's own for anything, and for nothing
        return ""
    if not isinstance(schema, dict):
        return f"{place or 'root'} is not an object"
    for word, (fits, words) in _KEYWORDS.items():
        if schema.get(word) is not None and not fits(schema[word]):
            return f"{_at(place, word)} is not {words}"
    for name in schema.get("properties") or {}:
        if not _is_text(name):
            return f"{_at(place, repr(name))} is not a name"
    inner = ((_at(place, name), value) for name, value in _inner(schema))
    return next((fault for at, value in inner if (fault := schema_fault(value, at))), "")


def _inner(schema: Mapping[str, t.Any]) -> Iterator[tuple[str, object]]:
    """Yield the schemas inside a schema with their names."""
    yield from (schema.get("properties") or {}).items()
    if schema.get("items") is not None:
        yield "items", schema["items"]
    for word in ("anyOf", "oneOf", "allOf"):
        yield from ((f"{word}[{at}]", one) for at, one in enumerate(schema.get(word) or ()))


def _at(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


_KEYWORDS: t.Final[Mapping[str, tuple[Callable[[object], bool], str]]] = {
    "type": (lambda v: isinstance(v, str) or (_is_names(v) and bool(v)), "a type or list of types"),
    "format": (lambda v: isinstance(v, str), "text"),
    "properties": (_is_object, "an object"),
    **dict.fromkeys(("anyOf", "oneOf", "allOf"), (lambda v: isinstance(v, list), "a list")),
}
