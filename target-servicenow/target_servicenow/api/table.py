"""ServiceNow's Table API as items of a Batch call: finding rows by a column, and writing rows."""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass, replace
from functools import lru_cache
from urllib.parse import quote, urlencode

from target_servicenow.api.batch import Item

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MAX_KEYS = 200
"""Keys in one ``IN``: 245 were measured to fit a URL, 250 were refused with 414."""

MAX_URL_BYTES = 7_600
"""Below the 8,192 bytes that a whole URL may have. Whether the limit holds for addresses inside a
Batch call is not published, so it is kept there too."""

UNSEARCHABLE = re.compile(r"\^|javascript:", re.IGNORECASE)
"""Encoded queries cannot escape these, and ServiceNow runs what follows the last one."""

SEPARATORS = re.compile("[,@]")
"""Nor these, but they only part the values of ``IN`` and of ``BETWEEN``."""

MAX_ROWS = 10_000
"""Rows of one page: ServiceNow's own default."""

MAX_PREFIXES = 60
"""Prefixes in one query, as a chain of conditions."""


@dataclass(frozen=True)
class StoredRow:
    """A row as it stands in ServiceNow.

    Attributes:
        values: Every requested column that the answer held, in ServiceNow's own string form.
    """

    sys_id: str
    values: dict[str, str]


def find_items(
    table: str,
    column: str,
    keys: Iterable[str],
    fields: Sequence[str],
    *,
    counted: bool = False,
) -> Iterator[Item]:
    """Yield requests that find the rows whose `column` is one of `keys`.

    Keys with something that an ``IN`` cannot hold are looked up one by one, some of them by what is
    around it; the caller compares exactly.

    Args:
        table: The table.
        column: The column.
        keys: Any number of its values.
        fields: The columns to return besides the sys_id.
        counted: Ask for the number of rows found too, those that are not shown included.
    """
    budget = MAX_URL_BYTES - len(_find_url(table, "", fields))
    for number, query in enumerate(_queries(column, keys, budget=budget), start=1):
        url = _find_url(table, query, fields, counted=counted)
        yield Item(f"find-{number}", "GET", url, counted=counted)


def any_of_item(
    name: str,
    table: str,
    column: str,
    values: Iterable[str],
    fields: Sequence[str],
    *,
    counted: bool = False,
) -> Item:
    """Return a request for the rows whose `column` is one of a few values, without an ``IN``."""
    query = "^OR".join(f"{column}={value}" for value in values)
    url = _find_url(table, f"{query}^ORDERBYsys_id", fields, counted=counted)
    return Item(name, "GET", url, counted=counted)


def find_prefixed_items(
    table: str, column: str, prefixes: Sequence[str], fields: Sequence[str]
) -> Iterator[Item]:
    """Yield requests that find the rows whose `column` begins with one of `prefixes`."""
    longest = max((len(quote(prefix, safe="")) for prefix in prefixes), default=0)
    budget = MAX_URL_BYTES - len(_find_url(table, "^ORDERBYsys_id", fields))
    each = longest + len(quote(f"^OR{column}STARTSWITH", safe=""))
    count = max(1, min(MAX_PREFIXES, budget // each))
    for start in range(0, len(prefixes), count):
        group = prefixes[start : start + count]
        chain = "^OR".join(f"{column}STARTSWITH{prefix}" for prefix in group)
        url = _find_url(table, f"{chain}^ORDERBYsys_id", fields)
        yield Item(f"begins-{start}", "GET", url)


def next_page(item: Item, rows: int) -> Item | None:
    """Return the request for the rows after those of `item`, None when `rows` were the last."""
    if rows < MAX_ROWS:
        return None
    address, _, offset = item.url.partition(_OFFSET)
    return replace(item, url=f"{address}{_OFFSET}{int(offset or 0) + rows}")


_OFFSET = "&sysparm_offset="


def _find_url(table: str, query: str, fields: Sequence[str], *, counted: bool = False) -> str:
    parameters = {
        "sysparm_fields": ",".join(("sys_id", *fields)),
        "sysparm_limit": str(MAX_ROWS),
        "sysparm_exclude_reference_link": "true",
        "sysparm_suppress_pagination_header": "true",
        "sysparm_no_count": "false" if counted else "true",
        "sysparm_query": query,
    }
    return f"{_path(table)}?{urlencode(parameters, quote_via=quote)}"


def _queries(column: str, keys: Iterable[str], *, budget: int) -> Iterator[str]:
    chunk: list[str] = []
    size = 0
    for key in keys:
        if UNSEARCHABLE.search(key):
            if query := _around(column, key):
                yield f"{query}^ORDERBYsys_id"
            continue
        if SEPARATORS.search(key):
            yield f"{column}={key}^ORDERBYsys_id"
            continue
        length = len(quote(key, safe="")) + len("%2C")
        if chunk and (len(chunk) == MAX_KEYS or size + length > budget):
            yield f"{column}IN{','.join(chunk)}^ORDERBYsys_id"
            chunk, size = [], 0
        chunk.append(key)
        size += length
    if chunk:
        yield f"{column}IN{','.join(chunk)}^ORDERBYsys_id"


def _around(column: str, key: str) -> str:
    """Return the query for what is before, between and after the unsearchable parts of a key.

    Of a key that is nothing else, there is none.
    """
    first, *between, last = UNSEARCHABLE.split(key)
    parts = [("STARTSWITH", first), *(("LIKE", part) for part in between), ("ENDSWITH", last)]
    return "^".join(f"{column}{operator}{part}" for operator, part in parts if part)


def create_item(name: str, table: str, values: dict[str, str], fields: tuple[str, ...]) -> Item:
    """Return a request that inserts a row and answers with `fields`."""
    url = f"{_path(table)}?{_write_parameters(fields)}"
    return Item(name, "POST", url, json.dumps(values).encode())


def update_item(
    name: str, table: str, sys_id: str, values: dict[str, str], fields: tuple[str, ...]
) -> Item:
    """Return a request that changes only `values` of a row and answers with `fields`."""
    url = f"{_path(table)}/{quote(sys_id, safe='')}?{_write_parameters(fields)}"
    return Item(name, "PATCH", url, json.dumps(values).encode())


@lru_cache
def _write_parameters(fields: tuple[str, ...]) -> str:
    return urlencode(
        {
            "sysparm_fields": ",".join(("sys_id", *fields)),
            "sysparm_exclude_reference_link": "true",
        },
        quote_via=quote,
    )


def _path(table: str) -> str:
    return f"/api/now/table/{quote(table, safe='')}"


def read_row(row: t.Any) -> StoredRow:
    """Read one row of an answer; references come as a sys_id, or as ``{"link", "value"}``."""
    values = {
        name: str(value.get("value", "")) if isinstance(value, dict) else str(value or "")
        for name, value in row.items()
    }
    return StoredRow(sys_id=values.pop("sys_id", ""), values=values)
