"""Reads one entity of one company, window by window and page by page."""

from __future__ import annotations

import datetime as dt
import threading
import typing as t
from dataclasses import dataclass, replace

from tap_sage300.api import odata
from tap_sage300.api.errors import PageTooHeavyError, QueryRefusedError
from tap_sage300.errors import TapError
from tap_sage300.reading import paging, replication
from tap_sage300.reading.paginator import PageRequest, PageSize
from tap_sage300.reading.paging import IncompleteError
from tap_sage300.reading.prefetch import Prefetch
from tap_sage300.reading.state import NOT_FINAL

if t.TYPE_CHECKING:
    import logging
    from collections.abc import Iterator, Sequence

    from tap_sage300.api.odata import Page, Resource
    from tap_sage300.api.session import SageSession
    from tap_sage300.reading.entity import Entity
    from tap_sage300.reading.replication import Rules
    from tap_sage300.reading.state import Progress, Window


@dataclass(frozen=True)
class Step:
    """One page's rows, and where the read is when they are written.

    Attributes:
        rows: The rows, as Sage 300 sent them.
        progress: Where the read is once they are written.
        received_at: When they came, in UTC.
        received: Rows of the window that this run received, these included.
        expected: Rows of the window that are for this run, as the server announced them.
    """

    rows: list[odata.Record]
    progress: Progress
    received_at: dt.datetime
    received: int
    expected: int | None


class EntityReader:
    """Reads an entity by a plan.

    Attributes:
        calls: HTTP calls made so far.
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
        self._session = session
        self._logger = logger
        self._page_size = page_size
        self._select = odata.worth_selecting(select)
        self._date_literals = list(date_literals)
        self._usual_literal = date_literals[0]
        self.calls = 0

    def read(self, company: str, progress: Progress) -> Iterator[Step]:
        """Read until no window is open, or the open one cannot be completed, which is logged.

        While a page is in use the next one is being fetched.

        Raises:
            TapError: Sage 300 cannot be read.
            CallBudgetError: The budget of the run ended; the progress of the last step holds.
        """
        resource = odata.Resource(company, self._entity.module, self._entity.name)
        size = PageSize(self._page_size, self._page_size)
        self._prefer(progress.learned.date_literal)
        earlier = 0 if progress.window is None else progress.window.received
        opened = progress.window
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
                    return
                size = size.after(request)
                coming = self._prefetch(resource, step.progress, size, cancelled)
                yield step
        finally:
            cancelled.set()

    def _prefetch(
        self, resource: Resource, progress: Progress, size: PageSize, cancelled: threading.Event
    ) -> Prefetch[tuple[PageRequest, Page]] | None:
        if progress.window is None:
            return None
        request = PageRequest(self._entity, progress, size.now)
        return Prefetch(lambda: self._fetch(resource, request, cancelled))

    def _fetch(
        self, resource: Resource, request: PageRequest, cancelled: threading.Event
    ) -> tuple[PageRequest, Page]:
        """Get a page, halving it under load and learning what the server does not take.

        Returns:
            The request that was answered, and its answer.
        """
        session, tries, first = self._session, 0, request
        dated = request.window.since is not None
        before = session.limiter.calls
        try:
            while True:
                query = request.query(self._date_literals[0], self._select)
                try:
                    page = session.page(resource, query, tries=tries, cancelled=cancelled)
                except PageTooHeavyError as heavy:
                    tries, request = heavy.tries, request.halved()
                    session.sleep(heavy.wait_seconds)
                except QueryRefusedError:
                    if fewer := request.with_fewer_keys():
                        tries, request = 0, fewer
                        continue
                    if not self._adapt(dated=dated):
                        raise
                    tries, request = 0, first
                else:
                    if dated:
                        del self._date_literals[1:]
                    return request, page
        finally:
            self.calls += session.limiter.calls - before

    def _adapt(self, *, dated: bool) -> bool:
        """Change the form of the query that Sage 300 refused; False where none is left to try."""
        forms = self._date_literals
        if self._select:  # this version may lack one of the properties
            self._logger.info("Sage 300 refused the query, trying without $select")
            self._select = ()
        elif dated and len(forms) > 1:
            self._logger.info("Sage 300 refused dates written %s, trying %s", *forms[:2])
            del forms[0]
        else:
            return False
        return True

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
            page.records if paging.is_taken(before, summary) else [],
            self._with_learned_dates(progress, before),
            page.received_at,
            received=max(0, received - earlier),
            expected=None if announced is None else announced - earlier,
        )

    def _prefer(self, form: str | None) -> None:
        """Try a form of dates first that was the right one in an earlier run."""
        if form in self._date_literals:
            self._date_literals.sort(key=lambda other: other != form)

    def _with_learned_dates(self, progress: Progress, window: Window) -> Progress:
        form = self._date_literals[0]
        if window.since is None or form == self._usual_literal:
            return progress
        return replace(progress, learned=replace(progress.learned, date_literal=form))

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
