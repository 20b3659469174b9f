"""URL paths of the Web API: which company, module, resource and key a request names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .errors import SageError, resource_not_found
from .resources import MODULES, RESOURCES

if TYPE_CHECKING:
    from collections.abc import Collection

    from .resources import Resource

ROOT: Final = "/Sage300WebApi"
# The tenant is a hyphen on an ordinary site.
_PATH: Final = re.compile(ROOT + r"/v1\.0/-/([^/]+)/([^/]+)/(\$?\w+)(?:\((.*)\))?/?", re.DOTALL)
_TEXT_LITERAL: Final = re.compile(r"'((?:[^']|'')*)'", re.DOTALL)
_NUMBER_LITERAL: Final = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True)
class Target:
    """What a path names: a module's `$metadata` (no resource), a collection, or one record."""

    company: str
    module: str
    resource: Resource | None
    key: tuple[str | int, ...] | None


def parse(path: str, companies: Collection[str]) -> Target:
    """Read a decoded path.

    Raises:
        SageError: ResourceNotFound, or InvalidEntityKey where the key is not of its type.
    """
    found = _PATH.fullmatch(path)
    if not found:
        raise resource_not_found(path)
    company, module, name, key = found.groups()
    if company not in companies or module not in MODULES:
        raise resource_not_found(path)
    if name == "$metadata" and key is None:
        return Target(company, module, None, None)
    resource = RESOURCES.get(name)
    if resource is None or resource.module != module:
        raise resource_not_found(path)
    return Target(company, module, resource, None if key is None else _key(resource, key))


def _key(resource: Resource, text: str) -> tuple[str | int, ...]:
    (name,) = resource.keys
    literal = text.removeprefix(f"{name}=")
    if resource.record_type.properties[name].kind == "string":
        if quoted := _TEXT_LITERAL.fullmatch(literal):
            return (quoted[1].replace("''", "'"),)
    elif _NUMBER_LITERAL.fullmatch(literal):
        return (int(literal),)
    raise SageError(400, "InvalidEntityKey", f"'{text}' is not a key of {resource.name}.")
