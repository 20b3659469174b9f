"""Work done in the background while something else goes on."""

from __future__ import annotations

import threading
import typing as t
from concurrent.futures import Future

if t.TYPE_CHECKING:
    from collections.abc import Callable

T = t.TypeVar("T")

POLL_SECONDS = 0.5
"""Between looks at the result: on Windows a signal is only handled between two waits."""


class Prefetch(t.Generic[T]):
    """One piece of work, started at once in a thread that does not keep the process alive."""

    def __init__(self, work: Callable[[], T]) -> None:
        """Start."""
        self._outcome: Future[T] = Future()
        threading.Thread(target=self._run, args=(work,), name="prefetch", daemon=True).start()

    def _run(self, work: Callable[[], T]) -> None:
        try:
            self._outcome.set_result(work())
        except BaseException as failure:  # noqa: BLE001 - raised again by result()
            self._outcome.set_exception(failure)

    def result(self) -> T:
        """Wait for the work and return its result, or raise what it raised."""
        done = threading.Event()
        self._outcome.add_done_callback(lambda _: done.set())
        while not done.wait(POLL_SECONDS):
            pass
        return self._outcome.result()
