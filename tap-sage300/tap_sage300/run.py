"""What the streams of one run share."""

from __future__ import annotations

import typing as t
from functools import cached_property

from tap_sage300 import config, credentials
from tap_sage300.api.odata import DATE_LITERALS
from tap_sage300.api.session import SageSession

if t.TYPE_CHECKING:
    import logging
    from collections.abc import Mapping

    from tap_sage300.config import Config
    from tap_sage300.reading.entity import Entity


class Run:
    """One run: its settings, its session and what it has learned about the server.

    Settings and session are made on first use, because discovery may need neither.

    Attributes:
        budget_logged: Whether the line about the spent budget has been logged.
    """

    def __init__(self, raw: Mapping[str, t.Any], logger: logging.Logger) -> None:
        """Hold the settings as they were given."""
        self._raw = raw
        self._logger = logger
        self.budget_logged = False

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
        return SageSession(self.config.connection(password), self._logger)

    def date_literals(self, *, whole_days: bool) -> list[str]:
        """Return the forms of a date literal that the server may take, the likeliest first.

        Args:
            whole_days: The date is an ``Edm.Date``, as far as is known.
        """
        chosen = self.config.date_literal
        forms = sorted(DATE_LITERALS, key=lambda form: (form == "date") != whole_days)
        return forms if chosen == "auto" else [chosen]

    def page_size(self, entity: Entity) -> int:
        """Return how many records of an entity to request at once."""
        config = self.config
        return config.document_page_size if entity.details_inline else config.page_size
