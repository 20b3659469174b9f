"""What the tap remembers of one stream in one company, and its form in Singer state. Pure."""

from __future__ import annotations

import datetime as dt
import typing as t
from dataclasses import dataclass, field, replace

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_sage300.api.keys import Key

SWEEP = "sweep"
CHANGES = "changes"
NOT_FINAL = "not_final"

ASKED = "asked"
DENIED = "denied"
IGNORED = "ignored"


@dataclass(frozen=True)
class Window:
    """A window being read, and how far.

    Attributes:
        read: ``sweep``, ``changes`` or ``not_final``.
        since: First day requested, None for no bound.
        until: The server's date when the window was opened; None before its first answer.
        last_key: The last key received.
        high: The highest date received.
        skip: Rows received, when paging by ``$skip``; None when paging by key.
        expected: Rows the server announced; when paging by ``$skip``, on the last page.
        received: Rows received, those included that were skipped.
        end: ``asked`` when the next request is whether there are more rows than were received,
            ``denied`` when rows after the last key came, ``ignored`` when others did; or None.
        waited: Runs that ended before this window was complete.
        stalled: Runs in a row that tried, and ended where they began.
        has_gap: A record was skipped whose key is not known, so the bookmark must not move.
        left_out: Records that were skipped, whose keys are known.
        version: The version its records are to have, until the first page came (not kept in state).
        limit: Most keys to request at once (not kept in state).
        longest: Most rows that came in one page (not kept in state).
        restarts: How often this run read it from the start again (not kept in state).
    """

    read: str
    since: dt.date | None = None
    until: dt.date | None = None
    last_key: Key | None = None
    high: dt.date | None = None
    skip: int | None = None
    expected: int | None = None
    received: int = 0
    end: str | None = None
    waited: int = 0
    stalled: int = 0
    has_gap: bool = False
    left_out: int = 0
    version: int | None = None
    limit: int | None = None
    longest: int = 0
    restarts: int = 0

    @property
    def is_counted(self) -> bool:
        """Whether the rows received are known; states of earlier versions do not hold them."""
        return self.received > 0 or self.last_key is None

    @property
    def adds_up(self) -> bool:
        """Whether as many rows were received as expected."""
        return not self.is_counted or self.received == self.expected

    def afresh(self, skip: int | None) -> Window:
        """Return the window as it is before its first page, to be read by key or by ``$skip``."""
        return replace(
            self,
            skip=skip,
            last_key=None,
            expected=None,
            received=0,
            end=None,
            has_gap=False,
            left_out=0,
            longest=0,
        )


@dataclass(frozen=True)
class Learned:
    """What the server was found to be, so that it is not found out again every run.

    Attributes:
        by_skip: Rows do not come in key order, or keys are compared in another one.
        doubts: Windows in a row that seemed so, without proof.
        date_literal: The form of a date that it takes, when that is not the usual one.
        keys_per_filter: Most keys that it takes in one filter, when that is not the usual number.
    """

    by_skip: bool = False
    doubts: int = 0
    date_literal: str | None = None
    keys_per_filter: int | None = None


@dataclass(frozen=True)
class Progress:
    """All that is known of one stream in one company.

    Attributes:
        bookmark: The date up to which all changes have been read.
        last_sweep: The server's date of the last complete sweep.
        start_date: First day of the last complete sweep, None for no bound.
        window: The window being read, None when none is open.
        not_final: Keys of batches that could still change when last read, and of records that
            could not be read.
        learned: What the server was found to be.
        version: The Singer version of its records: that of its last sweep of everything.
        swept: The last version under which such a sweep was whole.
        met: Those of ``not_final`` that this run has already read (not kept in state).
        completed: The window that the last page completed (not kept in state).
    """

    bookmark: dt.date | None = None
    last_sweep: dt.date | None = None
    not_final: frozenset[Key] = frozenset()
    window: Window | None = None
    start_date: dt.date | None = None
    learned: Learned = Learned()
    version: int | None = None
    swept: int | None = None
    met: frozenset[Key] = frozenset()
    completed: Window | None = field(default=None, compare=False)


def load(state: Mapping[str, t.Any], replication_key: str | None, key_parts: int = 1) -> Progress:
    """Read one company's state; that of another replication key is ignored.

    Args:
        state: One partition of Singer state.
        replication_key: The date property of the stream, None where there is none.
        key_parts: Number of properties in the key of a record.

    Raises:
        ValueError: A value is not what this tap writes.
    """
    if state.get("replication_key", replication_key) != replication_key:
        return Progress()
    resume = state.get("resume")
    return Progress(
        bookmark=_day(state, "replication_key_value"),
        last_sweep=_day(state, "last_sweep"),
        not_final=frozenset(
            _key("not_final", key, key_parts) for key in _typed(state, "not_final", list) or ()
        ),
        window=None if resume is None else _load_window(_typed(state, "resume", dict), key_parts),
        start_date=_day(state, "start_date"),
        learned=_load_learned(_typed(state, "learned", dict) or {}),
        version=_count(state, "version"),
        swept=_count(state, "swept_version"),
    )


def _load_learned(learned: Mapping[str, t.Any]) -> Learned:
    return Learned(
        by_skip=_one_of(learned, "paging", {"skip"}) is not None,
        doubts=_count(learned, "doubts") or 0,
        date_literal=_typed(learned, "date_literal", str),
        keys_per_filter=_count(learned, "keys_per_filter") or None,
    )


def _load_window(resume: Mapping[str, t.Any], key_parts: int) -> Window:
    if resume.get("read") not in {SWEEP, CHANGES, NOT_FINAL}:
        raise ValueError(f"resume.read is {resume.get('read')!r}, which this tap does not write")
    last = resume.get("last_key")
    return Window(
        read=resume["read"],
        since=_day(resume, "since"),
        until=_day(resume, "until"),
        last_key=None if last is None else _key("last_key", last, key_parts),
        high=_day(resume, "high"),
        skip=_count(resume, "skip"),
        expected=_count(resume, "expected"),
        received=_count(resume, "received") or 0,
        end=_one_of(resume, "end", {ASKED, DENIED, IGNORED}),
        waited=_count(resume, "waited") or 0,
        stalled=_count(resume, "stalled") or 0,
        has_gap=bool(_count(resume, "gap")),
        left_out=_count(resume, "left_out") or 0,
    )


def waited(state: Mapping[str, t.Any]) -> int:
    """Return how many runs ended before the window in this state was complete."""
    try:
        resume = _typed(state, "resume", dict) or {}
        return _count(resume, "waited") or 0
    except ValueError:  # reported when the state is read
        return 0


def versions(state: Mapping[str, t.Any], replication_key: str | None) -> tuple[int, int]:
    """Return the version in this state, and the last one that was swept whole; 0 for none."""
    try:
        progress = load({**state, "resume": None, "not_final": None}, replication_key)
    except ValueError:  # reported when the state is read
        return 0, 0
    return progress.version or 0, progress.swept or 0


def _typed(state: Mapping[str, t.Any], name: str, kind: type | tuple[type, ...]) -> t.Any:
    value = state.get(name)
    if value is not None and not isinstance(value, kind):
        raise ValueError(f"{name} is {value!r}, which this tap does not write")
    return value


def _count(state: Mapping[str, t.Any], name: str) -> int | None:
    value = _typed(state, name, int)
    if value is not None and (value < 0 or isinstance(value, bool)):
        raise ValueError(f"{name} is {value!r}, which this tap does not write")
    return t.cast("int | None", value)


def _one_of(state: Mapping[str, t.Any], name: str, words: set[str]) -> t.Any:
    value = _typed(state, name, str)
    if value is not None and value not in words:
        raise ValueError(f"{name} is {value!r}, which this tap does not write")
    return value


def _key(name: str, value: object, key_parts: int) -> Key:
    """Read a key: text, an integer, or a list of them where the key has several properties."""
    values: list[t.Any] = value if isinstance(value, list) else [value]
    fits = len(values) == key_parts and isinstance(value, list) == (key_parts > 1)
    if not fits or not all(type(part) in {str, int} for part in values):
        raise ValueError(f"{name} holds {value!r}, which this tap does not write")
    return tuple(values) if key_parts > 1 else t.cast("Key", value)


def _day(state: Mapping[str, t.Any], name: str) -> dt.date | None:
    value = state.get(name)
    if value is None:
        return None
    day = day_or_none(value) if isinstance(value, str) else None
    if day is None:
        raise ValueError(f"{name} is {value!r}, which is not a date")
    return day


def dump(progress: Progress, replication_key: str | None) -> dict[str, t.Any]:
    """Write one company's state: strings and integers only, without what is not known.

    A number with a fraction would break Singer targets, which write state without Decimal support.
    """
    window, bookmark = progress.window, progress.bookmark
    state = {
        "replication_key": replication_key,
        "replication_key_value": None if bookmark is None else f"{bookmark}T00:00:00Z",
        "resume": None if window is None else _dump_window(window),
        "last_sweep": None if progress.last_sweep is None else str(progress.last_sweep),
        "start_date": None if progress.start_date is None else str(progress.start_date),
        "not_final": _written(sorted(progress.not_final)) or None,
        "learned": _dump_learned(progress.learned) or None,
        "version": progress.version,
        "swept_version": progress.swept,
    }
    return _known(state)


def _dump_learned(learned: Learned) -> dict[str, t.Any]:
    return _known(
        {
            "paging": "skip" if learned.by_skip else None,
            "doubts": learned.doubts or None,
            "date_literal": learned.date_literal,
            "keys_per_filter": learned.keys_per_filter,
        }
    )


def _dump_window(window: Window) -> dict[str, t.Any]:
    days = {"since": window.since, "until": window.until, "high": window.high}
    resume = {
        "read": window.read,
        **{name: None if day is None else str(day) for name, day in days.items()},
        "last_key": _written(window.last_key),
        "skip": window.skip,
        "expected": window.expected,
        "received": window.received or None,
        "end": window.end,
        "waited": window.waited or None,
        "stalled": window.stalled or None,
        "gap": int(window.has_gap) or None,
        "left_out": window.left_out or None,
    }
    return _known(resume)


def _known(state: dict[str, t.Any]) -> dict[str, t.Any]:
    return {name: value for name, value in state.items() if value is not None}


def _written(value: t.Any) -> t.Any:
    """Write tuples as JSON's lists, so that the state is the same before and after JSON."""
    return [_written(item) for item in value] if isinstance(value, list | tuple) else value


def day_or_none(text: str) -> dt.date | None:
    """Return the day of a date or date-time; None when it is neither."""
    try:
        return dt.date.fromisoformat(text[:10])
    except ValueError:
        return None
