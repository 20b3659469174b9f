"""Reads one entity of one company, window by window and page by page. No Singer in it."""

from __future__ import annotations

import datetime as dt
import typing as t
from dataclasses import dataclass
from functools import partial

from tap_sage300 import odata, replication
from tap_sage300.errors import Kind, QueryRefusedError, TapError
from tap_sage300.state import NOT_FINAL, Key, Progress, Window

if t.TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterator, Sequence

    from tap_sage300.replication import Rules
    from tap_sage300.session import Answer
    from tap_sage300.source import Source

FINAL: t.Final = frozenset({"Posted", "Deleted"})
"""Values of BatchStatus that no longer change; any other can."""
MOST_KEYS = 40
"""Keys in one filter, so that it takes at most 1,500 of the 2,048 characters IIS gives a query."""
CALM_PAGES = 10
"""Pages that must come through before a halved page size is doubled again."""


@dataclass(frozen=True)
class Entity:
    """A resource of the Web API and how its changes show.

    Attributes:
        module: Sage 300 module, as it stands in the URL.
        key: Its own key; with CompanyID in front it is the stream's key.
        date: The date property that windows are filtered on.
        status: The property that tells whether a record can still change without a new date.
        dates_edits: False when the date is that of creation, so that only sweeps find edits.
        details_inline: Records bring their details along, and fewer are asked for at once.
        private: Properties that are left out unless somebody selects them.
        calculated: Beginnings of the names of helper properties that hold no data.
    """

    name: str
    module: str
    key: str
    date: str
    status: str | None = None
    dates_edits: bool = True
    details_inline: bool = False
    private: tuple[str, ...] = ()
    calculated: tuple[str, ...] = ()


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

    def read(
        self, company: str, progress: Progress
    ) -> Iterator[tuple[list[odata.Record], Progress]]:
        """Read until no window is open, giving each page's rows and the progress after them.

        Raises:
            TapError: Sage 300 cannot be read.
            CallBudgetError: The budget of the run ended; the progress given last holds.
        """
        settings = self._source.settings
        full = settings.batch_page_size if self._entity.details_inline else settings.page_size
        size = PageSize(full, full)
        while (window := progress.window) is not None:
            asked = partial(_asked, progress, size)
            answer = self._ask(company, window, size, asked)
            reading = self._reading(company, window, answer, size, asked)
            if window.received == 0 and window.read != NOT_FINAL:
                self._logger.info(_opening(company, window, reading))
            try:
                progress, remark = replication.advance(progress, reading, self._rules)
            except ValueError as fault:
                raise TapError(f"{self._entity.name} of company {company}: {fault}.") from fault
            if remark:
                self._logger.warning("%s of %s: %s", self._entity.name, company, remark)
            size = size.after(answer.halvings)
            yield answer.content.records, progress

    def _ask(
        self,
        company: str,
        window: Window,
        size: PageSize,
        asked: Callable[[int], Sequence[Key]],
    ) -> Answer[odata.Page]:
        """Get the page that comes next, learning what the server does not take."""
        entity, forms = self._entity, self._source.date_literals
        about = {"company": company, "module": entity.module, "resource": entity.name}
        session = self._source.session
        while True:
            before = session.gate.calls
            try:
                answer = session.get(
                    partial(self._url, company, window, size, asked), odata.parse_page, about
                )
            except QueryRefusedError:
                if self._select:  # this version may lack one of the properties
                    self._logger.info("Sage 300 refused the query, trying without $select")
                    self._select = ()
                elif window.since is not None and len(forms) > 1:
                    self._logger.info("Sage 300 refused dates written %s, trying %s", *forms[:2])
                    del forms[0]
                else:
                    raise
            else:
                if window.since is not None:
                    del forms[1:]
                return answer
            finally:
                self.calls += session.gate.calls - before

    def _url(
        self,
        company: str,
        window: Window,
        size: PageSize,
        asked: Callable[[int], Sequence[Key]],
        halvings: int,
    ) -> str:
        entity, settings = self._entity, self._source.settings
        if window.read == NOT_FINAL:
            keys = asked(halvings)
            query = odata.Query(
                len(keys), odata.one_of(entity.key, keys), select=self._select, count=True
            )
        else:
            since, last, form = window.since, window.last_key, self._source.date_literals[0]
            query = odata.Query(
                size.halved(halvings),
                odata.all_of(
                    odata.changed_since(entity.date, since, form) if since else "",
                    "" if last is None else odata.after(entity.key, last),
                ),
                skip=window.skip or 0,
                select=self._select,
                count=window.received == 0,
            )
        address = odata.resource_url(settings.api_url, company, entity.module, entity.name)
        return f"{address}?{query}"

    def _reading(
        self,
        company: str,
        window: Window,
        answer: Answer[odata.Page],
        size: PageSize,
        asked: Callable[[int], Sequence[Key]],
    ) -> replication.Reading:
        entity, page = self._entity, answer.content
        keys: list[Key] = []
        open_keys: set[Key] = set()
        for row in page.records:
            key = odata.as_integer(row.get(entity.key))
            if not isinstance(key, str | int):
                raise TapError(
                    f"Sage 300 sent a record of {entity.name} for company {company} without "
                    f"{entity.key}, so it cannot be read in order.",
                    Kind.SYSTEM,
                )
            keys.append(key)
            if entity.status and row.get(entity.status) not in FINAL:
                open_keys.add(key)
        return replication.Reading(
            keys=keys,
            asked_on=answer.asked_on,
            full=len(keys) >= size.halved(answer.halvings),
            ordered=odata.in_order(keys, window.last_key),
            count=page.count,
            more=page.more,
            next_skip=page.next_skip,
            high=replication.highest(row.get(entity.date) for row in page.records),
            not_final=frozenset(open_keys),
            asked=asked(answer.halvings) if window.read == NOT_FINAL else (),
        )


def _asked(progress: Progress, size: PageSize, halvings: int) -> Sequence[Key]:
    """Name the keys of one page of a ``not_final`` window."""
    return replication.to_check(progress, min(size.halved(halvings), MOST_KEYS))


def _opening(company: str, window: Window, reading: replication.Reading) -> str:
    start = "" if window.last_key is None else f"going on after {window.last_key}, "
    rows = "rows" if reading.count is None else f"{reading.count} rows"
    bound = "" if window.since is None else f" dated {window.since} or later"
    return f"{company}: {start}{rows}{bound} to read"


def utc_today() -> dt.date:
    """Today in UTC: the tap's one clock, and it only decides whether a sweep is due."""
    return dt.datetime.now(dt.timezone.utc).date()
