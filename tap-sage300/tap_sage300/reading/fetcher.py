"""Gets the pages of one entity: smaller ones under load, and past a record that fails its page."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from tap_sage300.api import odata
from tap_sage300.api.errors import (
    NoAccessError,
    PageFailedError,
    PageTooHeavyError,
    QueryRefusedError,
    SageError,
)
from tap_sage300.api.incidents import Incident, Kind
from tap_sage300.api.keys import key_of
from tap_sage300.errors import TapError
from tap_sage300.reading import replication
from tap_sage300.reading.state import ASKED, NOT_FINAL

if t.TYPE_CHECKING:
    import logging
    import threading
    from collections.abc import Sequence

    from tap_sage300.api.keys import Key
    from tap_sage300.api.odata import Page, Resource
    from tap_sage300.api.session import SageSession
    from tap_sage300.reading.entity import Entity
    from tap_sage300.reading.paginator import PageRequest

MOST_SKIPPED = 20
"""Records of a stream that one run skips; where there are more, the stream ends."""
MOST_IN_A_ROW = 3
"""Records skipped one after the other, where not even their keys can be read."""


class Fetcher:
    """Gets pages, and learns what the server does not take.

    A page that still fails after all tries (HTTP 500, or an answer that cannot be parsed) is halved
    down to the record that fails it. That record is skipped: its key is kept, so that it is
    requested again in the next run; where its key cannot be read either, the window does not count
    as complete.

    Attributes:
        calls: HTTP calls made so far.
    """

    def __init__(
        self,
        entity: Entity,
        session: SageSession,
        logger: logging.Logger,
        *,
        select: Sequence[str],
        date_literals: list[str],
    ) -> None:
        """Hold what is needed; nothing is read yet.

        Args:
            entity: What to read.
            session: Where to read it.
            logger: For lines about what failed.
            select: Properties to request, none for all.
            date_literals: Forms of a date literal that the server may take, the likeliest first.
        """
        self._entity = entity
        self._session = session
        self._logger = logger
        self._select = odata.worth_selecting(select)
        self._date_literals = list(date_literals)
        self._usual_literal = date_literals[0]
        self._resource: Resource | None = None
        self._suspects = 0  # rows, of which one fails its page
        self._skipped = 0
        self.calls = 0

    def fetch(
        self, resource: Resource, request: PageRequest, cancelled: threading.Event
    ) -> tuple[PageRequest, Page]:
        """Get a page.

        Returns:
            The request that was answered, and its answer.

        Raises:
            TapError: Sage 300 cannot be read, or too many records had to be skipped.
            CallBudgetError: The budget of the run ended, or nobody waits any more.
        """
        if resource != self._resource:
            self._resource, self._suspects = resource, 0
            self._prefer(request.progress.learned.date_literal)
        before = self._session.limiter.calls
        try:
            return self._fetch(resource, request, cancelled)
        finally:
            self.calls += self._session.limiter.calls - before

    def _fetch(
        self, resource: Resource, request: PageRequest, cancelled: threading.Event
    ) -> tuple[PageRequest, Page]:
        tries, dated = 0, request.window.since is not None
        if self._suspects:
            request = request.narrowed(self._suspects // 2)
        first = request
        while True:
            try:
                page = self._session.page(
                    resource,
                    request.query(self._date_literals[0], self._select),
                    tries=tries,
                    max_retries=self._retries(request),
                    cancelled=cancelled,
                )
            except PageTooHeavyError as heavy:
                tries, request = heavy.tries, request.halved()
                self._session.sleep(heavy.wait_seconds)
            except QueryRefusedError:
                fewer = request.with_fewer_keys()
                if fewer is None and not self._adapt(dated=dated):
                    raise
                tries, request = 0, fewer or first
            except PageFailedError as failure:
                is_one, self._suspects = request.asked == 1, 0
                if is_one:
                    return self._skip(resource, request, failure, cancelled)
                self._suspects = request.asked
                tries, request = 0, request.narrowed(self._suspects // 2)
            else:
                return self._learn(resource, request, page), page

    def _learn(self, resource: Resource, request: PageRequest, page: Page) -> PageRequest:
        """Take in what a page shows of the server, and name the records that are not whole."""
        if request.window.since is not None:
            (form,) = self._date_literals = self._date_literals[:1]
            if form != self._usual_literal:
                request = request.learning(date_literal=form)
        ended = len(page.records) < request.asked and not page.more
        self._suspects = 0 if ended else max(0, self._suspects - len(page.records))
        for place in sorted(page.incomplete):
            key = key_of(page.records[place], self._entity.keys)
            self._note(resource, self._with(key), "only a part of its details is sent")
        return request

    def _prefer(self, form: str | None) -> None:
        """Try a form of dates first that was the right one in an earlier run."""
        if form in self._date_literals:
            self._date_literals.sort(key=lambda other: other != form)

    def _retries(self, request: PageRequest) -> int | None:
        """Return how often to try again, None for as often as the settings say.

        Where pages are known to fail for what is in them, waiting for the server helps little.
        """
        if not self._suspects:
            return 1 if self._skipped else None
        return 0 if request.asked > 1 else 1

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

    # A record that fails its page

    def _skip(
        self,
        resource: Resource,
        request: PageRequest,
        failure: PageFailedError,
        cancelled: threading.Event,
    ) -> tuple[PageRequest, Page]:
        """Go past the one record that was requested, if Sage 300 answers for any other.

        Returns:
            The record's key as a page that holds nothing else, or the page behind the record.
        """
        page = self._ask(resource, request, self._entity.keys, cancelled)
        if page and not page.records:  # gone meanwhile
            return request, page
        if page and (key := request.only_key(page)) is not None:
            if request.window.end != ASKED:  # whose rows are not taken in, and come again
                self._note(resource, self._with(key), failure.seen)
            return replace(request, is_skipped=True), page
        if request.window.read == NOT_FINAL:
            raise failure
        for passed in range(1, MOST_IN_A_ROW + 1):
            behind = replace(request, passed=passed)
            if page := self._ask(resource, behind, self._select, cancelled):
                return self._passed_over(resource, behind, page, failure.seen), page
        raise failure

    def _ask(
        self,
        resource: Resource,
        request: PageRequest,
        select: Sequence[str],
        cancelled: threading.Event,
    ) -> Page | None:
        """Try once to get a page, None where Sage 300 fails.

        Raises:
            NoAccessError: Nothing at all can be read.
        """
        query = request.query(self._date_literals[0], select)
        try:
            return self._session.page(resource, query, max_retries=0, cancelled=cancelled)
        except NoAccessError:
            raise
        except (SageError, PageTooHeavyError):
            return None

    def _passed_over(
        self, resource: Resource, behind: PageRequest, page: Page, seen: str
    ) -> PageRequest:
        """Count the records before a page that came as passed over, unless they come again."""
        if behind.window.end == ASKED and page.records:
            return behind
        last = behind.window.last_key
        after = behind.only_key(page) if page.records else None
        for _ in range(behind.passed):
            self._note(resource, self._between(last, after), seen)
        return replace(behind, progress=replication.pass_over(behind.progress, behind.passed))

    def _note(self, resource: Resource, place: str, seen: str) -> None:
        """Count a record that is skipped, and log it.

        Raises:
            TapError: It is one too many.
        """
        name, company = resource.name, resource.company
        if self._skipped == MOST_SKIPPED:
            raise TapError(
                f"{MOST_SKIPPED} records of {name} could not be read in this run, and there are "
                f"more in company {company} ({seen}): check the records named in the log "
                "in Sage 300; the rest of the stream is left for the next run"
            )
        self._skipped += 1
        self._session.incidents.append(Incident(Kind.RECORD_LEFT_OUT, resource, seen, record=place))
        self._logger.warning(
            "%s of %s: the record %s cannot be read (%s): it is skipped and requested again in "
            "the next run; check it in Sage 300",
            name,
            company,
            place,
            seen,
        )

    def _with(self, key: Key | None) -> str:
        return "without a key" if key is None else f"with {self._named(key)}"

    def _named(self, key: Key) -> str:
        return f"{' and '.join(self._entity.keys)} {key}"

    def _between(self, last: Key | None, after: Key | None) -> str:
        if last is not None and after is not None:
            return f"between {self._named(last)} and {after}"
        if after is not None:
            return f"before {self._named(after)}"
        return "at the end" if last is None else f"after {self._named(last)}"
