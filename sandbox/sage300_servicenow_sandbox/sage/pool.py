"""The IIS application pool: how it falls asleep, wakes, and gives up under too many calls."""

from __future__ import annotations

import datetime as dt
import threading
import typing as t
from collections import deque
from dataclasses import dataclass

if t.TYPE_CHECKING:
    from sage300_servicenow_sandbox.clock import Clock
    from sage300_servicenow_sandbox.sage.behaviours import Behaviours


@dataclass(frozen=True)
class Verdict:
    """How long a request hangs, in seconds, and whether it ends with a 503 then."""

    seconds: float = 0.0
    refused: bool = False


class Pool:
    """Counts the calls of a site by its clock; safe to use from several threads."""

    def __init__(self, clock: Clock) -> None:
        """Start awake and rested."""
        self._clock = clock
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Be awake and rested."""
        with self._lock:
            self._calls: deque[dt.datetime] = deque()
            self._last: dt.datetime | None = None
            self._exhausted: dt.datetime | None = None

    def admit(self, behaviours: Behaviours) -> Verdict:
        """Take one call in and say what becomes of it."""
        now = self._clock.now()
        with self._lock:
            last, self._last = self._last, now
            if self._is_exhausted(now, behaviours):
                return Verdict(behaviours.pool_hang_seconds, refused=True)
        idle = dt.timedelta(seconds=behaviours.idle_seconds)
        slept = last is not None and now - last >= idle
        return Verdict(behaviours.cold_start_seconds if slept else 0.0)

    def _is_exhausted(self, now: dt.datetime, behaviours: Behaviours) -> bool:
        if not behaviours.pool_calls:
            self._calls.clear()
            self._exhausted = None
            return False
        rest = dt.timedelta(seconds=behaviours.pool_rest_seconds)
        if self._exhausted and now - self._exhausted >= rest:
            self._calls.clear()
            self._exhausted = None
        window = dt.timedelta(seconds=behaviours.pool_window_seconds)
        while self._calls and now - self._calls[0] >= window:
            self._calls.popleft()
        if not self._exhausted and len(self._calls) >= behaviours.pool_calls:
            self._exhausted = now
        if not self._exhausted:
            self._calls.append(now)
        return self._exhausted is not None
