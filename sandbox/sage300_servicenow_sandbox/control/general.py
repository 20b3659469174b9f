"""Control of both systems together: counts, clock, log, faults, reset."""

from __future__ import annotations

import datetime as dt
import json
import typing as t
from decimal import Decimal

from sage300_servicenow_sandbox.control.endpoint import Call, CallRefusedError, Endpoint
from sage300_servicenow_sandbox.faults import NO_FAULTS, read_plan

if t.TYPE_CHECKING:
    from sage300_servicenow_sandbox.clock import Clock


def _contents(call: Call) -> str:
    """Return the companies, the resources with their key properties, and the tables."""
    sage, servicenow = call.systems.sage, call.systems.servicenow
    contents = {
        "companies": list(sage.companies),
        "resources": {name: list(found.keys) for name, found in sage.resources.items()},
        "tables": servicenow.labels,
    }
    return json.dumps(contents)


def _counters(call: Call) -> str:
    """Return the calls of each side since the last reset."""
    return json.dumps(call.systems.counters.snapshot())


def _reset_counters(call: Call) -> str:
    """Set every count to zero."""
    call.systems.counters.reset()
    return _counters(call)


def _log(call: Call) -> str:
    """Return the latest requests, each with the fault it met and whether it was carried out."""
    return json.dumps({"requests": call.systems.log.entries()})


def _clock(call: Call) -> str:
    """Return the sandbox's time, which stamps edits and the Date header."""
    return json.dumps({"now": f"{call.systems.clock.now():%Y-%m-%dT%H:%M:%SZ}"})


def _move_clock(call: Call) -> str:
    """Stop the clock, let it run, or move it.

    {"now": "2026-11-20T10:00:00Z"}, {"now": null} or {"advance_seconds": 60}.
    """
    try:
        _apply(call.body, call.systems.clock)
    except (ValueError, OverflowError):
        raise CallRefusedError(
            400,
            'The clock takes {"now": "2026-11-20T10:00:00Z"}, {"now": null} or '
            '{"advance_seconds": 60}',
        ) from None
    return _clock(call)


def _apply(body: dict[str, t.Any], clock: Clock) -> None:
    match body:
        case {"now": None}:
            clock.set(None)
        case {"now": str(text)}:
            clock.set(dt.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z"))
        case {"advance_seconds": int() | Decimal() as seconds}:
            clock.advance(float(seconds))
        case _:
            raise ValueError(body)


def _faults(call: Call) -> str:
    """Return the fault plan, and how often each rule was met and struck."""
    return json.dumps(call.systems.faults.report())


def _follow_faults(call: Call) -> str:
    """Follow a fault plan from its beginning.

    {"seed": 7, "rules": [{"fault": "drop", "every": 5}]}.
    """
    call.systems.faults.follow(read_plan(call.body))
    return _faults(call)


def _clear_faults(call: Call) -> str:
    """End the fault plan."""
    call.systems.faults.follow(NO_FAULTS)
    return _faults(call)


def _reset(call: Call) -> str:
    """Put data, behaviours, faults, counts and log back to how they were at the start."""
    call.systems.reset()
    return _counters(call)


ENDPOINTS: t.Final = (
    Endpoint("GET", "contents", _contents),
    Endpoint("GET", "counters", _counters),
    Endpoint("POST", "counters/reset", _reset_counters),
    Endpoint("GET", "log", _log),
    Endpoint("GET", "clock", _clock),
    Endpoint("POST", "clock", _move_clock),
    Endpoint("GET", "faults", _faults),
    Endpoint("POST", "faults", _follow_faults),
    Endpoint("DELETE", "faults", _clear_faults),
    Endpoint("POST", "reset", _reset),
)
