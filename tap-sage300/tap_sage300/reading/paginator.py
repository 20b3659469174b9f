"""Which page to request next, and what one page showed. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace
from functools import cached_property

from tap_sage300.api import odata
from tap_sage300.api.keys import in_order, key_of
from tap_sage300.reading import replication
from tap_sage300.reading.entity import FINAL
from tap_sage300.reading.paging import PageSummary
from tap_sage300.reading.state import ASKED, NOT_FINAL

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_sage300.api.keys import Key
    from tap_sage300.api.odata import Page, Record
    from tap_sage300.reading.entity import Entity
    from tap_sage300.reading.state import Progress, Window

KEYS_PER_FILTER = 10
"""Key properties compared in one filter: ASP.NET's OData refuses filters of over 100 nodes."""
CALM_PAGES = 10
"""Pages that must succeed before a halved page size is doubled again."""


@dataclass(frozen=True)
class PageSize:
    """Rows to request: halved under load, doubled again after a while without trouble.

    Attributes:
        full: Rows of a page when all is well.
        now: Rows of the next page.
        calm: Pages that succeeded since the last change.
    """

    full: int
    now: int
    calm: int = 0

    def after(self, request: PageRequest) -> PageSize:
        """Return the size of the page after one that came."""
        if request.is_halved:
            return PageSize(self.full, request.rows)
        if self.now < self.full and self.calm + 1 >= CALM_PAGES:
            return PageSize(self.full, min(self.full, self.now * 2))
        return PageSize(self.full, self.now, self.calm + 1)


@dataclass(frozen=True)
class PageRequest:
    """One page to be read: of what, from where on, and how many rows.

    Attributes:
        entity: What is read.
        progress: What is known before the page; a window is open in it.
        rows: Rows to ask for.
        is_halved: A bigger page was too heavy for the server.
        passed: Rows after the last key that cannot be read and are passed over.
        is_skipped: Of the one record requested, only the key can be read.
    """

    entity: Entity
    progress: Progress
    rows: int
    is_halved: bool = False
    passed: int = 0
    is_skipped: bool = False

    @property
    def window(self) -> Window:
        """The open window.

        Raises:
            RuntimeError: No window is open.
        """
        if self.progress.window is None:
            raise RuntimeError("no window is open")
        return self.progress.window

    @cached_property
    def keys(self) -> Sequence[Key]:
        """The keys to ask for, in a ``not_final`` window."""
        if self.window.read != NOT_FINAL:
            return ()
        most = self.progress.learned.keys_per_filter or KEYS_PER_FILTER // len(self.entity.keys)
        return replication.to_check(self.progress, min(self.rows, most))

    def halved(self) -> PageRequest:
        """Return the request with half as many rows, at least one."""
        return replace(self, rows=max(1, self.rows // 2), is_halved=True)

    def learning(self, **facts: t.Any) -> PageRequest:
        """Return the request with what it showed of the server."""
        learned = replace(self.progress.learned, **facts)
        return replace(self, progress=replace(self.progress, learned=learned))

    def with_fewer_keys(self) -> PageRequest | None:
        """Return the request with half as many keys, also from now on; None for one or none."""
        if len(self.keys) < 2:  # noqa: PLR2004
            return None
        return self.learning(keys_per_filter=len(self.keys) // 2)

    @property
    def asked(self) -> int:
        """Records requested."""
        return len(self.keys) or self.rows

    def narrowed(self, rows: int) -> PageRequest:
        """Return the request with fewer rows, at least one, which says nothing about its size."""
        return replace(self, rows=max(1, rows))

    def rows_of(self, page: Page) -> list[Record]:
        """Return the records of a page that can be used."""
        if self.is_skipped:
            return []
        if not page.incomplete:
            return page.records
        return [row for place, row in enumerate(page.records) if place not in page.incomplete]

    def only_key(self, page: Page) -> Key | None:
        """Return the key of the first record of a page."""
        return key_of(page.records[0], self.entity.keys)

    def query(self, date_literal: str, select: Sequence[str]) -> str:
        """Write the query string.

        Args:
            date_literal: The form of a date, one of ``odata.DATE_LITERALS``.
            select: Properties to ask for, none for all.
        """
        entity, window = self.entity, self.window
        if window.read == NOT_FINAL:
            filters = odata.one_of(entity.keys, self.keys)
            return odata.query_string(len(self.keys), filters=filters, select=select, count=True)
        changed = (
            odata.changed_since(entity.date, window.since, date_literal)
            if entity.date and window.since
            else ""
        )
        if window.end == ASKED:
            skip, rows = window.received + self.passed, self.rows
            return odata.query_string(rows, filters=changed, skip=skip, select=select, count=True)
        by_key, last = window.skip is None, window.last_key
        after = odata.after(entity.keys, last) if by_key and last is not None else ""
        return odata.query_string(
            self.rows,
            filters=odata.all_of(changed, after),
            skip=(window.skip or 0) + self.passed,
            select=select,
            count=last is None or not by_key,
        )

    def summary(self, page: Page) -> PageSummary:
        """Say what the page showed.

        Raises:
            ValueError: A record has no key.
        """
        entity = self.entity
        keys: list[Key] = []
        not_final: set[Key] = set()
        for place, row in enumerate(page.records):
            key = key_of(row, entity.keys)
            if key is None:
                raise ValueError(f"a record without {' and '.join(entity.keys)}")
            keys.append(key)
            is_final = not entity.status or row.get(entity.status) in FINAL
            if self.is_skipped or place in page.incomplete or not is_final:
                not_final.add(key)
        return PageSummary(
            keys=keys,
            requested_on=page.requested_on,
            full=len(keys) >= self.rows,
            ordered=in_order(keys, self.window.last_key),
            count=page.count,
            more=page.more,
            next_skip=self._next_skip(page),
            high=replication.highest(row.get(entity.date or "") for row in page.records),
            not_final=frozenset(not_final),
            left_out=len(keys) if self.is_skipped else len(page.incomplete),
            requested=self.keys,
        )

    def _next_skip(self, page: Page) -> int | None:
        """Return the ``$skip`` of the server's link, unless it leads past what was requested."""
        furthest = (self.window.skip or 0) + self.rows
        return None if page.next_skip is None or page.next_skip > furthest else page.next_skip
