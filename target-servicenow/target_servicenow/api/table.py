"""ServiceNow's Table API as items of a Batch call: finding rows by a column, and writing rows."""

from __future__ import annotations

import json
import re
import string
import typing as t
from dataclasses import dataclass, replace
from functools import lru_cache
from urllib.parse import quote, urlencode

from target_servicenow.api.batch import Item

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MAX_KEYS = 500
"""Keys in one ``IN``: an item's answer may have 10 MB, which leaves 20 kB for each row."""

MAX_FIND_BYTES = 23_000
"""So long a query was measured to be read to its end inside a Batch call (tests of ServiceNow's own
Python client). By itself a URL may have a third of that, `batch.MAX_URL_BYTES`."""

UNSEARCHABLE = re.compile(r"\^|javascript:", re.IGNORECASE)
"""Encoded queries cannot escape these, and ServiceNow runs what follows the last one."""

SEPARATORS = re.compile("[,@]")
"""Nor these, but they only part the values of ``IN`` and of ``BETWEEN``."""

MAX_ROWS = 10_000
"""Rows of one page: ServiceNow's own default."""

MAX_PREFIXES = 200
"""Prefixes in one query, as a chain of conditions."""


@dataclass(frozen=True)
class StoredRow:
    """A row as it stands in ServiceNow.

    Attributes:
        values: Every requested column that the answer held, in ServiceNow's own string form.
    """

    sys_id: str
    values: dict[str, str]


@dataclass(frozen=True)
class Query:
    """What finds the rows whose column is one of some keys, or begins with one of them.

    Attributes:
        operator: AROUND: by what is around the unsearchable parts of one key.
        fields: The columns of the answer, besides sys_id.
        counted: Ask for the number of rows found too, those that are not shown included.
        ordered: Ask for the rows in an order, which takes a right of its own (query_range).
    """

    table: str
    column: str
    operator: t.Literal["IN", "STARTSWITH", "=", "AROUND"]
    keys: tuple[str, ...]
    fields: tuple[str, ...]
    counted: bool = False
    ordered: bool = False

    def item(self, name: str) -> Find:
        """Return the request for the answer's first page."""
        return Find(name, "GET", self.url(), counted=self.counted, query=self)

    def url(self) -> str:
        """Return the address of the answer's first page."""
        if self.operator == "AROUND":
            [key] = self.keys
            conditions = _around(self.column, key)
        else:
            operands = [",".join(self.keys)] if self.operator == "IN" else self.keys
            conditions = "^OR".join(f"{self.column}{self.operator}{key}" for key in operands)
        parameters = {
            "sysparm_fields": ",".join(("sys_id", *self.fields)),
            "sysparm_limit": str(MAX_ROWS),
            "sysparm_exclude_reference_link": "true",
            "sysparm_suppress_pagination_header": "true",
            "sysparm_no_count": "false" if self.counted else "true",
            "sysparm_query": f"{conditions}^ORDERBYsys_id" if self.ordered else conditions,
        }
        return f"{_path(self.table)}?{urlencode(parameters, quote_via=quote)}"


@dataclass(frozen=True, kw_only=True)
class Find(Item):
    """A request for a page of what a query finds."""

    query: Query


def find_items(
    table: str,
    column: str,
    keys: Iterable[str],
    fields: Sequence[str],
    *,
    counted: bool = False,
) -> Iterator[Find]:
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
    query = Query(table, column, "IN", (), tuple(fields), counted=counted)
    together: list[str] = []
    queries: list[Query] = []
    for key in keys:
        if UNSEARCHABLE.search(key):
            if UNSEARCHABLE.sub("", key).strip():
                queries.append(replace(query, operator="AROUND", keys=(key,)))
        elif SEPARATORS.search(key):
            queries.append(replace(query, operator="=", keys=(key,)))
        else:
            together.append(key)
    queries += _chunks(query, together)
    for number, one in enumerate(queries, start=1):
        yield one.item(f"find-{number}")


def any_of_item(
    name: str,
    table: str,
    column: str,
    values: Iterable[str],
    fields: Sequence[str],
    *,
    counted: bool = False,
) -> Find:
    """Return a request for the rows whose `column` is one of a few values, without an ``IN``."""
    query = Query(table, column, "=", tuple(values), tuple(fields), counted=counted)
    return query.item(name)


def find_prefixed_items(
    table: str, column: str, prefixes: Iterable[str], fields: Sequence[str]
) -> Iterator[Find]:
    """Yield requests that find the rows whose `column` begins with one of `prefixes`."""
    query = Query(table, column, "STARTSWITH", (), tuple(fields))
    for number, one in enumerate(_chunks(query, prefixes), start=1):
        yield one.item(f"begins-{number}")


def next_page(item: Find, rows: int) -> Find | None:
    """Return the request for what follows `rows` rows of an answer, None when they were all.

    Pages need an order: where more than one has to be read, the rows in no order do not count, and
    the first page in order follows them.
    """
    if rows < MAX_ROWS:
        return None
    if not item.query.ordered:
        return replace(item.query, ordered=True).item(item.id)
    address, _, offset = item.url.partition(_OFFSET)
    return replace(item, url=f"{address}{_OFFSET}{int(offset or 0) + rows}")


def halves(item: Find) -> list[Find]:
    """Return requests, each for half of the keys, that find together what `item` finds."""
    keys = item.query.keys
    middle = len(keys) // 2
    parts = [replace(item.query, keys=part) for part in (keys[:middle], keys[middle:])]
    return [part.item(f"{item.id}.{number}") for number, part in enumerate(parts, start=1)]


_OFFSET = "&sysparm_offset="


def _chunks(query: Query, keys: Iterable[str]) -> Iterator[Query]:
    """Yield queries that ask for all keys together, each of a size that ServiceNow takes."""
    prefixes = query.operator == "STARTSWITH"
    most = MAX_PREFIXES if prefixes else MAX_KEYS
    between = len(quote(f"^OR{query.column}STARTSWITH" if prefixes else ",", safe=""))
    budget = MAX_FIND_BYTES - len(replace(query, ordered=True).url())
    chunk: list[str] = []
    size = 0
    for key in keys:
        length = _quoted_length(key) + between
        if chunk and (len(chunk) == most or size + length > budget):
            yield replace(query, keys=tuple(chunk))
            chunk, size = [], 0
        chunk.append(key)
        size += length
    if chunk:
        yield replace(query, keys=tuple(chunk))


def _quoted_length(text: str) -> int:
    """Return the length of a text percent-encoded, which takes long to do for every key."""
    encoded = text.encode()
    return len(encoded) + 2 * len(encoded.translate(None, _UNQUOTED))


_UNQUOTED = f"{string.ascii_letters}{string.digits}_.-~".encode()


def _around(column: str, key: str) -> str:
    """Return the query for what is before, between and after the unsearchable parts of a key.

    Of a key that is nothing else, there is none.
    """
    first, *between, last = UNSEARCHABLE.split(key)
    parts = [("STARTSWITH", first), *(("LIKE", part) for part in between), ("ENDSWITH", last)]
    return "^".join(f"{column}{operator}{part}" for operator, part in parts if part.strip())


def create_item(name: str, table: str, values: dict[str, str], fields: tuple[str, ...]) -> Item:
    """Return a request that inserts a row and answers with `fields`."""
    url = f"{_path(table)}?{_parameters(fields)}"
    return Item(name, "POST", url, json.dumps(values).encode())


def read_item(name: str, table: str, sys_id: str, fields: tuple[str, ...]) -> Item:
    """Return a request for one row by its sys_id, which takes no right to query."""
    return Item(name, "GET", f"{_path(table)}/{quote(sys_id, safe='')}?{_parameters(fields)}")


def update_item(
    name: str, table: str, sys_id: str, values: dict[str, str], fields: tuple[str, ...]
) -> Item:
    """Return a request that changes only `values` of a row and answers with `fields`."""
    url = f"{_path(table)}/{quote(sys_id, safe='')}?{_parameters(fields)}"
    return Item(name, "PATCH", url, json.dumps(values).encode())


@lru_cache
def _parameters(fields: tuple[str, ...]) -> str:
    return urlencode(
        {
            "sysparm_fields": ",".join(("sys_id", *fields)),
            "sysparm_exclude_reference_link": "true",
        },
        quote_via=quote,
    )


def _path(table: str) -> str:
    return f"/api/now/table/{quote(table, safe='')}"


def _value(value: t.Any) -> str:
    return str(value.get("value", "")) if isinstance(value, dict) else str(value or "")


def read_row(row: t.Any) -> StoredRow:
    """Read one row of an answer; references come as a sys_id, or as ``{"link", "value"}``."""
    is_plain = {*map(type, row.values())} == {str}  # as most rows are
    values = dict(row) if is_plain else {name: _value(value) for name, value in row.items()}
    return StoredRow(sys_id=values.pop("sys_id", ""), values=values)
