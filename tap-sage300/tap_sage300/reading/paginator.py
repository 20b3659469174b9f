"""Which page to request next, and what one page showed. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace
from functools import cached_property

from tap_sage300.api import odata
from tap_sage300.api.keys import in_order, key_of
from tap_sage300.reading import replication
from tap_sage300.reading.entity import FINAL
from tap_sage300.reading.replication import PageSummary
from tap_sage300.reading.state import NOT_FINAL

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_sage300.api.keys import Key
    from tap_sage300.api.odata import Page, Record
    from tap_sage300.reading.entity import Entity
    from tap_sage300.reading.state import Progress, Window

MOST_KEYS = 40
"""Keys in one filter, so that it takes at most 1,500 of the 2,048 characters IIS gives a query."""
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
        most = min(self.rows, MOST_KEYS // len(self.entity.keys))
        return replication.to_check(self.progress, most)

    def halved(self) -> PageRequest:
        """Return the request with half as many rows, at least one."""
        return replace(self, rows=max(1, self.rows // 2), is_halved=True)

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
        after = "" if window.last_key is None else odata.after(entity.keys, window.last_key)
        return odata.query_string(
            self.rows,
            filters=odata.all_of(changed, after),
            skip=(window.skip or 0) + self.passed,
            select=select,
            count=window.received == 0,
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
            more=page.more or self.is_skipped,
            next_skip=page.next_skip,
            high=replication.highest(row.get(entity.date or "") for row in page.records),
            not_final=frozenset(not_final),
            requested=self.keys,
        )
