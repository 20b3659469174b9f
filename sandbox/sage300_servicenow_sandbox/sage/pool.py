"""The IIS application pool: how it gives up under too many calls, and recovers."""

from __future__ import annotations

import datetime as dt
import threading
import typing as t
from collections import deque

if t.TYPE_CHECKING:
    from sage300_servicenow_sandbox.clock import Clock
    from sage300_servicenow_sandbox.sage.behaviours import Behaviours

_WINDOW: t.Final = dt.timedelta(minutes=5)


class Pool:
    """Counts the calls of a site by its clock; safe to use from several threads."""

    def __init__(self, clock: Clock) -> None:
        """Start rested."""
        self._clock = clock
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Forget every call."""
        with self._lock:
            self._calls: deque[dt.datetime] = deque()
            self._exhausted: dt.datetime | None = None

    def admits(self, behaviours: Behaviours) -> bool:
        """Count one call; tell whether the pool serves it."""
        now = self._clock.now()
        with self._lock:
            if not behaviours.pool_calls:
                self._calls.clear()
                self._exhausted = None
                return True
            if self._exhausted:
                rest = dt.timedelta(seconds=behaviours.pool_rest_seconds)
                if now - self._exhausted < rest:
                    return False
                self._calls.clear()
                self._exhausted = None
            while self._calls and now - self._calls[0] >= _WINDOW:
                self._calls.popleft()
            if len(self._calls) >= behaviours.pool_calls:
                self._exhausted = now
                return False
            self._calls.append(now)
            return True
