"""OData as the Sage 300 Web API speaks it: addresses, literals, filters and pages. Pure.

Facts: Sage's Web API developer reference and Postman samples. ``$filter``, ``$top``, ``$skip``,
``$count`` and ``$select`` are served; ``$orderby`` is not documented and not used here.
"""

from __future__ import annotations

import codecs
import json
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import parse_qs, quote, urlsplit

import msgspec

from tap_sage300.api import lazy
from tap_sage300.api.keys import parts

if t.TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Sequence

    from tap_sage300.api.keys import Key, Part

Record: t.TypeAlias = "Mapping[str, t.Any]"

DATE_LITERALS: t.Final[dict[str, str]] = {
    "plain": "{}T00:00:00Z",
    "quoted": "'{}T00:00:00Z'",
    "v3": "datetime'{}T00:00:00'",
    "date": "{}",
}
"""The forms in use: OData V4, strings, the V3 form that Sage's reference prints, ``Edm.Date``."""

MOST_DIGITS = 18
"""Of a number of rows."""
NEXT_LINK = "@odata.nextLink"
SELECT_LIMIT = 500
"""Characters a ``$select`` may take of the 2,048 that IIS gives a query string by default."""


def literal(value: Part) -> str:
    """Write a key as a literal: text in single quotes, inner quotes doubled; numbers bare."""
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


def changed_since(name: str, day: dt.date, form: str) -> str:
    """Filter on a date property, inclusive, since Sage keeps days and not times."""
    return f"{name} ge {DATE_LITERALS[form].format(day.isoformat())}"


def after(names: Sequence[str], key: Key) -> str:
    """Filter for what follows a key: ``(A gt a) or (A eq a and B gt b)``."""
    pairs = list(zip(names, map(literal, parts(key)), strict=True))
    steps = [
        " and ".join([*(f"{name} eq {value}" for name, value in pairs[:place]), f"{last} gt {top}"])
        for place, (last, top) in enumerate(pairs)
    ]
    return steps[0] if len(steps) == 1 else " or ".join(f"({step})" for step in steps)


def one_of(names: Sequence[str], keys: Iterable[Key]) -> str:
    """Filter for a handful of keys."""
    return " or ".join(_is(names, key) for key in keys)


def _is(names: Sequence[str], key: Key) -> str:
    terms = [f"{name} eq {literal(value)}" for name, value in zip(names, parts(key), strict=True)]
    return terms[0] if len(terms) == 1 else f"({' and '.join(terms)})"


def all_of(*filters: str) -> str:
    """Join the filters that are not empty, each in parentheses."""
    given = [text for text in filters if text]
    return given[0] if len(given) == 1 else " and ".join(f"({text})" for text in given)


def query_string(
    top: int,
    *,
    filters: str = "",
    skip: int = 0,
    select: Sequence[str] = (),
    count: bool = False,
) -> str:
    """Write the query of one page; an empty or false part is not sent.

    ``$`` stays as it is and a blank is ``%20``, never ``+``.
    """
    parts = {
        "$filter": quote(filters, safe="(),':"),
        "$top": str(top),
        "$skip": str(skip) if skip else "",
        "$select": ",".join(select),
        "$count": "true" if count else "",
    }
    return "&".join(f"{name}={value}" for name, value in parts.items() if value)


def worth_selecting(names: Sequence[str]) -> tuple[str, ...]:
    """Return the properties to ``$select``, or none where naming them would take too long."""
    return tuple(names) if len(",".join(names)) <= SELECT_LIMIT else ()


@dataclass(frozen=True)
class Resource:
    """A resource of the Web API in one company."""

    company: str
    module: str
    name: str

    def address(self, api_url: str) -> str:
        """Return its address: ``{api_url}/v1.0/-/{company}/{module}/{name}``."""
        return f"{api_url}/v1.0/-/{quote(self.company, safe='')}/{self.module}/{self.name}"


@dataclass(frozen=True)
class Page:
    """One page of records.

    Attributes:
        records: As sent; numbers with a fraction are Decimal, to the digit.
        requested_on: The server's date, in UTC, when the page was requested.
        received_at: When it came, in UTC, by this machine's clock.
        count: ``@odata.count``, when it was requested and sent.
        more: The server announced a next page.
        next_skip: The ``$skip`` of that next page. Nothing else of ``@odata.nextLink`` is used,
            because its host is wrong behind a reverse proxy.
        incomplete: Places of records of which only a part of the details was sent.
        size: Bytes of its text; of a large page the records are parsed as they are used.
    """

    records: list[Record]
    requested_on: dt.date
    received_at: dt.datetime
    count: int | None = None
    more: bool = False
    next_skip: int | None = None
    incomplete: frozenset[int] = frozenset()
    size: int = 0


def parse_page(content: bytes | bytearray, requested_on: dt.date, received_at: dt.datetime) -> Page:
    """Read the body of a list answer.

    Raises:
        ValueError: The body is not such a list.
    """
    if content.startswith(codecs.BOM_UTF8):  # noqa: FURB188 - which copies all of a bytearray
        content = content[len(codecs.BOM_UTF8) :]
    try:
        decode = lazy.body_of if len(content) > lazy.LARGE else lazy.DECODER.decode
        body = decode(content)
    except msgspec.DecodeError:  # half of a surrogate pair, which text cut to a length can hold
        body = _lenient(content)
    except RecursionError as failure:
        raise ValueError("nested too deep") from failure
    records = body.get("value") if isinstance(body, dict) else None
    if not isinstance(records, list) or not all(isinstance(row, Mapping) for row in records):
        raise ValueError("no list of records")
    count, link = body.get("@odata.count"), body.get(NEXT_LINK)
    return Page(
        records,
        requested_on,
        received_at,
        count=_count(count),
        more=bool(link),
        next_skip=_skip_of(link) if isinstance(link, str) else None,
        incomplete=_incomplete(records)
        if content.count(NEXT_LINK.encode()) > (NEXT_LINK in body)
        else frozenset(),
        size=len(content),
    )


def _lenient(content: bytes | bytearray) -> t.Any:
    try:
        return json.loads(content, parse_float=Decimal, parse_constant=_no_number)
    except RecursionError as failure:
        raise ValueError("nested too deep") from failure


def _incomplete(records: list[Record]) -> frozenset[int]:
    return frozenset(place for place, record in enumerate(records) if _has_link(record))


def _has_link(value: object) -> bool:
    """Return whether a list somewhere in a record goes on elsewhere."""
    if isinstance(value, list | lazy.LazyList):
        return any(map(_has_link, value))
    if isinstance(value, Mapping):
        return any(name.endswith(NEXT_LINK) or _has_link(inner) for name, inner in value.items())
    return False


def _count(value: object) -> int | None:
    """Read a count, which may come as text (OData's IEEE754Compatible); None for anything else."""
    text = str(value) if isinstance(value, int | str) else ""
    return int(text) if text.isdecimal() and len(text) <= MOST_DIGITS else None


def _no_number(text: str) -> t.NoReturn:
    raise ValueError(f"{text} is not a JSON number")


def _skip_of(link: str) -> int | None:
    try:
        values = parse_qs(urlsplit(link).query).get("$skip", [])
    except ValueError:  # brackets that hold no address
        return None
    return _count(values[0]) if values else None
