"""`$metadata`: a module's model as CSDL, EDMX 4.0.

Shapes follow Sage's published AR metadata, in its V4 form: numbers and enums are not nullable,
text and dates are; detail collections are complex types without keys.
"""

from __future__ import annotations

import typing as t
from xml.etree import ElementTree

from sage300_servicenow_sandbox.sage.model import load_types

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from sage300_servicenow_sandbox.sage.model import Property, RecordType
    from sage300_servicenow_sandbox.sage.resources import Resource

_EDMX = "http://docs.oasis-open.org/odata/ns/edmx"
_EDM = "http://docs.oasis-open.org/odata/ns/edm"
_TYPES = {
    "string": "Edm.String",
    "decimal": "Edm.Decimal",
    "int32": "Edm.Int32",
    "int64": "Edm.Int64",
    "boolean": "Edm.Boolean",
    "date": "Edm.DateTimeOffset",
    "time": "Edm.DateTimeOffset",
}
_NULLABLE = ("string", "date")


def document(module: str, served: Iterable[Resource]) -> bytes:
    """Return the metadata document of a module as a site serves it, XML in UTF-8."""
    resources = [resource for resource in served if resource.module == module]
    root = ElementTree.Element("edmx:Edmx", {"Version": "4.0", "xmlns:edmx": _EDMX})
    services = ElementTree.SubElement(root, "edmx:DataServices")
    schema = ElementTree.SubElement(
        services, "Schema", Namespace=resources[0].namespace, xmlns=_EDM
    )
    for resource in resources:
        _, *nested = load_types(resource.name).values()
        for record_type in (resource.record_type, *nested):
            _add_type(schema, resource, record_type)
    container_schema = ElementTree.SubElement(services, "Schema", Namespace="Default", xmlns=_EDM)
    container = ElementTree.SubElement(container_schema, "EntityContainer", Name="Container")
    for resource in resources:
        type_name = f"{resource.namespace}.{resource.record_type.name}"
        ElementTree.SubElement(container, "EntitySet", Name=resource.name, EntityType=type_name)
    text: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return text


def _add_type(schema: ElementTree.Element, resource: Resource, record_type: RecordType) -> None:
    is_entity = record_type.name == resource.record_type.name
    element = ElementTree.SubElement(
        schema, "EntityType" if is_entity else "ComplexType", Name=record_type.name
    )
    if is_entity:
        key = ElementTree.SubElement(element, "Key")
        for name in resource.keys:
            ElementTree.SubElement(key, "PropertyRef", Name=name)
    enums: dict[str, Property] = {}
    for prop in record_type.properties.values():
        attributes = {"Name": prop.name, "Type": _type(resource, record_type, prop)}
        if prop.kind not in _NULLABLE or prop.name in resource.keys:
            attributes["Nullable"] = "false"
        ElementTree.SubElement(element, "Property", attributes)
        if prop.members:
            enums.setdefault(resource.enum_name(record_type.name, prop), prop)
    for full_name, prop in enums.items():
        _add_enum(schema, full_name.rpartition(".")[2], prop)


def _type(resource: Resource, record_type: RecordType, prop: Property) -> str:
    if prop.members:
        return resource.enum_name(record_type.name, prop)
    if prop.kind == "collection":
        return f"Collection({resource.namespace}.{prop.item_type})"
    return _TYPES[prop.kind]


def _add_enum(schema: ElementTree.Element, name: str, prop: Property) -> None:
    element = ElementTree.SubElement(schema, "EnumType", Name=name)
    for member, value in (prop.members or {}).items():
        ElementTree.SubElement(element, "Member", Name=member, Value=str(value))
