"""The log of the latest requests of both sides, with the faults that they met."""

from __future__ import annotations

import threading
import typing as t
from collections import deque
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Entry:
    """One request and its outcome.

    Attributes:
        number: Counts the requests since the last reset, from 1.
        side: The side that was called.
        method: The HTTP method.
        path: The path, decoded.
        query: The query string, encoded.
        status: The HTTP status that was sent; 0, no answer was.
        app_status: The status that the application answered with; None, it was never reached.
        fault: The fault that the request met.
    """

    number: int
    side: str
    method: str
    path: str
    query: str
    status: int
    app_status: int | None
    fault: str | None

    @property
    def committed(self) -> bool:
        """Whether the application carried the request out."""
        return self.app_status is not None and self.app_status < 400  # noqa: PLR2004


class RequestLog:
    """The latest requests, a bounded number of them; safe to use from several threads."""

    def __init__(self, size: int) -> None:
        """Keep at most `size` requests."""
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque(maxlen=size)
        self._number = 0

    def reset(self) -> None:
        """Forget every request and count from 1 again."""
        with self._lock:
            self._entries.clear()
            self._number = 0

    def add(self, **values: t.Any) -> None:
        """Add one request; the names are those of an entry, except its number."""
        with self._lock:
            self._number += 1
            self._entries.append(Entry(number=self._number, **values))

    def entries(self) -> list[dict[str, t.Any]]:
        """Return the requests as JSON values, the earliest first."""
        with self._lock:
            entries = list(self._entries)
        return [{**asdict(entry), "committed": entry.committed} for entry in entries]
