"""What the ledger takes and gives, and how it writes times and changes."""

from __future__ import annotations

from datetime import datetime, timezone, UTC
from typing import TYPE_CHECKING, Any, NamedTuple

import simplejson

if TYPE_CHECKING:
    from collections.abc import Mapping

_TIME = "%Y-%m-%dT%H:%M:%SZ"


class Entry(NamedTuple):
    """A row's fate in a run."""

    table: str
    identifier: str
    outcome: str
    sys_id: str = ""
    changes: Mapping[str, Mapping[str, str]] = {}
    swallowed: Mapping[str, Mapping[str, str]] = {}
    status: int = 0
    attempts: int = 0
    reason: str = ""
    stream: str = ""
    payload: Mapping[str, Any] | None = None
    """Kept for rows held or rejected."""
    version: int | None = None
    """The Singer version the row came under, for finding what a complete read did not bring."""


class Reject(NamedTuple):
    """A row held or rejected, as it waits for its next try."""

    table: str
    identifier: str
    run: int
    outcome: str
    reason: str
    stream: str
    payload: dict[str, Any]


class Sent(NamedTuple):
    """A row that an earlier run was sending when it was cut off."""

    run: int
    at: datetime
    outcome: str
    changes: Mapping[str, Mapping[str, str]]


def now() -> str:
    """The time as the ledger writes it."""
    return as_text(datetime.now(UTC))


def as_text(when: datetime) -> str:
    """A time in UTC as the ledger writes it."""
    return when.strftime(_TIME)


def moment(text: str) -> datetime:
    """A time that the ledger wrote."""
    return datetime.strptime(text, _TIME).replace(tzinfo=UTC)


def as_json(changes: Mapping[str, Mapping[str, str]]) -> str:
    """Changed columns as the ledger writes them."""
    return str(simplejson.dumps(changes))
