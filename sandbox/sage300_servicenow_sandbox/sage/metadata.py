"""`$metadata`: a module's model as CSDL, EDMX 4.0.

Shapes follow Sage's published AR metadata, in its V4 form: numbers and enums are not nullable,
text and dates are; detail collections are complex types without keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from .model import load_types

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .model import Property, RecordType
    from .resources import Resource

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
    root = ET.Element("edmx:Edmx", {"Version": "4.0", "xmlns:edmx": _EDMX})
    services = ET.SubElement(root, "edmx:DataServices")
    schema = ET.SubElement(services, "Schema", Namespace=resources[0].namespace, xmlns=_EDM)
    for resource in resources:
        _, *nested = load_types(resource.name).values()
        for record_type in (resource.record_type, *nested):
            _add_type(schema, resource, record_type)
    container_schema = ET.SubElement(services, "Schema", Namespace="Default", xmlns=_EDM)
    container = ET.SubElement(container_schema, "EntityContainer", Name="Container")
    for resource in resources:
        type_name = f"{resource.namespace}.{resource.record_type.name}"
        ET.SubElement(container, "EntitySet", Name=resource.name, EntityType=type_name)
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text


def _add_type(schema: ET.Element, resource: Resource, record_type: RecordType) -> None:
    is_entity = record_type.name == resource.record_type.name
    element = ET.SubElement(
        schema, "EntityType" if is_entity else "ComplexType", Name=record_type.name
    )
    if is_entity:
        key = ET.SubElement(element, "Key")
        for name in resource.keys:
            ET.SubElement(key, "PropertyRef", Name=name)
    enums: dict[str, Property] = {}
    for prop in record_type.properties.values():
        attributes = {"Name": prop.name, "Type": _type(resource, record_type, prop)}
        if prop.kind not in _NULLABLE or prop.name in resource.keys:
            attributes["Nullable"] = "false"
        ET.SubElement(element, "Property", attributes)
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


def _add_enum(schema: ET.Element, name: str, prop: Property) -> None:
    element = ET.SubElement(schema, "EnumType", Name=name)
    for member, value in (prop.members or {}).items():
        ET.SubElement(element, "Member", Name=member, Value=str(value))
