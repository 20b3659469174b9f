"""What the streams of one run share."""

from __future__ import annotations

import typing as t
from functools import cached_property

from tap_sage300 import credentials, settings
from tap_sage300.odata import DATE_LITERALS
from tap_sage300.session import SageSession

if t.TYPE_CHECKING:
    import logging
    from collections.abc import Mapping


class Source:
    """The Sage 300 of one run: its settings, its session and what was learned about it.

    Settings and session are made when first asked for, because discovery needs neither.

    Attributes:
        budget_told: Whether the line about the used-up budget has been logged.
    """

    def __init__(self, config: Mapping[str, t.Any], logger: logging.Logger) -> None:
        """Hold the configuration."""
        self._config = config
        self._logger = logger
        self.budget_told = False

    @cached_property
    def settings(self) -> settings.Settings:
        """The settings, checked."""
        return settings.read(self._config)

    @cached_property
    def session(self) -> SageSession:
        """The one session of the run."""
        return SageSession(self.settings, credentials.password(self.settings), self._logger)

    @cached_property
    def date_literals(self) -> list[str]:
        """Forms of a date literal still in question, the likeliest first."""
        chosen = self.settings.date_literal
        return list(DATE_LITERALS) if chosen == "auto" else [chosen]
