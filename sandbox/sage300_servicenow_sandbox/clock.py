"""The sandbox's clock: what both servers take for the time of day."""

from __future__ import annotations

import datetime as dt
import threading


class Clock:
    """UTC time that a test may set or move.

    By default it is real time. Once set it stands still at that instant, so that two runs of a
    test stamp the same dates; `advance` moves it, standing or running, and `set(None)` lets it run
    again from where it would be by now. Safe to use from several threads.
    """

    def __init__(self, start: dt.datetime | None = None) -> None:
        """Start to run, at an aware instant or on real time."""
        self._lock = threading.Lock()
        self._fixed: dt.datetime | None = None
        self._start = start - dt.datetime.now(dt.UTC) if start else dt.timedelta()
        self._offset = self._start

    def now(self) -> dt.datetime:
        """Return the sandbox's time, aware, in UTC."""
        with self._lock:
            return self._fixed or dt.datetime.now(dt.UTC) + self._offset

    def set(self, instant: dt.datetime | None) -> None:
        """Stop the clock at an aware instant, or let it run again with None.

        Raises:
            ValueError: The instant has no time zone.
        """
        if instant is not None and instant.tzinfo is None:
            raise ValueError("The clock needs an instant with a time zone, such as a final Z")
        with self._lock:
            self._fixed = instant and instant.astimezone(dt.UTC)
            self._offset = self._start

    def advance(self, seconds: float) -> None:
        """Move the clock by a number of seconds, which may be negative."""
        step = dt.timedelta(seconds=seconds)
        with self._lock:
            if self._fixed is None:
                self._offset += step
            else:
                self._fixed += step
