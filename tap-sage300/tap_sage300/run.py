"""What the streams of one run share."""

from __future__ import annotations

import typing as t
from functools import cached_property

from tap_sage300 import config, credentials
from tap_sage300.api.errors import CompanyError, RightsError, ServerError, UnknownError
from tap_sage300.api.odata import DATE_LITERALS
from tap_sage300.api.session import SageSession
from tap_sage300.events import EventLog

if t.TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Mapping

    from tap_sage300.config import Config
    from tap_sage300.errors import TapError
    from tap_sage300.reading.entity import Entity


MOST_FAULTS = 10
"""Streams and companies in a row for which the server fails, before nothing more is tried."""


class Run:
    """One run: its settings, its session and what it has learned about the server.

    Settings and session are made on first use, because discovery may need neither.

    Attributes:
        budget_logged: Whether the line about the spent budget has been logged.
        events: What happens in the run.
        write_events: Writes them; nothing where the stream of them is not selected.
    """

    def __init__(self, raw: Mapping[str, t.Any], logger: logging.Logger) -> None:
        """Hold the settings as they were given."""
        self._raw = raw
        self._logger = logger
        self.budget_logged = False
        self.events = EventLog()
        self.write_events: Callable[[], None] = self.events.forget
        self._failures: list[tuple[str, str, TapError]] = []
        self._faults = 0
        self._served_at_fault = -1

    @cached_property
    def config(self) -> Config:
        """The settings, checked.

        Raises:
            SettingError: One is missing or wrong.
        """
        return config.read(self._raw)

    @cached_property
    def session(self) -> SageSession:
        """The one session of the run.

        Raises:
            TapError: There is no password.
        """
        password = credentials.password(self.config)
        return SageSession(
            self.config.connection(password), self._logger, incidents=self.events.incidents
        )

    def date_literals(self, *, whole_days: bool) -> list[str]:
        """Return the forms of a date literal that the server may take, the likeliest first.

        Args:
            whole_days: The date is an ``Edm.Date``, as far as is known.
        """
        chosen = self.config.date_literal
        forms = sorted(DATE_LITERALS, key=lambda form: (form == "date") != whole_days)
        return forms if chosen == "auto" else [chosen]

    def fail(self, company: str, module: str, error: TapError) -> None:
        """Note that a stream of a company cannot be read; the others are.

        Raises:
            ServerError: The server has failed for every company in turn, and served nothing.
        """
        if isinstance(error, ServerError):
            served = self.session.served.total()
            self._faults = self._faults + 1 if served == self._served_at_fault else 1
            self._served_at_fault = served
            if self._faults >= min(len(self.config.companies) + 2, MOST_FAULTS):
                raise error
        self._failures.append((company, module, error))

    def closed(self, company: str, module: str) -> TapError | None:
        """Return why a company, or a module of it, is not readable in this run, None if it is."""
        for at, failed, error in self._failures:
            is_right = isinstance(error, RightsError) and failed == module
            if at == company and (is_right or isinstance(error, CompanyError)):
                return error
        return None

    @property
    def failures(self) -> list[TapError]:
        """What could not be read; of a company of which nothing could, each cause once."""
        if not self._failures:
            return []
        served = {resource.company for resource in self.session.served}
        found: dict[tuple[str, object], TapError] = {}
        for company, _, error in self._failures:
            cause: object = error
            if company not in served and isinstance(error, UnknownError):
                cause = error.cause
            found.setdefault((company, cause), error)
        return list(found.values())

    def page_size(self, entity: Entity) -> int:
        """Return how many records of an entity to request at once."""
        config = self.config
        return config.document_page_size if entity.details_inline else config.page_size
