"""From what Sage 300 sent to what a Singer record holds. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from decimal import Decimal

from tap_sage300.keys import as_integer

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

COMPANY = "CompanyID"
NO_DATA = "UpdateOperation"
"""On every entity and detail; always ``Unspecified`` on a read."""


@dataclass(frozen=True)
class Shape:
    """Which properties of a detail or entity are whole numbers, and its nested collections."""

    integers: tuple[str, ...]
    nested: Mapping[str, Shape]


def shape_of(schema: Mapping[str, t.Any]) -> Shape:
    """Read a JSON Schema of an object."""
    properties = schema.get("properties", {}).items()
    return Shape(
        tuple(name for name, one in properties if "integer" in one.get("type", ())),
        {
            name: shape_of(one["items"])
            for name, one in properties
            if "array" in one.get("type", ()) and "properties" in one.get("items", {})
        },
    )


def settle(entity: dict[str, t.Any], shape: Shape) -> None:
    """Make whole numbers integers (keys arrive as decimals) and drop what holds no data."""
    entity.pop(NO_DATA, None)
    for name in shape.integers:
        if isinstance(value := entity.get(name), Decimal):
            entity[name] = as_integer(value)
    for name, inner in shape.nested.items():
        for detail in entity.get(name) or ():
            settle(detail, inner)


@dataclass(frozen=True)
class Builder:
    """Builds the records of one stream.

    Attributes:
        known: Every property of the catalog's schema.
        selected: Those of them that are emitted.
        shape: The types of the schema.
        calculated: Beginnings of the names of helper properties, which hold no data.
    """

    known: frozenset[str]
    selected: frozenset[str]
    shape: Shape
    calculated: tuple[str, ...]

    def build(
        self, company: str, entities: Sequence[dict[str, t.Any]]
    ) -> Iterator[dict[str, t.Any]]:
        """Make records: the company first, then what is selected, as Sage names and sends it.

        The entities are used up; those of one page mostly have the same properties.
        """
        same: frozenset[str] = frozenset()
        dropped: list[str] = []
        for entity in entities:
            if entity.keys() != same:
                same = frozenset(entity)
                dropped = [name for name in entity if name not in self.selected]
            for name in dropped:
                del entity[name]
            settle(entity, self.shape)
            yield {COMPANY: company, **entity}

    def to_select(self, needed: Iterable[str]) -> list[str]:
        """Name the properties to ask for; none when nothing the catalog knows is left out."""
        wanted = self.selected | set(needed)
        ours = self.known - {COMPANY}
        return [] if wanted >= ours else sorted(ours & wanted)

    def unknown(self, entity: Mapping[str, t.Any]) -> frozenset[str]:
        """Name the properties the catalog does not know, such as those of a partner's add-on."""
        strange = entity.keys() - self.known - {NO_DATA}
        return frozenset(name for name in strange if not name.startswith(self.calculated))


def builder(
    schema: Mapping[str, t.Any],
    is_selected: Callable[[str], bool],
    calculated: Iterable[str],
) -> Builder:
    """Make the builder for a schema and a selection."""
    known = frozenset(schema["properties"])
    return Builder(
        known, frozenset(filter(is_selected, known)), shape_of(schema), tuple(calculated)
    )
