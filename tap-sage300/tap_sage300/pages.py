"""Which page to ask for next, and what one page showed. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from tap_sage300 import odata, replication
from tap_sage300.entity import FINAL
from tap_sage300.keys import in_order, key_of
from tap_sage300.state import NOT_FINAL

if t.TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from tap_sage300.entity import Entity
    from tap_sage300.keys import Key
    from tap_sage300.state import Progress

MOST_KEYS = 40
"""Keys in one filter, so that it takes at most 1,500 of the 2,048 characters IIS gives a query."""
CALM_PAGES = 10
"""Pages that must come through before a halved page size is doubled again."""


@dataclass(frozen=True)
class PageSize:
    """Rows to ask for: halved under load, doubled back after a calm while."""

    full: int
    now: int
    calm: int = 0

    def after(self, halvings: int) -> PageSize:
        """Give the size for the next page, from the halvings this one took."""
        if halvings:
            return PageSize(self.full, self.halved(halvings))
        if self.now < self.full and self.calm + 1 >= CALM_PAGES:
            return PageSize(self.full, min(self.full, self.now * 2))
        return PageSize(self.full, self.now, self.calm + 1)

    def halved(self, times: int) -> int:
        """Give the size after some halvings, at least one row."""
        return max(1, self.now >> times)


@dataclass(frozen=True)
class Question:
    """One page to be asked for: of what, from where on, and how many rows.

    Attributes:
        progress: What is known before the page; a window is open in it.
    """

    entity: Entity
    company: str
    progress: Progress
    size: PageSize

    def query(self, date_literal: str, select: tuple[str, ...], halvings: int) -> odata.Query:
        """Write the query, with the page halved some times.

        Raises:
            RuntimeError: No window is open.
        """
        entity, window = self.entity, self.progress.window
        if window is None:
            raise RuntimeError("no window is open")
        if window.read == NOT_FINAL:
            keys = self.asked(halvings)
            return odata.Query(len(keys), odata.one_of(entity.keys, keys), 0, select, count=True)
        since, last = window.since, window.last_key
        return odata.Query(
            self.size.halved(halvings),
            odata.all_of(
                odata.changed_since(entity.date, since, date_literal)
                if entity.date and since
                else "",
                "" if last is None else odata.after(entity.keys, last),
            ),
            skip=window.skip or 0,
            select=select,
            count=window.received == 0,
        )

    def asked(self, halvings: int) -> Sequence[Key]:
        """Name the keys of one page of a ``not_final`` window."""
        most = min(self.size.halved(halvings), MOST_KEYS // len(self.entity.keys))
        return replication.to_check(self.progress, most)

    def reading(self, page: odata.Page, asked_on: dt.date, halvings: int) -> replication.Reading:
        """Say what a page showed.

        Raises:
            ValueError: A record has no key.
        """
        entity, window = self.entity, self.progress.window
        keys: list[Key] = []
        open_keys: set[Key] = set()
        for row in page.records:
            key = key_of(row, entity.keys)
            if key is None:
                raise ValueError(f"a record without {' and '.join(entity.keys)}")
            keys.append(key)
            if entity.status and row.get(entity.status) not in FINAL:
                open_keys.add(key)
        checking = window is not None and window.read == NOT_FINAL
        return replication.Reading(
            keys=keys,
            asked_on=asked_on,
            full=len(keys) >= self.size.halved(halvings),
            ordered=in_order(keys, None if window is None else window.last_key),
            count=page.count,
            more=page.more,
            next_skip=page.next_skip,
            high=replication.highest(row.get(entity.date or "") for row in page.records),
            not_final=frozenset(open_keys),
            asked=self.asked(halvings) if checking else (),
        )
