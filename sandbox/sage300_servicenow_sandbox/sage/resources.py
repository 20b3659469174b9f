"""The resources that the Sage 300 side serves, as shipped and as one site has them."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, replace
from string import digits

from sage300_servicenow_sandbox.declared import DeclarationError
from sage300_servicenow_sandbox.sage.model import (
    Property,
    RecordType,
    describe,
    load_types,
    names,
    read_property,
)

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from sage300_servicenow_sandbox.sage.behaviours import Behaviours


@dataclass(frozen=True)
class Resource:
    """One resource of the Web API.

    Attributes:
        name: Its name; the first two letters are its module.
        keys: Its key properties, in the order in which records are sorted.
        change_date: The property that an edit moves to the day of the edit, None where the table
            has no such column.
        indexed: Further properties that are often filtered by.
        site_properties: Properties that a site has beyond the product's own.
    """

    name: str
    keys: tuple[str, ...]
    change_date: str | None
    indexed: tuple[str, ...]
    site_properties: tuple[Property, ...] = ()

    @property
    def module(self) -> str:
        """The module that serves it."""
        return self.name[:2]

    @property
    def record_type(self) -> RecordType:
        """The type of its records."""
        shipped = next(iter(load_types(self.name).values()))
        if not self.site_properties:
            return shipped
        added = {prop.name: prop for prop in self.site_properties}
        return replace(shipped, properties={**shipped.properties, **added})

    @property
    def namespace(self) -> str:
        """The namespace of its types, as `$metadata` and error messages name it."""
        return f"Sage.CA.SBS.ERP.Sage300.{self.module}.WebApi.Models"

    def enum_name(self, type_name: str, prop: Property) -> str:
        """Return the full name of an enum property's type, shared by Name1 to Name5."""
        return f"{self.namespace}.{type_name}{prop.name.rstrip(digits)}"


def _shipped(name: str) -> Resource:
    described = describe(name)
    return Resource(name, described.keys, described.change_date, described.indexed)


RESOURCES: t.Final = {name: _shipped(name) for name in names()}
MODULES: t.Final = tuple(sorted({resource.module for resource in RESOURCES.values()}))
_NAME: t.Final = re.compile(r"[A-Za-z]\w{0,127}", re.ASCII)
_ACCOUNT_CHANGE_DATE: t.Final = "DateLastMaintained"


def of_site(behaviours: Behaviours) -> Mapping[str, Resource]:
    """Return the resources as one site has them, by name.

    Raises:
        DeclarationError: A property is declared for an unknown resource or with an unknown type.
    """
    resources = dict(RESOURCES)
    if behaviours.account_change_date:
        date = Property(_ACCOUNT_CHANGE_DATE, "date")
        resources["GLAccounts"] = replace(
            resources["GLAccounts"], change_date=_ACCOUNT_CHANGE_DATE, site_properties=(date,)
        )
    for name, declared in behaviours.site_properties.items():
        if name not in resources:
            raise DeclarationError(
                f"Invalid behaviours at site_properties.{name}: there is no such resource, only "
                f"{', '.join(resources)}"
            )
        added = tuple(_site_property(name, added, text) for added, text in declared.items())
        known = resources[name].site_properties
        resources[name] = replace(resources[name], site_properties=(*known, *added))
    return resources


def _site_property(resource: str, name: str, text: str) -> Property:
    if not _NAME.fullmatch(name):
        raise DeclarationError(
            f"Invalid behaviours at site_properties.{resource}.{name}: a name consists of letters, "
            "digits and _"
        )
    try:
        return read_property(name, text)
    except ValueError as error:
        raise DeclarationError(
            f"Invalid behaviours at site_properties.{resource}.{name}: {error}"
        ) from None
