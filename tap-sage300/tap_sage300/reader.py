"""Reads one entity of one company, window by window and page by page. No Singer in it."""

from __future__ import annotations

import datetime as dt
import threading
import typing as t
from dataclasses import dataclass
from functools import partial

from tap_sage300 import odata, replication
from tap_sage300.ahead import Ahead
from tap_sage300.errors import Kind, QueryRefusedError, TapError
from tap_sage300.pages import PageSize, Question
from tap_sage300.state import NOT_FINAL

if t.TYPE_CHECKING:
    import logging
    from collections.abc import Iterator, Sequence

    from tap_sage300.entity import Entity
    from tap_sage300.replication import Rules
    from tap_sage300.session import Answer
    from tap_sage300.source import Source
    from tap_sage300.state import Progress


@dataclass(frozen=True)
class Step:
    """One page's rows, and where the read stands when they are written.

    Attributes:
        received_at: When they came, in UTC.
        received: Rows of the window that this run received, these included.
        expected: Rows of the window that the server announced to this run.
    """

    rows: list[odata.Record]
    progress: Progress
    received_at: dt.datetime
    received: int
    expected: int | None


class Reader:
    """Reads an entity by a plan.

    Attributes:
        calls: HTTP calls made so far.
    """

    def __init__(
        self,
        entity: Entity,
        rules: Rules,
        select: Sequence[str],
        source: Source,
        logger: logging.Logger,
    ) -> None:
        """Hold what is needed; nothing is read yet. An empty ``select`` asks for everything."""
        self._entity = entity
        self._rules = rules
        self._select = odata.worth_selecting(select)
        self._source = source
        self._logger = logger
        self.calls = 0

    def read(self, company: str, progress: Progress) -> Iterator[Step]:
        """Read until no window is open. While a page is in use the next one is being fetched.

        Raises:
            TapError: Sage 300 cannot be read.
            CallBudgetError: The budget of the run ended; the progress given last holds.
        """
        settings = self._source.settings
        full = settings.batch_page_size if self._entity.details_inline else settings.page_size
        size = PageSize(full, full)
        ended = threading.Event()
        try:
            coming = self._fetch(company, progress, size, ended)
            while coming is not None:
                question, answer = coming.result()
                step = self._step(question, answer)
                size = size.after(answer.halvings)
                coming = self._fetch(company, step.progress, size, ended)
                yield step
        finally:
            ended.set()

    def _fetch(
        self, company: str, progress: Progress, size: PageSize, ended: threading.Event
    ) -> Ahead[tuple[Question, Answer[odata.Page]]] | None:
        if progress.window is None:
            return None
        question = Question(self._entity, company, progress, size)
        return Ahead(lambda: (question, self._ask(question, ended)))

    def _step(self, question: Question, answer: Answer[odata.Page]) -> Step:
        """Take a page in.

        Raises:
            TapError: It cannot be read in order.
        """
        name, company, page = self._entity.name, question.company, answer.content
        try:
            reading = question.reading(page, answer.asked_on, answer.halvings)
        except ValueError as fault:
            raise TapError(
                f"Sage 300 sent {fault} in {name} of company {company}, so that it cannot be read "
                "in order.",
                Kind.SYSTEM,
            ) from fault
        self._log_opening(question, reading)
        try:
            progress, remark = replication.advance(question.progress, reading, self._rules)
        except ValueError as fault:
            raise TapError(f"{name} of company {company}: {fault}.") from fault
        if remark:
            self._logger.warning("%s of %s: %s", name, company, remark)
        before = question.progress.window
        return Step(
            page.records,
            progress,
            answer.received_at,
            received=(before.received if before else 0) + len(page.records),
            expected=before.expected if before and before.received else page.count,
        )

    def _ask(self, question: Question, ended: threading.Event) -> Answer[odata.Page]:
        """Get a page, learning what the server does not take."""
        entity, forms = self._entity, self._source.date_literals
        about = {"company": question.company, "module": entity.module, "resource": entity.name}
        session, window = self._source.session, question.progress.window
        dated = window is not None and window.since is not None
        while True:
            before = session.gate.calls
            try:
                answer = session.get(
                    partial(self._url, question), odata.parse_page, about, ended.is_set
                )
            except QueryRefusedError:
                if self._select:  # this version may lack one of the properties
                    self._logger.info("Sage 300 refused the query, trying without $select")
                    self._select = ()
                elif dated and len(forms) > 1:
                    self._logger.info("Sage 300 refused dates written %s, trying %s", *forms[:2])
                    del forms[0]
                else:
                    raise
            else:
                if dated:
                    del forms[1:]
                return answer
            finally:
                self.calls += session.gate.calls - before

    def _url(self, question: Question, halvings: int) -> str:
        entity = self._entity
        query = question.query(self._source.date_literals[0], self._select, halvings)
        address = odata.resource_url(
            self._source.settings.api_url, question.company, entity.module, entity.name
        )
        return f"{address}?{query}"

    def _log_opening(self, question: Question, reading: replication.Reading) -> None:
        window = question.progress.window
        if window is None or window.received or window.read == NOT_FINAL:
            return
        self._logger.info(
            "%s of %s: %s%s%s to read",
            self._entity.name,
            question.company,
            "" if window.last_key is None else f"going on after {window.last_key}, ",
            "rows" if reading.count is None else f"{reading.count} rows",
            "" if window.since is None else f" dated {window.since} or later",
        )


def utc_today() -> dt.date:
    """Today in UTC: the tap's one clock, and it only decides whether a sweep is due."""
    return dt.datetime.now(dt.UTC).date()
