"""What happened between the tap and Sage 300 that did not end the read, as it is noted there."""

from __future__ import annotations

import datetime as dt
import enum
import typing as t
from dataclasses import dataclass, field

if t.TYPE_CHECKING:
    from tap_sage300.api.odata import Resource


class Kind(enum.StrEnum):
    """What happened."""

    RETRY = "retry"
    TIMEOUT = "timeout"
    POOL_REST = "pool_rest"
    RECORD_LEFT_OUT = "record_left_out"


def utc_now() -> dt.datetime:
    """Return the time by this machine's clock, in UTC."""
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True)
class Incident:
    """One thing that happened.

    Attributes:
        kind: What it was.
        resource: What was requested.
        message: What was seen, in a few words.
        wait_seconds: How long is waited before the next try.
        record: Which record it concerns, in words.
        at: When, in UTC by this machine's clock.
    """

    kind: Kind
    resource: Resource
    message: str
    wait_seconds: float | None = None
    record: str | None = None
    at: dt.datetime = field(default_factory=utc_now)
