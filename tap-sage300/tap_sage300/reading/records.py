"""What Sage 300 sent, made into records. Pure."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from tap_sage300.api.keys import as_integer
from tap_sage300.api.lazy import LazyList
from tap_sage300.api.metadata import NO_DATA

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    IsSelected: t.TypeAlias = Callable[[tuple[str, ...]], bool]

COMPANY = "CompanyID"


@dataclass(frozen=True)
class Shape:
    """The parts of a schema of an entity or detail that matter when a record is made.

    Attributes:
        integers: Properties that are whole numbers.
        dropped: Properties that are not selected, or hold no data.
        nested: Shapes of its nested collections, by property.
    """

    integers: tuple[str, ...]
    dropped: tuple[str, ...]
    nested: Mapping[str, Shape]


def shape_of(
    schema: Mapping[str, t.Any], is_selected: IsSelected, path: tuple[str, ...] = ()
) -> Shape:
    """Read a JSON Schema of an object.

    Args:
        schema: The schema.
        is_selected: Whether a property is selected, by the names that lead to it.
        path: Names that lead to the object.
    """
    properties = schema.get("properties", {}).items()
    return Shape(
        tuple(name for name, part in properties if "integer" in part.get("type", ())),
        (NO_DATA, *(name for name, _ in properties if path and not is_selected((*path, name)))),
        {
            name: shape_of(part["items"], is_selected, (*path, name))
            for name, part in properties
            if "array" in part.get("type", ()) and "properties" in part.get("items", {})
        },
    )


def normalize(entity: dict[str, t.Any], shape: Shape) -> None:
    """Make whole numbers integers (keys arrive as decimals) and drop what holds no data.

    The details of a large list are normalized when it is their turn.
    """
    for name in shape.dropped:
        entity.pop(name, None)
    for name in shape.integers:
        if isinstance(value := entity.get(name), Decimal):
            entity[name] = as_integer(value)
    for name, inner in shape.nested.items():
        details = entity.get(name)
        if isinstance(details, LazyList):
            entity[name] = details.changed(partial(_normalized, shape=inner))
        elif isinstance(details, list):
            for detail in details:
                if isinstance(detail, dict):
                    normalize(detail, inner)


def _normalized(detail: object, shape: Shape) -> object:
    if not isinstance(detail, Mapping):
        return detail
    entity = dict(detail)
    normalize(entity, shape)
    return entity


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
        self, company: str, rows: Iterable[Mapping[str, t.Any]]
    ) -> Iterator[dict[str, t.Any]]:
        """Make records: the company first, then what is selected, as Sage names and sends it.

        The rows are changed in place; those of one page mostly have the same properties.
        """
        same: frozenset[str] = frozenset()
        dropped: list[str] = []
        for row in rows:
            entity = row if isinstance(row, dict) else dict(row)
            if entity.keys() != same:
                same = frozenset(entity)
                # A property of the site's own that is called CompanyID does not replace ours.
                kept = self.selected - {COMPANY}
                dropped = [name for name in entity if name not in kept]
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
    is_selected: IsSelected,
    calculated: Iterable[str],
) -> Builder:
    """Make the builder for a schema and a selection."""
    known = frozenset(schema["properties"])
    return Builder(
        known,
        frozenset(name for name in known if is_selected((name,))),
        shape_of(schema, is_selected),
        tuple(calculated),
    )
