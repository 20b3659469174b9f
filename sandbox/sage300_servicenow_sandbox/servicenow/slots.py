"""When a request runs: the slots of the integration pool, and one request per session."""

from __future__ import annotations

import threading
import typing as t
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field

from sage300_servicenow_sandbox.servicenow import errors
from sage300_servicenow_sandbox.servicenow.errors import ApiError

if t.TYPE_CHECKING:
    from collections.abc import Iterator


class Slots:
    """The API_INT semaphores: requests beyond them wait, first come, first served."""

    def __init__(self) -> None:
        """Start with nothing running."""
        self._lock = threading.Lock()
        self._running = 0
        self._waiting: deque[threading.Event] = deque()

    @contextmanager
    def take(self, slots: int, queue: int) -> Iterator[None]:
        """Wait for one of `slots`, and hold it while the with block runs.

        Raises:
            ApiError: `queue` requests are waiting already.
        """
        turn = threading.Event()
        with self._lock:
            self._waiting.append(turn)
            self._admit(slots)
            if len(self._waiting) > queue and not turn.is_set():
                self._waiting.pop()
                raise ApiError(errors.OVERLOADED)
        turn.wait()
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1
                self._admit(slots)

    def _admit(self, slots: int) -> None:
        while self._waiting and self._running < slots:
            self._running += 1
            self._waiting.popleft().set()


@dataclass
class _Turn:
    lock: threading.Lock = field(default_factory=threading.Lock)
    users: int = 0


class Sessions:
    """Runs the requests of a session one after another; keeps only sessions that have any."""

    def __init__(self) -> None:
        """Start with no session."""
        self._lock = threading.Lock()
        self._turns: dict[str, _Turn] = {}

    @contextmanager
    def alone(self, session: str) -> Iterator[None]:
        """Wait until no other request of the session runs, and make the others wait."""
        with self._lock:
            turn = self._turns.setdefault(session, _Turn())
            turn.users += 1
        try:
            with turn.lock:
                yield
        finally:
            with self._lock:
                turn.users -= 1
                if not turn.users:
                    del self._turns[session]
