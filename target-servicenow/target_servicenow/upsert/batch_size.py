"""The number of rows in one Batch call, learned from how long the last one took."""

from __future__ import annotations

import threading

START_ROWS = 50
"""Others have found so many safe."""
MAX_ROWS = 500
GROW_BELOW_SECONDS = 15.0
"""Half of the 30 s that the Batch API gives a call before it cancels the rest."""


class BatchSize:
    """A number of rows that grows while calls are quick and halves when one was cut short.

    Attributes:
        rows: Rows for the next call.
    """

    def __init__(self) -> None:
        """Start with `START_ROWS`."""
        self._lock = threading.Lock()
        self.rows = START_ROWS

    def took(self, rows: int, seconds: float) -> None:
        """Grow if a call twice as large as one of so many rows would pass too."""
        with self._lock:
            if rows >= self.rows and seconds * 2 < GROW_BELOW_SECONDS:
                self.rows = min(self.rows * 2, MAX_ROWS)

    def cut_short(self) -> None:
        """Halve: a call did not get through all its rows."""
        with self._lock:
            self.rows = max(self.rows // 2, 1)
