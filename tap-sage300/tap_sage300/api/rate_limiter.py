"""The calls a run may make, and the minimum interval between them."""

from __future__ import annotations

import time
import typing as t

from tap_sage300.api.errors import CallBudgetError

if t.TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from tap_sage300.api.connection import Connection


class RateLimiter:
    """What every physical request passes: the minimum interval and the call budget of the run.

    Attributes:
        calls: Requests let through so far.
        left: Requests that the budget still allows.
    """

    def __init__(
        self, connection: Connection, logger: logging.Logger, sleep: Callable[[float], None]
    ) -> None:
        """Start a run with the whole budget."""
        self._connection = connection
        self._logger = logger
        self._sleep = sleep
        self._not_before = 0.0
        self.calls = 0
        self.left = connection.max_calls_per_run

    def acquire(self) -> None:
        """Wait until the next call may go out.

        Raises:
            CallBudgetError: The budget of this run is spent and ``on_call_budget`` is ``stop``.
        """
        connection = self._connection
        if self.left == 0:
            if connection.on_call_budget == "stop":
                raise CallBudgetError
            pause = connection.call_budget_pause_seconds
            self._logger.info(
                "%d calls made, pausing for %d seconds (call_budget_pause_seconds)",
                self.calls,
                pause,
            )
            self._sleep(pause)
            self.left = connection.max_calls_per_run
        if (wait := self._not_before - time.monotonic()) > 0:
            self._sleep(wait)
        self._not_before = time.monotonic() + connection.min_call_interval_ms / 1000
        self.left -= 1
        self.calls += 1
