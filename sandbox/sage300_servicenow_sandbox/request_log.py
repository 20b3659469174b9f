"""The log of requests: the latest ones of both sides, with the faults that they met."""

from __future__ import annotations

import threading
import typing as t
from collections import deque
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Entry:
    """One request and what became of it.

    `status` is what the client was sent, 0 for no answer; `app_status` is what the application
    answered, None where the request never reached it; `fault` is the fault that was met, if any.
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
        """Tell whether the application carried the request out."""
        return self.app_status is not None and self.app_status < 400  # noqa: PLR2004


class RequestLog:
    """The latest requests, a bounded number of them; safe to use from several threads."""

    def __init__(self, size: int) -> None:
        """Keep at most `size` requests."""
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque(maxlen=size)
        self._number = 0

    def reset(self) -> None:
        """Forget every request and number from 1 again."""
        with self._lock:
            self._entries.clear()
            self._number = 0

    def add(self, **known: t.Any) -> None:
        """Add one request; the names are those of an entry, but for its number."""
        with self._lock:
            self._number += 1
            self._entries.append(Entry(number=self._number, **known))

    def entries(self) -> list[dict[str, t.Any]]:
        """Return the requests as JSON values, the earliest first."""
        with self._lock:
            entries = list(self._entries)
        return [{**asdict(entry), "committed": entry.committed} for entry in entries]
