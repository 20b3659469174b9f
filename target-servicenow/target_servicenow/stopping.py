"""Ending a run from outside its calls: asked before every request, and within every wait."""

from __future__ import annotations

import time

SLICE_SECONDS = 0.2
"""How often a wait asks."""


class StoppedError(Exception):
    """The run is ending, so nothing was sent: told by a signal, or another worker cannot go on."""


class Stop:
    """Whether the run is ending. Shared by all sessions and workers of a run.

    A plain flag, since a signal handler may meet any lock held by the thread that it interrupts.
    """

    def __init__(self) -> None:
        """Start with a run that goes on."""
        self._is_set = False

    def set(self) -> None:
        """End the run: no request is sent from now on, and whoever waits wakes up."""
        self._is_set = True

    def check(self) -> None:
        """Do nothing while the run goes on.

        Raises:
            StoppedError: It is ending.
        """
        if self._is_set:
            raise StoppedError

    def sleep(self, seconds: float) -> None:
        """Wait so many seconds.

        Raises:
            StoppedError: The run is ending.
        """
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.check()
            time.sleep(min(left, SLICE_SECONDS))
        self.check()
