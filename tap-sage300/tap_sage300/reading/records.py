"""What Sage 300 sent, made into records. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from decimal import Decimal

from tap_sage300.api.keys import as_integer
from tap_sage300.api.metadata import NO_DATA

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

COMPANY = "CompanyID"


@dataclass(frozen=True)
class Shape:
    """The parts of a schema of an entity or detail that matter when a record is made.

    Attributes:
        integers: Properties that are whole numbers.
        nested: Shapes of its nested collections, by property.
    """

    integers: tuple[str, ...]
    nested: Mapping[str, Shape]


def shape_of(schema: Mapping[str, t.Any]) -> Shape:
    """Read a JSON Schema of an object."""
    properties = schema.get("properties", {}).items()
    return Shape(
        tuple(name for name, part in properties if "integer" in part.get("type", ())),
        {
            name: shape_of(part["items"])
            for name, part in properties
            if "array" in part.get("type", ()) and "properties" in part.get("items", {})
        },
    )


def normalize(entity: dict[str, t.Any], shape: Shape) -> None:
    """Make whole numbers integers (keys arrive as decimals) and drop what holds no data."""
    entity.pop(NO_DATA, None)
    for name in shape.integers:
        if isinstance(value := entity.get(name), Decimal):
            entity[name] = as_integer(value)
    for name, inner in shape.nested.items():
        details = entity.get(name)
        for detail in details if isinstance(details, list) else ():
            if isinstance(detail, dict):
                normalize(detail, inner)


@dataclass(frozen=True)
class Builder:
    """Builds the records of one stream.

    Attributes:
        known: Every property of the catalog's schema.
        selected: Those of them that are emitted.
        shape: What matters of the schema.
        calculated: Prefixes of the names of helper properties, which hold no data.
    """

    known: frozenset[str]
    selected: frozenset[str]
    shape: Shape
    calculated: tuple[str, ...]

    def build(
        self, company: str, entities: Sequence[dict[str, t.Any]]
    ) -> Iterator[dict[str, t.Any]]:
        """Make records: the company first, then what is selected, as Sage names and sends it.

        The entities are changed in place; those of one page mostly have the same properties.
        """
        same: frozenset[str] = frozenset()
        dropped: list[str] = []
        for entity in entities:
            if entity.keys() != same:
                same = frozenset(entity)
                dropped = [name for name in entity if name not in self.selected]
            for name in dropped:
                del entity[name]
            normalize(entity, self.shape)
            yield {COMPANY: company, **entity}

    def to_select(self, required: Iterable[str]) -> list[str]:
        """Return the properties to request; none when all that the catalog knows are wanted."""
        wanted = self.selected | set(required)
        ours = self.known - {COMPANY}
        return [] if wanted >= ours else sorted(ours & wanted)

    def unknown(self, entity: Mapping[str, t.Any]) -> frozenset[str]:
        """Return the properties the catalog does not know, such as those of a partner's add-on."""
        unknown = entity.keys() - self.known - {NO_DATA}
        return frozenset(name for name in unknown if not name.startswith(self.calculated))


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
