"""What a tap says of its own run, as the ledger keeps it: the records of Sage300ReadLog. Pure."""

from __future__ import annotations

import typing as t
from collections import Counter

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

EVENT, STATUS, STREAM, COMPANY, IS_WHOLE = "Event", "Status", "Stream", "CompanyID", "IsWhole"
STARTED, READ, ENDED = "run_started", "read", "run_ended"


def summary(records: Iterable[Mapping[str, t.Any]]) -> dict[str, t.Any]:
    """Return what a run's log comes to.

    Returns:
        ``events``: how many there are of each kind, but for those of every run. ``ended``: how the
        tap's run ended, None when it did not say so: it was killed. ``not_whole``: what was not
        read whole, as stream and company.
    """
    events: Counter[str] = Counter()
    ended: str | None = None
    not_whole: list[tuple[str, str]] = []
    for record in records:
        event = str(record.get(EVENT, ""))
        if event == ENDED:
            ended = record.get(STATUS)
        elif event == READ:
            if record.get(IS_WHOLE) is False:
                not_whole.append((str(record.get(STREAM)), str(record.get(COMPANY))))
        elif event != STARTED:
            events[event] += 1
    return {"events": dict(events), "ended": ended, "not_whole": not_whole}


def sentence(found: Mapping[str, t.Any]) -> str:
    """Say what a log comes to, in one line."""
    parts = [f"tap: {found['ended'] or 'ended without saying how, as when it is killed'}"]
    parts += [f"{event} {number}" for event, number in found["events"].items()]
    if found["not_whole"]:
        reads = ", ".join(f"{stream} of {company}" for stream, company in found["not_whole"])
        parts.append(f"not read whole: {reads}")
    return "; ".join(parts)


def line(record: Mapping[str, t.Any]) -> str:
    """Write one record in one line, whatever its properties are."""
    given = {name: value for name, value in record.items() if value not in (None, "")}
    return ", ".join(f"{name}: {value}" for name, value in given.items())
