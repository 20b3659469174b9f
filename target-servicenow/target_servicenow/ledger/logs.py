"""What a tap says of its own run, as the ledger keeps it: the records of Sage300ReadLog. Pure."""

from __future__ import annotations

import typing as t
from collections import Counter
from urllib.parse import unquote

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

EVENT, STATUS, STREAM, COMPANY, IS_WHOLE = "Event", "Status", "Stream", "CompanyID", "IsWhole"
AT, MESSAGE, WAIT, KEY = "OccurredAt", "Message", "WaitSeconds", "Key"
CALLS, LEFT = "Calls", "CallsLeft"
STARTED, READ, ENDED = "run_started", "read", "run_ended"
_EXPECTED = frozenset({STARTED, READ, ENDED})


def summary(records: Iterable[Mapping[str, t.Any]]) -> dict[str, t.Any]:
    """Return what a run's log comes to.

    Returns:
        ``events``: how many there are of each kind, but for those of every run. ``ended``: how the
        tap's run ended, None when it did not say so: it was killed. ``not_whole``: what was not
        read whole, as stream and company. ``calls``: requests to the source, and ``left``: those
        that its budget still allowed; None where the tap does not say.
    """
    events: Counter[str] = Counter()
    ended: str | None = None
    not_whole: list[tuple[str, str]] = []
    calls = left = None
    for record in records:
        event = str(record.get(EVENT, ""))
        if event == ENDED:
            ended = record.get(STATUS)
            calls, left = _whole(record.get(CALLS)), _whole(record.get(LEFT))
        elif event == READ:
            if record.get(IS_WHOLE) is False:
                not_whole.append((str(record.get(STREAM)), str(record.get(COMPANY))))
        elif event != STARTED:
            events[event] += 1
    return {
        "events": dict(events),
        "ended": ended,
        "not_whole": not_whole,
        "calls": calls,
        "left": left,
    }


def _whole(value: t.Any) -> int | None:
    """Return a whole number; another tap may write anything."""
    return value if type(value) is int else None


def concerning(
    records: Iterable[Mapping[str, t.Any]], identifier: str, streams: AbstractSet[str]
) -> list[dict[str, t.Any]]:
    """Return what happened while a record may have been read.

    Args:
        records: The log of a run.
        identifier: The source identifier of the row that the record became.
        streams: The streams that fill its table; none for any stream.
    """
    _, company, _, *key = [unquote(part) for part in identifier.split(":")] + [""] * 3
    return [
        dict(record)
        for record in records
        if (record.get(EVENT) not in _EXPECTED or record.get(IS_WHOLE) is False)
        and record.get(COMPANY) in {None, "", company}
        and (not streams or record.get(STREAM) in {None, "", *streams})
        and _is_within(str(record.get(KEY) or ""), key)
    ]


def _is_within(key: str, parts: Sequence[str]) -> bool:
    """Tell whether an event about one record concerns a row: the key of a batch begins its own."""
    words = key.split(" ") if key else []
    return words == list(parts[: len(words)])


def line(record: Mapping[str, t.Any]) -> str:
    """Write one record in one line, whatever its properties are."""
    given = {name: value for name, value in record.items() if value not in (None, "")}
    return ", ".join(f"{name}: {value}" for name, value in given.items())
