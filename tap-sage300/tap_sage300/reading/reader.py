"""Reads one entity of one company, window by window and page by page."""

from __future__ import annotations

import datetime as dt
import threading
import typing as t
from dataclasses import dataclass, replace

from tap_sage300.api import odata
from tap_sage300.errors import TapError
from tap_sage300.reading import paging, replication
from tap_sage300.reading.fetcher import Fetcher
from tap_sage300.reading.paginator import PageRequest, PageSize
from tap_sage300.reading.paging import IncompleteError
from tap_sage300.reading.prefetch import Prefetch
from tap_sage300.reading.state import NOT_FINAL

if t.TYPE_CHECKING:
    import logging
    from collections.abc import Iterator, Sequence

    from tap_sage300.api.keys import Key
    from tap_sage300.api.odata import Page, Resource
    from tap_sage300.api.session import SageSession
    from tap_sage300.reading.entity import Entity
    from tap_sage300.reading.replication import Rules
    from tap_sage300.reading.state import Progress, Window


MOST_AHEAD = 1 << 23
"""Bytes of a page, above which the next one is not fetched while it is in use."""


@dataclass(frozen=True)
class Step:
    """One page's rows, and where the read is when they are written.

    Attributes:
        rows: The rows, as Sage 300 sent them.
        progress: Where the read is once they are written.
        received_at: When they came, in UTC.
        received: Rows of the window that this run received, these included.
        expected: Rows of the window that are for this run, as the server announced them.
        vanished: Keys that could still change when last read, or could not be read, and are no
            longer there.
    """

    rows: Sequence[odata.Record]
    progress: Progress
    received_at: dt.datetime
    received: int
    expected: int | None
    vanished: frozenset[Key] = frozenset()


class EntityReader:
    """Reads an entity by a plan.

    Attributes:
        incomplete: Why the last read ended with its window open; empty when it did not.
    """

    def __init__(
        self,
        entity: Entity,
        rules: Rules,
        session: SageSession,
        logger: logging.Logger,
        *,
        page_size: int,
        select: Sequence[str],
        date_literals: list[str],
    ) -> None:
        """Hold what is needed; nothing is read yet.

        Args:
            entity: What to read.
            rules: How to read it.
            session: Where to read it.
            logger: For lines about the read.
            page_size: Rows to request at once.
            select: Properties to request, none for all.
            date_literals: Forms of a date literal that the server may take, the likeliest first.
        """
        self._entity = entity
        self._rules = rules
        self._logger = logger
        self._page_size = page_size
        self.incomplete = ""
        self._fetcher = Fetcher(entity, session, logger, select=select, date_literals=date_literals)

    @property
    def calls(self) -> int:
        """HTTP calls made so far."""
        return self._fetcher.calls

    def read(self, company: str, progress: Progress) -> Iterator[Step]:
        """Read until no window is open, or the open one cannot be completed, which is logged.

        While a page is in use the next one is being fetched, unless it is a large one.

        Raises:
            TapError: Sage 300 cannot be read.
            CallBudgetError: The budget of the run ended; the progress of the last step holds.
        """
        resource = odata.Resource(company, self._entity.module, self._entity.name)
        size = PageSize(self._page_size, self._page_size)
        earlier = 0 if progress.window is None else progress.window.received
        opened = progress.window
        self.incomplete = ""
        cancelled = threading.Event()
        try:
            coming = self._prefetch(resource, progress, size, cancelled)
            while coming is not None:
                request, page = coming.result()
                if request.window == opened:
                    self._log_opening(company, opened, page)
                try:
                    step = self._step(company, request, page, earlier)
                except IncompleteError as reason:
                    self._logger.warning("%s of %s: %s", self._entity.name, company, reason)
                    self.incomplete = str(reason)
                    return
                size, progress = size.after(request), step.progress
                is_alone = page.size > MOST_AHEAD
                coming = None if is_alone else self._prefetch(resource, progress, size, cancelled)
                del page
                yield step
                del step
                if is_alone:
                    coming = self._prefetch(resource, progress, size, cancelled)
        finally:
            cancelled.set()

    def _prefetch(
        self, resource: Resource, progress: Progress, size: PageSize, cancelled: threading.Event
    ) -> Prefetch[tuple[PageRequest, Page]] | None:
        if progress.window is None:
            return None
        request = PageRequest(self._entity, progress, size.now)
        return Prefetch(lambda: self._fetcher.fetch(resource, request, cancelled))

    def _step(self, company: str, request: PageRequest, page: Page, earlier: int) -> Step:
        """Take a page in.

        Args:
            company: The company.
            request: What was requested.
            page: The answer.
            earlier: Rows of the window that earlier runs received.

        Raises:
            TapError: It cannot be read in order.
            IncompleteError: The read ends here.
        """
        name, before = self._entity.name, request.window
        page = replace(page, requested_on=min(page.requested_on, latest_day()))
        try:
            summary = request.summary(page)
        except ValueError as failure:
            raise TapError(
                f"Sage 300 sent {failure} in {name} of company {company}, which cannot be read in "
                "order then: check the record in Sage 300"
            ) from failure
        try:
            progress, remark = replication.advance(request.progress, summary, self._rules)
        except ValueError as failure:
            raise TapError(f"{name} of company {company} cannot be read: {failure}") from failure
        if remark:
            self._logger.warning("%s of %s: %s", name, company, remark)
        after = progress.window
        received = before.received + len(page.records) if after is None else after.received
        announced = page.count if after is None else after.expected
        return Step(
            request.rows_of(page) if paging.is_taken(before, summary) else [],
            progress,
            page.received_at,
            received=max(0, received - earlier),
            expected=None if announced is None else announced - earlier,
            vanished=request.progress.not_final - progress.not_final - set(summary.keys),
        )

    def _log_opening(self, company: str, window: Window | None, page: Page) -> None:
        if window is None or window.read == NOT_FINAL:
            return
        count = page.count if window.expected is None else window.expected - window.received
        self._logger.info(
            "%s of %s: %s%s%s to read",
            self._entity.name,
            company,
            "" if window.last_key is None else f"resuming after {window.last_key}, ",
            "rows" if count is None else f"{max(0, count)} rows",
            "" if window.since is None else f" dated {window.since} or later",
        )


def utc_today() -> dt.date:
    """Return today in UTC, the tap's one clock.

    It only decides whether a sweep is due, and which dates lie in the future.
    """
    return dt.datetime.now(dt.UTC).date()


def latest_day() -> dt.date:
    """Return the last day that a server's clock is believed: tomorrow, since zones differ."""
    return utc_today() + dt.timedelta(days=1)
