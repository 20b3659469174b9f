"""Work done in the background while something else goes on."""

from __future__ import annotations

import threading
import typing as t
from concurrent.futures import Future

if t.TYPE_CHECKING:
    from collections.abc import Callable

T = t.TypeVar("T")

GLANCE_SECONDS = 0.5
"""Between looks at the result: on Windows a signal is only handled between two waits."""


class Ahead(t.Generic[T]):
    """One piece of work, begun at once in a thread that never holds up the end of the process."""

    def __init__(self, work: Callable[[], T]) -> None:
        """Begin."""
        self._outcome: Future[T] = Future()
        threading.Thread(target=self._run, args=(work,), daemon=True).start()

    def _run(self, work: Callable[[], T]) -> None:
        try:
            self._outcome.set_result(work())
        except BaseException as fault:  # noqa: BLE001 - told to the one who waits
            self._outcome.set_exception(fault)

    def result(self) -> T:
        """Wait for the work and give its result, or raise what it raised."""
        done = threading.Event()
        self._outcome.add_done_callback(lambda _: done.set())
        while not done.wait(GLANCE_SECONDS):
            pass
        return self._outcome.result()
