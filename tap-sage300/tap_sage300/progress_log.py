"""How fast a read goes and what is left of it: the lines and metrics an operator watches."""

from __future__ import annotations

import enum
import time
import typing as t

from singer_sdk import metrics

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_sage300.reading.reader import Step

EVERY_SECONDS = 5.0
"""Least time between two lines about one stream."""


class Metric(enum.StrEnum):
    """Metrics besides the SDK's; calls are physical ones, retries included."""

    CALLS = metrics.Metric.HTTP_REQUEST_COUNT.value
    CALLS_LEFT = "call_budget_left"


def points(stream: str, calls: int, left: int) -> list[metrics.Point[int]]:
    """Return what a stream has cost, in the SDK's form."""
    tags = {metrics.Tag.STREAM.value: stream}
    return [
        metrics.Point("counter", t.cast("metrics.Metric", Metric.CALLS), calls, tags),
        metrics.Point("gauge", t.cast("metrics.Metric", Metric.CALLS_LEFT), left, tags),
    ]


class ProgressLog:
    """The progress of one stream in one company."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start now."""
        self._clock = clock
        self._began = self._logged = clock()

    def line(self, step: Step, calls: int, left: int) -> str | None:
        """Say how far the read is, or None where that was said a moment ago.

        Args:
            step: The page just taken in.
            calls: Calls of the stream so far.
            left: Calls left in the budget of the run.
        """
        now = self._clock()
        if step.progress.window is None or now - self._logged < EVERY_SECONDS:
            return None
        self._logged = now
        rate = step.received / (now - self._began)
        of, remaining = "", ""
        if step.expected is not None and step.expected >= step.received:
            of = f" of {step.expected}"
            remaining = f", about {(step.expected - step.received) / max(rate, 0.1):.0f} s left"
        return (
            f"{step.received}{of} rows, {calls} calls, {rate:.0f} rows/s{remaining}; "
            f"{left} calls left in the budget"
        )
