"""OData query options: what a request wants, and the link to its next page."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote

from sage300_servicenow_sandbox.sage.errors import invalid_parameters
from sage300_servicenow_sandbox.sage.filters import unknown_property, where
from sage300_servicenow_sandbox.sage.store import (
    EVERY,
    caseless_order,
    column,
    key_order,
    shuffled_order,
)

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from sage300_servicenow_sandbox.sage.behaviours import Behaviours
    from sage300_servicenow_sandbox.sage.resources import Resource
    from sage300_servicenow_sandbox.sage.store import Sql

_LARGEST: t.Final = 2**31 - 1
_ORDERS: t.Final = {"on": key_order, "ignore_case": caseless_order, "none": shuffled_order}
_COLLECTION_OPTIONS: t.Final = ("$filter", "$top", "$skip", "$count")


@dataclass(frozen=True)
class Query:
    """The options of one request.

    Attributes:
        options: The options as they were sent, decoded.
        page_size: The server's page size.
        page_cap: Most records in an answer, whatever else is said; 0, as many as page_size.
        is_linked: Whether a link follows the last page too.
        order: The SQL to order by.
        condition: The condition of $filter.
        top: $top.
        skip: $skip.
        count: $count.
        select: The properties of $select; empty, all.
    """

    options: Mapping[str, str]
    page_size: int
    order: str
    page_cap: int = 0
    is_linked: bool = False
    condition: Sql = EVERY
    top: int | None = None
    skip: int = 0
    count: bool = False
    select: tuple[str, ...] = ()

    @property
    def page(self) -> int:
        """The most records that the answer may hold."""
        most = self.page_size if self.top is None else min(self.top, self.page_size)
        return min(most, self.page_cap or most)

    def next_page(self, sent: int, *, has_more: bool) -> str | None:
        """Return the query string of the page after one, None if there is none or $top ends there.

        The link carries the other options and increases $skip. Assumed, since no capture shows
        both at once: with a $top of at most the page size there is no link, with a greater one
        the link requests the rest of it. ASP.NET's OData library works that way.
        """
        options = dict(self.options)
        if not self.is_linked:
            if not has_more or self.page_cap:
                return None
            if self.top is not None and self.top <= self.page_size:
                return None
            if self.top is not None:
                options["$top"] = str(self.top - self.page_size)
        options.pop("$skip", None)
        options["$skip"] = str(self.skip + sent)
        return "&".join(
            f"{quote(name, safe='$')}={quote(value, safe='')}" for name, value in options.items()
        )


def parse(resource: Resource, query_string: str, *, single: bool, behaviours: Behaviours) -> Query:
    """Read the options of a request for a collection, or for a single record.

    $expand is refused, and $orderby unless the site accepts it: Sage documents neither.
    Options without a dollar sign are ignored, as in OData.

    Raises:
        SageError: InvalidParameters, for an option or a value that the server does not accept.
    """
    options: dict[str, str] = {}
    for name, value in parse_qsl(query_string, keep_blank_values=True):
        if name in options:
            raise invalid_parameters(f"Query option '{name}' was specified more than once.")
        options[name] = value
    ordered = ("$orderby",) if behaviours.orderby == "accepted" else ()
    of_collections = (*_COLLECTION_OPTIONS, *ordered)
    for name in options:
        if name.startswith("$") and name not in (*of_collections, "$select"):
            raise invalid_parameters(f"The query parameter '{name}' is not supported.")
        if single and name in of_collections:
            raise invalid_parameters(f"Query option '{name}' applies to collections only.")
    return Query(
        options=options,
        page_size=behaviours.page_size,
        page_cap=behaviours.page_cap,
        is_linked=behaviours.links == "always",
        order=_order(resource, options.get("$orderby"), behaviours),
        condition=(
            where(resource, options["$filter"], behaviours.date_literals, behaviours.comparison)
            if "$filter" in options
            else EVERY
        ),
        top=_number(options, "$top"),
        skip=_number(options, "$skip") or 0,
        count=_flag(options, "$count"),
        select=_select(resource, options),
    )


def _order(resource: Resource, wanted: str | None, behaviours: Behaviours) -> str:
    base = _ORDERS[behaviours.key_order](resource)
    if wanted is None:
        return base
    terms = []
    for text in wanted.split(","):
        name, *direction = text.split() or [""]
        prop = resource.record_type.properties.get(name)
        if prop is None or prop.kind == "collection":
            raise unknown_property(resource, name)
        if direction not in ([], ["asc"], ["desc"]):
            raise invalid_parameters(f"Syntax error in the $orderby expression '{wanted}'.")
        terms.append(f"{column(resource, name)} {''.join(direction)}")
    return ", ".join((*terms, base))


def _number(options: Mapping[str, str], name: str) -> int | None:
    text = options.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and int(text) <= _LARGEST):
        raise invalid_parameters(
            f"Invalid value '{text}' for {name} query option found. The {name} query option "
            "requires a non-negative integer value."
        )
    return int(text)


def _flag(options: Mapping[str, str], name: str) -> bool:
    text = options.get(name, "false")
    if text not in ("true", "false"):
        raise invalid_parameters(f"Invalid value '{text}' for {name} query option found.")
    return text == "true"


def _select(resource: Resource, options: Mapping[str, str]) -> tuple[str, ...]:
    if "$select" not in options:
        return ()
    names = tuple(name.strip() for name in options["$select"].split(","))
    for name in names:
        if name not in resource.record_type.properties:
            raise unknown_property(resource, name)
    return tuple(dict.fromkeys(names))
