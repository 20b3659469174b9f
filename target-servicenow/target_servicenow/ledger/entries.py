"""What the ledger takes and gives, and how it writes times and changes."""

from __future__ import annotations

import datetime as dt
import typing as t

import simplejson

if t.TYPE_CHECKING:
    from collections.abc import Mapping

_TIME = "%Y-%m-%dT%H:%M:%SZ"


class Entry(t.NamedTuple):
    """A row's fate in a run.

    Attributes:
        payload: Kept for rows held or rejected.
        version: The Singer version the row came under, for finding what a complete read did not
            bring.
    """

    table: str
    identifier: str
    outcome: str
    sys_id: str = ""
    changes: Mapping[str, Mapping[str, str]] = {}
    altered: Mapping[str, Mapping[str, str]] = {}
    status: int = 0
    attempts: int = 0
    reason: str = ""
    stream: str = ""
    payload: Mapping[str, t.Any] | None = None
    version: int | None = None


class Reject(t.NamedTuple):
    """A row held or rejected, as it waits for its next try."""

    table: str
    identifier: str
    run: int
    outcome: str
    reason: str
    stream: str
    payload: dict[str, t.Any]


class Sent(t.NamedTuple):
    """A row that an earlier run was sending when it was cut off."""

    run: int
    at: dt.datetime
    outcome: str
    changes: Mapping[str, Mapping[str, str]]


def now() -> str:
    """The time as the ledger writes it."""
    return as_text(dt.datetime.now(dt.UTC))


def as_text(when: dt.datetime) -> str:
    """A time in UTC as the ledger writes it."""
    return when.strftime(_TIME)


def moment(text: str) -> dt.datetime:
    """A time that the ledger wrote."""
    return dt.datetime.strptime(text, _TIME).replace(tzinfo=dt.UTC)


def as_json(changes: Mapping[str, Mapping[str, str]]) -> str:
    """Changed columns as the ledger writes them."""
    return str(simplejson.dumps(changes))
