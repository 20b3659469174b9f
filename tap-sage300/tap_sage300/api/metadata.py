"""``$metadata`` of a Sage 300 module (CSDL in EDMX 4.0) to JSON Schema. Pure.

Shapes follow OData CSDL 4.0 and Sage's published AR metadata: details are complex types and come
inline, so navigation properties are left alone.
"""

from __future__ import annotations

import codecs
import re
import typing as t
from xml.etree import ElementTree

JsonSchema: t.TypeAlias = "dict[str, t.Any]"

NO_DATA = "UpdateOperation"
"""A property of every entity and detail; always ``Unspecified`` on a read."""

MOST_PROPERTIES = 200_000
"""Of all entities of a module, those of nested types and base types included."""

_MARKS: t.Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins like the one of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
"""How a document begins in an encoding: with a byte order mark, or a bracket of two bytes."""
_DECLARED: t.Final = re.compile(
    rb"""\s*<\?xml[^>]{0,200}?\sencoding\s*=\s*["']([\w.:-]{1,40})["']"""
)
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


def parse(content: bytes | bytearray) -> dict[str, JsonSchema]:
    """Read a metadata document.

    Returns:
        The JSON Schema of each entity set, by its name.

    Raises:
        ValueError: It is not a metadata document; the text says why, after "it".
    """
    try:
        # Of text, what its declaration says of an encoding does not count any more.
        root = ElementTree.fromstring(_text(content))  # noqa: S314 - expat bounds what entities grow to
    except ElementTree.ParseError as fault:
        raise ValueError("is no XML") from fault
    names = _Names(root)
    found = {
        item.get("Name", ""): element
        for item in root.iter(f"{_EDM}EntitySet")
        if (element := names.types.get(names.full(item.get("EntityType", "")))) is not None
    }
    if not found:
        raise ValueError("describes no entities")
    reader = _Reader(names)
    try:
        return {name: reader.object(element, frozenset()) for name, element in found.items()}
    except RecursionError as fault:
        raise ValueError("describes types that are nested too deep") from fault


def _text(content: bytes | bytearray) -> str:
    """Decode a document: by its mark, or as it declares where that can be, or else as UTF-8.

    Raises:
        ValueError: It is in no known encoding.
    """
    marked = next((name for mark, name in _MARKS if content.startswith(mark)), None)
    declared = _DECLARED.match(content)
    for encoding in [marked] if marked else [declared and declared[1].decode(), "utf-8"]:
        try:
            text = content.decode(encoding or "utf-8").lstrip("\ufeff\r\n\t ")
        except (LookupError, UnicodeError):
            continue
        if text.startswith("<"):  # UTF-16 makes some other letters of almost anything
            return text
    raise ValueError("is no XML, or not in the encoding that it declares")


class _Names:
    """The types of a document by their full names.

    Attributes:
        types: Entity types and complex types.
        definitions: Types that are another name for a primitive one.
    """

    def __init__(self, root: ElementTree.Element) -> None:
        """Collect them from every schema of the document."""
        self._aliases: dict[str, str] = {}
        self.types: dict[str, ElementTree.Element] = {}
        self.definitions: dict[str, ElementTree.Element] = {}
        for schema in root.iter(f"{_EDM}Schema"):
            namespace = schema.get("Namespace", "")
            self._aliases[schema.get("Alias", namespace)] = namespace
            for kind, found in (
                ("EntityType", self.types),
                ("ComplexType", self.types),
                ("TypeDefinition", self.definitions),
            ):
                for element in schema.iterfind(f"{_EDM}{kind}"):
                    found[f"{namespace}.{element.get('Name')}"] = element

    def full(self, name: str) -> str:
        """Return a type's full name, where the alias of its schema may stand in front."""
        space, _, simple = name.rpartition(".")
        return f"{self._aliases.get(space, space)}.{simple}"

    def primitive(self, name: str, facets: ElementTree.Element) -> tuple[str, str | None]:
        """Return the primitive type behind a name, and its scale.

        Args:
            name: A full name that is none of ``types``.
            facets: The property, whose own scale counts.
        """
        scale, passed = facets.get("Scale"), {name}
        while (definition := self.definitions.get(name)) is not None:
            scale = scale or definition.get("Scale")
            name = self.full(definition.get("UnderlyingType", ""))
            if name in passed:  # a circle
                break
            passed.add(name)
        return name, scale


class _Reader:
    """Makes schemas of types; counts what it reads, since types that hold each other multiply."""

    def __init__(self, names: _Names) -> None:
        """Start to count."""
        self._names = names
        self._left = MOST_PROPERTIES

    def object(self, element: ElementTree.Element, inside: frozenset[str]) -> JsonSchema:
        """Return the schema of an entity or complex type.

        Args:
            element: The type.
            inside: Full names of the types it is nested in.

        Raises:
            ValueError: There are too many properties.
        """
        properties: JsonSchema = {}
        for part in self._with_bases(element):
            for item in part.iterfind(f"{_EDM}Property"):
                self._count()
                if (name := item.get("Name", "")) != NO_DATA:
                    properties[name] = self._property(item, inside)
        return {"type": "object", "properties": properties}

    def _with_bases(self, element: ElementTree.Element) -> list[ElementTree.Element]:
        """Return a type after those it is based on, each once even where they form a circle."""
        chain: dict[int, ElementTree.Element] = {}
        following: ElementTree.Element | None = element
        while following is not None and id(following) not in chain:
            self._count()
            chain[id(following)] = following
            following = self._names.types.get(self._names.full(following.get("BaseType", "")))
        return list(chain.values())[::-1]

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise ValueError(f"describes more than {MOST_PROPERTIES} properties")

    def _property(self, element: ElementTree.Element, inside: frozenset[str]) -> JsonSchema:
        name = element.get("Type", "")
        item = name.removeprefix("Collection(").removesuffix(")")
        schema = self._value(self._names.full(item), element, inside)
        if item != name:
            return {"type": ["array", "null"], "items": schema}
        if element.get("Nullable") == "false":
            return dict(schema)
        return {**schema, "type": [schema["type"], "null"]}

    def _value(self, name: str, element: ElementTree.Element, inside: frozenset[str]) -> JsonSchema:
        if name in inside:  # a type that holds itself is described once
            return {"type": "object", "additionalProperties": True}
        if (nested := self._names.types.get(name)) is not None:
            return self.object(nested, inside | {name}) | {"additionalProperties": True}
        primitive, scale = self._names.primitive(name, element)
        whole = primitive == "Edm.Decimal" and scale == "0"
        return {"type": "integer"} if whole else _TYPES.get(primitive, _TEXT)


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
