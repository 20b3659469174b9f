"""ServiceNow's Table API as items of a Batch call: finding rows by a column, and writing rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from target_servicenow.api.batch import Item

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MAX_KEYS = 200
"""Keys in one ``IN``: 245 were measured to fit a URL, 250 were refused with 414."""

MAX_URL_BYTES = 7_600
"""Under the 8,192 bytes that a whole URL may have. Whether the limit holds for addresses inside a
Batch call is not published, so it is kept there too."""

UNSEARCHABLE = "^,@"
"""Encoded queries have no escape for these."""

MIN_PREFIX = 3
"""A shorter beginning would match too much of a table; such a key is not looked for."""


@dataclass(frozen=True)
class Found:
    """A row as it stands in ServiceNow."""

    sys_id: str
    values: dict[str, str]
    """Every asked column the answer held, in ServiceNow's own string form."""


def find_items(
    table: str, column: str, keys: Iterable[str], fields: Sequence[str]
) -> Iterator[Item]:
    """Requests that find the rows whose `column` is one of `keys`.

    Keys with characters that an ``IN`` cannot hold are asked for one by one, by the part before
    the character; the caller compares exactly.
    """
    common = {
        "sysparm_fields": ",".join(("sys_id", *fields)),
        "sysparm_exclude_reference_link": "true",
        "sysparm_suppress_pagination_header": "true",
        "sysparm_no_count": "true",
    }
    budget = MAX_URL_BYTES - len(urlencode(common)) - len(_path(table)) - 100
    for number, query in enumerate(_queries(column, keys, budget=budget), start=1):
        parameters = urlencode({"sysparm_query": query, **common}, quote_via=quote)
        yield Item(f"find-{number}", "GET", f"{_path(table)}?{parameters}")


def _queries(column: str, keys: Iterable[str], *, budget: int) -> Iterator[str]:
    chunk: list[str] = []
    size = 0
    for key in keys:
        cut = min((key.index(c) for c in UNSEARCHABLE if c in key), default=None)
        if cut is not None:
            if cut >= MIN_PREFIX:
                yield f"{column}STARTSWITH{key[:cut]}^ORDERBYsys_id"
            continue
        length = len(quote(key, safe="")) + len("%2C")
        if chunk and (len(chunk) == MAX_KEYS or size + length > budget):
            yield f"{column}IN{','.join(chunk)}^ORDERBYsys_id"
            chunk, size = [], 0
        chunk.append(key)
        size += length
    if chunk:
        yield f"{column}IN{','.join(chunk)}^ORDERBYsys_id"


def create_item(number: str, table: str, values: dict[str, str], fields: Sequence[str]) -> Item:
    """A request that inserts a row and answers with `fields`."""
    return Item(number, "POST", f"{_path(table)}?{_write_parameters(fields)}", values)


def update_item(
    number: str, table: str, sys_id: str, values: dict[str, str], fields: Sequence[str]
) -> Item:
    """A request that changes only `values` of a row and answers with `fields`."""
    path = f"{_path(table)}/{quote(sys_id, safe='')}"
    return Item(number, "PATCH", f"{path}?{_write_parameters(fields)}", values)


def _write_parameters(fields: Sequence[str]) -> str:
    return urlencode(
        {
            "sysparm_fields": ",".join(("sys_id", *fields)),
            "sysparm_exclude_reference_link": "true",
        },
        quote_via=quote,
    )


def _path(table: str) -> str:
    return f"/api/now/table/{quote(table, safe='')}"


def found(row: Any) -> Found:
    """Read one row of an answer; references come as a sys_id, or as ``{"link", "value"}``."""
    values = {
        name: str(value.get("value", "")) if isinstance(value, dict) else str(value or "")
        for name, value in row.items()
    }
    return Found(sys_id=values.pop("sys_id", ""), values=values)
