"""URL paths of the Web API: which company, module, resource and key a request names."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from sage300_servicenow_sandbox.sage.errors import SageError, resource_not_found
from sage300_servicenow_sandbox.sage.resources import MODULES

if t.TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sage300_servicenow_sandbox.sage.resources import Resource

ROOT: t.Final = "/Sage300WebApi"
# The tenant is a hyphen on an ordinary site.
_PATH: t.Final = re.compile(ROOT + r"/v1\.0/-/([^/]+)/([^/]+)/(\$?\w+)(?:\((.*)\))?/?", re.DOTALL)
_TEXT_LITERAL: t.Final = re.compile(r"'((?:[^']|'')*)'", re.DOTALL)
_NAMED: t.Final = re.compile(r"(\w+)=('(?:[^']|'')*'|[^,']*)(?:,|$)", re.DOTALL)
_NUMBER_LITERAL: t.Final = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True)
class Target:
    """What a path names: a module's `$metadata`, a collection, or one record.

    Attributes:
        company: The company ID.
        module: The module.
        resource: The resource; None, `$metadata`.
        key: The key; None, the collection.
    """

    company: str
    module: str
    resource: Resource | None
    key: tuple[str | int, ...] | None


def parse(path: str, companies: Collection[str], resources: Mapping[str, Resource]) -> Target:
    """Read a decoded path on a site with these companies and resources.

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
    resource = resources.get(name)
    if resource is None or resource.module != module:
        raise resource_not_found(path)
    return Target(company, module, resource, None if key is None else _key(resource, key))


def _key(resource: Resource, text: str) -> tuple[str | int, ...]:
    """Read `'1200'`, `58` or `BatchSelector='PY',BatchNumber=65`, whose parts may be swapped."""
    if len(resource.keys) == 1 and "=" not in _TEXT_LITERAL.sub("", text):
        text = f"{resource.keys[0]}={text}"
    literals = {found[1]: found[2] for found in _NAMED.finditer(text)}
    canonical = ",".join(f"{name}={literal}" for name, literal in literals.items())
    if canonical == text and set(literals) == set(resource.keys):
        values = [_value(resource, name, literals[name]) for name in resource.keys]
        if None not in values:
            return tuple(value for value in values if value is not None)
    raise SageError(400, "InvalidEntityKey", f"'{text}' is not a key of {resource.name}.")


def _value(resource: Resource, name: str, literal: str) -> str | int | None:
    if resource.record_type.properties[name].kind == "string":
        quoted = _TEXT_LITERAL.fullmatch(literal)
        return quoted[1].replace("''", "'") if quoted else None
    return int(literal) if _NUMBER_LITERAL.fullmatch(literal) else None
