"""The entity model: which properties each Sage 300 type has, read from the files under data/.

One description serves the generator, `$metadata`, `$filter` and the checking of edits.
Property names, order and types are those of live responses and of Sage's own payload samples.
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

    `kind` is string, decimal, int32, int64, boolean, date, time, enum or collection. `size` is
    a string's greatest length (None: not published) or a decimal's digits after the point.
    `members` are an enum's names with their values, the first being the default; `item_type` is
    the name of a collection's type.
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


@cache
def load_types(resource: str) -> Mapping[str, RecordType]:
    """Return the types of one resource by name; the resource's own type comes first."""
    path = files(__package__) / "data" / f"{resource}.yaml"
    described: dict[str, dict[str, str]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {
        type_name: RecordType(
            type_name,
            {
                name: read_property(name, text)
                for folded, text in fields.items()
                for name in _unfold(folded)
            },
        )
        for type_name, fields in described.items()
    }


def _unfold(name: str) -> Iterator[str]:
    """Give Name1 to Name5 for Name(1-5), and any other name as it is."""
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
        raise ValueError(f"{text!r} is no type; take string, decimal 3, date or enum No Yes.")
    return Property(name, kind, size=int(rest[0]) if rest else None)


def _members(texts: list[str]) -> Iterator[tuple[str, int]]:
    for position, text in enumerate(texts):
        member, _, value = text.partition("=")
        yield member, int(value or position)
