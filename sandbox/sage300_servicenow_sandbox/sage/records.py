"""Records as JSON text: writing values, and splitting a record into its members.

Amounts never pass through a float: a decimal is written with all the digits its field has
(`12.990`), and text that is already written stays as it is.
"""

from __future__ import annotations

import datetime as dt
import re
import typing as t
from decimal import Decimal
from json.encoder import encode_basestring_ascii

import msgspec

from sage300_servicenow_sandbox.sage.model import load_types

if t.TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from sage300_servicenow_sandbox.sage.model import Property

_EMPTY: t.Final = {
    "string": '""',
    "date": "null",
    "time": '"1899-12-30T00:00:00Z"',  # Sage's empty time
    "boolean": "false",
    "int32": "0",
    "int64": "0",
    "collection": "[]",
}
_LARGEST: t.Final = {"int32": 2**31 - 1, "int64": 2**63 - 1}
_LONGEST_DECIMAL: t.Final = 19
_DAY: t.Final = re.compile(r"(\d{4}-\d\d-\d\d)(T00:00:00Z)?")
_TIME: t.Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

_empty_records: dict[tuple[str, str], dict[str, str]] = {}


def render(resource: str, type_name: str, values: Mapping[str, t.Any]) -> str:
    """Write one record of a type: these values, and every other property empty.

    Raises:
        ValueError: The type lacks a property, or a value does not fit; the text is a sentence
            that names the property.
    """
    texts = _empty_record(resource, type_name).copy()
    properties = load_types(resource)[type_name].properties
    for name, value in values.items():
        if name not in properties:
            raise ValueError(f"{type_name} has no property {name}")
        texts[name] = encode(resource, properties[name], value)
    return join(texts)


def encode(resource: str, prop: Property, value: t.Any) -> str:
    """Write one value as JSON text.

    Decimals are given as Decimal or int, dates as date or ISO text, collections as a list of
    mappings, everything else as its JSON value.

    Raises:
        ValueError: The value does not fit the property.
    """
    nested = prop.kind == "collection"
    text = _collection(resource, prop, value) if nested else _scalar(prop, value)
    if text is None:
        raise ValueError(f"{prop.name} takes {_wanted(prop)}, not {value!r}")
    return text


def members(record: str) -> dict[str, str]:
    """Split a record's text into its members' texts, by name, without touching a digit."""
    raw = msgspec.json.decode(record, type=dict[str, msgspec.Raw])
    return {name: bytes(text).decode() for name, text in raw.items()}


def join(texts: Mapping[str, str]) -> str:
    """Join members' texts to a record's text."""
    return "{" + ",".join([f'"{name}":{text}' for name, text in texts.items()]) + "}"


def first_details(record: str, lists: AbstractSet[str], most: int, address: str) -> str:
    """Return a record with the first entries of some lists, and links to the others."""
    texts = members(record)
    for name in lists & texts.keys():
        entries = msgspec.json.decode(texts[name], type=list[msgspec.Raw])
        texts[name] = "[" + ",".join(bytes(entry).decode() for entry in entries[:most]) + "]"
        if len(entries) > most:
            texts[f"{name}@odata.nextLink"] = f'"{address}/{name}?$skip={most}"'
    return join(texts)


def _empty_record(resource: str, type_name: str) -> dict[str, str]:
    key = (resource, type_name)
    if key not in _empty_records:
        properties = load_types(resource)[type_name].properties
        _empty_records[key] = {name: empty(prop) for name, prop in properties.items()}
    return _empty_records[key]


def empty(prop: Property) -> str:
    """Return the JSON text of a property without a value."""
    if prop.members:
        return f'"{next(iter(prop.members))}"'
    if prop.kind == "decimal":
        return f"{Decimal(0):.{prop.size}f}"
    return _EMPTY[prop.kind]


def _scalar(prop: Property, value: t.Any) -> str | None:
    if isinstance(value, str):
        return _text(prop, value)
    if isinstance(value, bool):
        return str(value).lower() if prop.kind == "boolean" else None
    if isinstance(value, (int, Decimal)):
        return _number(prop, value)
    if prop.kind == "date" and value is None:
        return "null"
    if prop.kind == "date" and isinstance(value, dt.date):
        return f'"{value.isoformat()}T00:00:00Z"'
    return None


def _text(prop: Property, value: str) -> str | None:
    if prop.kind == "string":
        fits = prop.size is None or len(value) <= prop.size
        return encode_basestring_ascii(value) if fits else None
    if prop.kind == "date":
        return _day(value)
    if prop.kind == "time":
        return f'"{value}"' if _TIME.fullmatch(value) else None
    return f'"{value}"' if value in (prop.members or ()) else None


def _day(value: str) -> str | None:
    found = _DAY.fullmatch(value)
    try:
        return f'"{dt.date.fromisoformat(found[1])}T00:00:00Z"' if found else None
    except ValueError:
        return None


def _number(prop: Property, value: int | Decimal) -> str | None:
    if prop.kind == "decimal":
        text = f"{value:.{prop.size}f}" if isinstance(value, Decimal) else _whole(prop, value)
        return text if Decimal(text) == value and len(text) <= _LONGEST_DECIMAL else None
    fits = isinstance(value, int) and abs(value) <= _LARGEST.get(prop.kind, -1)
    return str(value) if fits else None


def _whole(prop: Property, value: int) -> str:
    return f"{value}.{'0' * prop.size}" if prop.size else str(value)


def _collection(resource: str, prop: Property, value: t.Any) -> str | None:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        return None
    return "[" + ",".join([render(resource, prop.item_type, item) for item in value]) + "]"


def _wanted(prop: Property) -> str:
    if prop.members:
        return "one of " + ", ".join(prop.members)
    if prop.kind == "string":
        return "text" if prop.size is None else f"text of at most {prop.size} characters"
    if prop.kind == "decimal":
        return f"a number with at most {prop.size} digits after the point"
    return {
        "date": "a date such as 2026-11-20, or null",
        "time": "a time such as 1899-12-30T09:30:00Z",
        "boolean": "true or false",
        "collection": "a list of objects",
    }.get(prop.kind, "a whole number")
