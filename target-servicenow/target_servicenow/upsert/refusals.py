"""Telling the fault of one row from a fault of the whole run, by what became of the others."""

from __future__ import annotations

import threading
import typing as t

from target_servicenow.api.errors import StopRunError
from target_servicenow.outcomes import WRITTEN, Cause

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from target_servicenow.upsert.settled import Settled

ENOUGH = 3
"""Refused rows that are a fault of the whole run when the table took none at all."""


class Refusals:
    """The rows that one table refused in a run. Shared by its workers.

    Attributes:
        taken: Whether the table has taken a row.
        shown: Whether ServiceNow has shown a row that the table has taken.
    """

    def __init__(self) -> None:
        """Start with no row sent."""
        self._lock = threading.Lock()
        self._waiting: list[Settled] = []
        self._count = 0
        self._unshown = 0
        self.taken = False
        self.shown = False

    @property
    def blind(self) -> bool:
        """Whether the table has taken rows enough, and ServiceNow has shown none of them."""
        return not self.shown and self._unshown >= ENOUGH

    def sift(self, done: Sequence[Settled]) -> list[Settled]:
        """Return the rows whose fate is certain: a refusal is once the table has taken a row."""
        with self._lock:
            denied = [fate for fate in done if fate.denied]
            self._count += len(denied)
            self._waiting += denied
            written = [fate for fate in done if fate.outcome in WRITTEN]
            unshown = sum(fate.cause is Cause.HIDDEN for fate in written)
            self._unshown += unshown
            self.taken = self.taken or bool(written)
            self.shown = self.shown or len(written) > unshown
            certain = [fate for fate in done if not fate.denied]
            if self.taken:
                certain += self._waiting
                self._waiting = []
            return certain

    def end(self) -> list[Settled]:
        """Return the refused rows that still wait, when every row has been sent.

        Raises:
            StopRunError: The table refused every row so far.
        """
        with self._lock:
            waiting, self._waiting = self._waiting, []
        if waiting and not self.taken and self._count >= ENOUGH:
            raise StopRunError(waiting[-1].denied)
        return waiting
