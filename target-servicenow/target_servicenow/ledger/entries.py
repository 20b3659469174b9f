"""What the ledger takes and returns, and how it writes times and JSON."""

from __future__ import annotations

import datetime as dt
import hashlib
import typing as t
from dataclasses import asdict, is_dataclass

import msgspec
import simplejson

from target_servicenow.lenient_json import decode, holds_nan

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from target_servicenow.money import Money

FROM_LEDGER = "_from_ledger"
"""Marks a record exported from the ledger: it may hold only a part of what Sage 300 holds.

Its value says which waiting row it was, and with which record: see `stamp`.
"""

_TIME = "%Y-%m-%dT%H:%M:%SZ"
_ENCODER = msgspec.json.Encoder(decimal_format="number", enc_hook=str)


class Change(t.Protocol):
    """A column's old and new value: any frozen dataclass with these two fields.

    Read back from the ledger it is a mapping: ``{"old": ..., "new": ...}``.
    """

    @property
    def old(self) -> str:
        """The value before."""

    @property
    def new(self) -> str:
        """The value after."""


class Remembered(t.NamedTuple):
    """What is remembered of a row that ServiceNow stores otherwise than sent.

    Attributes:
        columns: Columns stored as ``old`` that were sent as ``new``.
        modifications: How often the row had been changed then; "" where that is not read.
        resent: Columns that were found as ``old`` after they had been sent as ``new``, and were
            sent so again by the last write; the row has not been seen since.
    """

    columns: Mapping[str, Mapping[str, str]]
    modifications: str = ""
    resent: Mapping[str, Mapping[str, str]] = {}


class Entry(t.NamedTuple):
    """A row's fate in a run.

    Attributes:
        table: The row's table.
        identifier: Its source identifier.
        outcome: An `Outcome`, as text.
        sys_id: Where it is; empty when that is not known.
        changes: Columns with their old and new values.
        altered: Columns that ServiceNow stored (old) differently from what was sent (new).
        status: The HTTP status of the write; 0 when nothing was sent.
        attempts: How often it was sent.
        reason: Why it was held or rejected, or how its outcome came to be known.
        cause: The reason in one word, a `Cause`.
        stream: The stream of its record.
        payload: The record, kept for rows held or rejected; {} of a row that is to be set gone.
        version: The Singer version the row came under, to find what a complete read did not bring.
        deferred: It is decided at the end of the run, so this is no outcome yet.
        remembered: What to remember of the row; None where it was not seen, so that what was known
            of it stays.
        money: What the row stands for; None where it has no amount.
    """

    table: str
    identifier: str
    outcome: str
    sys_id: str = ""
    changes: Mapping[str, Change | Mapping[str, str]] = {}
    altered: Mapping[str, Change | Mapping[str, str]] = {}
    status: int = 0
    attempts: int = 0
    reason: str = ""
    cause: str = ""
    stream: str = ""
    payload: Mapping[str, t.Any] | None = None
    version: int | None = None
    deferred: bool = False
    remembered: Remembered | None = None
    money: Money | None = None


class Reject(t.NamedTuple):
    """A row held or rejected, waiting for its next try; its record is read when it is tried.

    Attributes:
        has_record: False of a row that is to be set gone: its record is no longer there.
        money: What it stands for, as `Money` is written; "" where it has no amount.
    """

    table: str
    identifier: str
    run: int
    outcome: str
    cause: str
    has_record: bool = True
    money: str = ""


class Sent(t.NamedTuple):
    """A row that an earlier run was sending when it was cut off."""

    run: int
    at: dt.datetime
    outcome: str
    changes: Mapping[str, Mapping[str, str]]


def stamp(table: str, identifier: str, record: Mapping[str, t.Any]) -> dict[str, str]:
    """Return what tells a waiting row, exported, from the same row with a newer record."""
    digest = hashlib.sha256(to_json(record).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return {"table": table, "identifier": identifier, "digest": digest}


def now() -> str:
    """Return the time as the ledger writes it."""
    return format_time(dt.datetime.now(dt.UTC))


def format_time(when: dt.datetime) -> str:
    """Return a time in UTC as the ledger writes it."""
    return when.strftime(_TIME)


def parse_time(text: str) -> dt.datetime:
    """Return a time that the ledger wrote."""
    return dt.datetime.strptime(text, _TIME).replace(tzinfo=dt.UTC)


def to_json(value: t.Any) -> str:
    """Return a value as JSON: dataclasses as objects, decimals as exact numbers.

    Some taps send NaN and halves of surrogate pairs, which no strict JSON holds. They are written
    as Python's json writes them, and `from_json` reads them.
    """
    try:
        text = _ENCODER.encode(value)
    except UnicodeEncodeError:
        return _to_lenient_json(value)
    if b"null" in text and holds_nan(value):  # msgspec writes NaN as null
        return _to_lenient_json(value)
    return text.decode()


def from_json(text: str) -> t.Any:
    """Return what `to_json` wrote, numbers with a fraction as decimals."""
    return decode(text)


def _to_lenient_json(value: t.Any) -> str:
    return str(simplejson.dumps(value, use_decimal=True, allow_nan=True, default=_plain))


def _plain(value: t.Any) -> t.Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)
