"""How many rows one Batch call carries, learnt from how long the last one took."""

from __future__ import annotations

import threading

START_ROWS = 50
MAX_ROWS = 500
GROW_UNDER_SECONDS = 15.0
"""Half of the 30 s that the Batch API gives a call before it cancels what is left."""


class BatchSize:
    """A number of rows that grows while calls are quick and halves when one was cut short."""

    def __init__(self) -> None:
        """Start at the size others have found safe."""
        self._lock = threading.Lock()
        self._rows = START_ROWS

    @property
    def rows(self) -> int:
        """Rows for the next call."""
        return self._rows

    def took(self, rows: int, seconds: float) -> None:
        """A call of so many rows went through: grow if a call twice as large would too."""
        with self._lock:
            if rows >= self._rows and seconds * 2 < GROW_UNDER_SECONDS:
                self._rows = min(self._rows * 2, MAX_ROWS)

    def cut_short(self) -> None:
        """A call did not get through all its rows."""
        with self._lock:
            self._rows = max(self._rows // 2, 1)
