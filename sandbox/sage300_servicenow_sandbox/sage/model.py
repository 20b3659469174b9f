"""The entity model: the resources and their properties, one file each under data/.

One description serves the generator, `$metadata`, `$filter` and the checking of edits.
Property names, order and types are those of live responses and of Sage's own payload samples.

The file of a resource is named after it and holds:

- `keys`: its key properties, in the order in which records are sorted;
- `change_date`: the property that an edit moves to the day of the edit, if there is one;
- `indexed`: further properties that are often filtered by;
- `types`: the resource's own type and the types nested in it, each with its properties as
  `name: type`, in the order in which they are sent. A type is `string [longest]`,
  `decimal <digits after the point>`, `int32`, `int64`, `boolean`, `date` (null when empty), `time`,
  `enum <members, the first is the default>`, or `"[Type]"` for a collection of another type of the
  file. `Name(1-5)` is short for Name1 to Name5.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_RANGE = re.compile(r"\(1-(\d+)\)")
_KINDS = ("string", "decimal", "int32", "int64", "boolean", "date", "time")


@dataclass(frozen=True)
class Property:
    """One property of a type.

    Attributes:
        name: The property's name.
        kind: string, decimal, int32, int64, boolean, date, time, enum or collection.
        size: The greatest length of a string (None, not published), or the digits after the point
            of a decimal.
        members: The names of an enum with their values; the first is the default.
        item_type: The name of a collection's type.
    """

    name: str
    kind: str
    size: int | None = None
    members: Mapping[str, int] | None = None
    item_type: str = ""


@dataclass(frozen=True)
class RecordType:
    """A type and its properties, in the order in which Sage 300 sends them."""

    name: str
    properties: Mapping[str, Property]


@dataclass(frozen=True)
class Description:
    """What the file of a resource holds.

    Attributes:
        types: The types by name; the resource's own type comes first.
        keys: The key properties, in the order in which records are sorted.
        change_date: The property that an edit moves, None where there is none.
        indexed: Further properties that are often filtered by.
    """

    types: Mapping[str, RecordType]
    keys: tuple[str, ...]
    change_date: str | None
    indexed: tuple[str, ...]


_FOLDER = files(__package__) / "data"


def names() -> list[str]:
    """Return the names of all resources, in alphabetical order."""
    return sorted(file.name.removesuffix(".yaml") for file in _FOLDER.iterdir())


@cache
def describe(resource: str) -> Description:
    """Read the file of a resource, once per process."""
    content = yaml.safe_load((_FOLDER / f"{resource}.yaml").read_text(encoding="utf-8"))
    return Description(
        types={name: _record_type(name, fields) for name, fields in content["types"].items()},
        keys=tuple(content["keys"]),
        change_date=content.get("change_date"),
        indexed=tuple(content.get("indexed", ())),
    )


def load_types(resource: str) -> Mapping[str, RecordType]:
    """Return the types of one resource by name; the resource's own type comes first."""
    return describe(resource).types


def _record_type(type_name: str, fields: Mapping[str, str]) -> RecordType:
    properties = {
        name: read_property(name, text)
        for folded, text in fields.items()
        for name in _unfold(folded)
    }
    return RecordType(type_name, properties)


def _unfold(name: str) -> Iterator[str]:
    """Yield Name1 to Name5 for Name(1-5), and any other name as it is."""
    found = _RANGE.search(name)
    if not found:
        yield name
        return
    for number in range(1, int(found[1]) + 1):
        yield _RANGE.sub(str(number), name)


def read_property(name: str, text: str) -> Property:
    """Return the property that a line `name: text` of a type describes.

    Raises:
        ValueError: The text describes no type.
    """
    if text.startswith("["):
        return Property(name, "collection", item_type=text.strip("[]"))
    kind, *rest = text.split() or [""]
    if kind == "enum" and rest:
        return Property(name, kind, members=dict(_members(rest)))
    sized = len(rest) == 1 and rest[0].isdigit()
    if kind not in _KINDS or (rest and not sized) or (kind == "decimal" and not rest):
        raise ValueError(f"{text!r} is not a type: write string, decimal 3, date or enum No Yes")
    return Property(name, kind, size=int(rest[0]) if rest else None)


def _members(texts: list[str]) -> Iterator[tuple[str, int]]:
    for position, text in enumerate(texts):
        member, _, value = text.partition("=")
        yield member, int(value or position)
