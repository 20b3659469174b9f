"""``$metadata`` of a Sage 300 module (CSDL in EDMX 4.0) to JSON Schema. Pure.

Shapes follow OData CSDL 4.0 and Sage's published AR metadata: details are complex types and come
inline, so navigation properties are left alone.
"""

from __future__ import annotations

import typing as t
from xml.etree import ElementTree

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

JsonSchema: t.TypeAlias = "dict[str, t.Any]"

NO_DATA = "UpdateOperation"
"""A property of every entity and detail; always ``Unspecified`` on a read."""

MOST_PROPERTIES = 200_000
"""Of all entities of a module, those of nested types included."""

_EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
_TYPES: t.Final[dict[str, JsonSchema]] = {
    "Edm.String": {"type": "string"},
    "Edm.Boolean": {"type": "boolean"},
    "Edm.Decimal": {"type": "number"},
    "Edm.Double": {"type": "number"},
    "Edm.Single": {"type": "number"},
    **{f"Edm.{name}": {"type": "integer"} for name in ("Byte", "SByte", "Int16", "Int32", "Int64")},
    "Edm.DateTimeOffset": {"type": "string", "format": "date-time"},
    "Edm.Date": {"type": "string", "format": "date"},
}
_TEXT: t.Final[JsonSchema] = {"type": "string"}
"""Enums, whose members vary with version and language, and types that JSON does not have."""


def parse(content: bytes) -> dict[str, JsonSchema]:
    """Read a metadata document.

    Returns:
        The JSON Schema of each entity set, by its name.

    Raises:
        ValueError: It is not a metadata document.
    """
    try:
        root = ElementTree.fromstring(content)  # noqa: S314 - expat refuses entities that blow up
    except ElementTree.ParseError as fault:
        raise ValueError("no XML") from fault
    types: dict[str, ElementTree.Element] = {}
    for schema in root.iter(f"{_EDM}Schema"):
        for kind in ("EntityType", "ComplexType"):
            for element in schema.iterfind(f"{_EDM}{kind}"):
                types[f"{schema.get('Namespace')}.{element.get('Name')}"] = element
    sets = {
        item.get("Name", ""): types[item.get("EntityType", "")]
        for item in root.iter(f"{_EDM}EntitySet")
        if item.get("EntityType") in types
    }
    if not sets:
        raise ValueError("no entity sets")
    left = iter(range(MOST_PROPERTIES))
    try:
        return {name: _object(element, types, frozenset(), left) for name, element in sets.items()}
    except RecursionError as fault:
        raise ValueError("types that rest on each other in a circle") from fault


def _object(
    element: ElementTree.Element,
    types: Mapping[str, ElementTree.Element],
    inside: frozenset[str],
    left: Iterator[int],
) -> JsonSchema:
    base = types.get(element.get("BaseType", ""))
    properties = {} if base is None else dict(_object(base, types, inside, left)["properties"])
    for item in element.iterfind(f"{_EDM}Property"):
        name = item.get("Name", "")
        if next(left, None) is None:  # types that hold each other multiply
            raise ValueError(f"more than {MOST_PROPERTIES} properties")
        if name != NO_DATA:
            properties[name] = _property(item, types, inside, left)
    return {"type": "object", "properties": properties}


def _property(
    element: ElementTree.Element,
    types: Mapping[str, ElementTree.Element],
    inside: frozenset[str],
    left: Iterator[int],
) -> JsonSchema:
    name = element.get("Type", "")
    item = name.removeprefix("Collection(").removesuffix(")")
    if item in types and item not in inside:
        nested = _object(types[item], types, inside | {item}, left)
        schema = nested | {"additionalProperties": True}
    elif item in types:  # a type that holds itself is described once
        schema = {"type": "object", "additionalProperties": True}
    elif item == "Edm.Decimal" and element.get("Scale") == "0":
        schema = {"type": "integer"}
    else:
        schema = _TYPES.get(item, _TEXT)
    if item != name:
        return {"type": ["array", "null"], "items": schema}
    if element.get("Nullable") == "false":
        return dict(schema)
    return {**schema, "type": [schema["type"], "null"]}


def merge(
    shipped: JsonSchema,
    site: JsonSchema,
    calculated: tuple[str, ...] = (),
    *,
    for_every_site: bool = False,
) -> JsonSchema:
    """Add to a shipped schema what a site knows better: its types, and properties of its own.

    Properties that the site lacks stay, so that companies of several versions fit one schema.

    Args:
        shipped: JSON Schema of an object.
        site: The same, as the site describes it.
        calculated: Prefixes of the names of properties that hold no data.
        for_every_site: The result is to be shipped: where several types are allowed because sites
            differ, one site's type does not replace them.
    """
    properties = dict(shipped.get("properties", {}))
    for name, theirs in site.get("properties", {}).items():
        if not (calculated and name.startswith(calculated)):
            ours = properties.get(name)
            properties[name] = theirs if ours is None else _better(ours, theirs, for_every_site)
    return {**shipped, "properties": properties}


def _better(ours: JsonSchema, theirs: JsonSchema, for_every_site: bool) -> JsonSchema:  # noqa: FBT001
    """Choose between two schemas of a property."""
    if "items" in ours and "items" in theirs:
        items = merge(ours["items"], theirs["items"], for_every_site=for_every_site)
        return {**ours, "items": items}
    kinds = _kinds(ours), _kinds(theirs)
    # Numbers of batches, entries and lines are Edm.Decimal on every site, and whole all the same.
    alike = kinds[0] == kinds[1] or kinds[0] | kinds[1] <= {"integer", "number"}
    return ours if alike or (for_every_site and kinds[0] > kinds[1]) else theirs


def _kinds(schema: JsonSchema) -> set[str]:
    """Return types and format of a property; whether it may be null is another matter."""
    named = schema.get("type", [])
    kinds = {named} if isinstance(named, str) else set(named)
    return (kinds - {"null"}) | ({schema["format"]} if "format" in schema else set())


def date_in(schema: JsonSchema, names: tuple[str, ...]) -> str | None:
    """Return the first of some properties that the schema has as a date."""
    properties = schema.get("properties", {})
    return next((n for n in names if "format" in properties.get(n, {})), None)
