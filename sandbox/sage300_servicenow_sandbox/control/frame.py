"""Control of the sandbox as a whole: counts, clock, log, faults, snapshots, reset."""

from __future__ import annotations

import datetime as dt
import json
import re
import typing as t
from decimal import Decimal

from sage300_servicenow_sandbox.control.route import RefusedError, Route
from sage300_servicenow_sandbox.declared import DeclarationError
from sage300_servicenow_sandbox.faults import NO_FAULTS, read_plan

if t.TYPE_CHECKING:
    from sage300_servicenow_sandbox.clock import Clock
    from sage300_servicenow_sandbox.sandbox import Sandbox

_SNAPSHOT: t.Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def _counters(sandbox: Sandbox) -> str:
    return json.dumps(sandbox.counters.snapshot())


def _reset_counters(sandbox: Sandbox) -> str:
    sandbox.counters.reset()
    return _counters(sandbox)


def _log(sandbox: Sandbox) -> str:
    return json.dumps({"requests": sandbox.log.entries()})


def _clear_log(sandbox: Sandbox) -> str:
    sandbox.log.reset()
    return _log(sandbox)


def _clock(sandbox: Sandbox) -> str:
    return json.dumps({"now": f"{sandbox.clock.now():%Y-%m-%dT%H:%M:%SZ}"})


def _move_clock(sandbox: Sandbox, body: dict[str, t.Any]) -> str:
    try:
        _apply(body, sandbox.clock)
    except (ValueError, OverflowError):
        raise RefusedError(
            400,
            'The clock takes {"now": "2026-11-20T10:00:00Z"}, {"now": null} or '
            '{"advance_seconds": 60}.',
        ) from None
    return _clock(sandbox)


def _apply(order: dict[str, t.Any], clock: Clock) -> None:
    match order:
        case {"now": None}:
            clock.set(None)
        case {"now": str(text)}:
            clock.set(dt.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z"))
        case {"advance_seconds": int() | Decimal() as seconds}:
            clock.advance(float(seconds))
        case _:
            raise ValueError(order)


def _faults(sandbox: Sandbox) -> str:
    return json.dumps(sandbox.faults.report())


def _follow_faults(sandbox: Sandbox, body: dict[str, t.Any]) -> str:
    try:
        sandbox.faults.follow(read_plan(body))
    except DeclarationError as error:
        raise RefusedError(400, str(error)) from None
    return _faults(sandbox)


def _clear_faults(sandbox: Sandbox) -> str:
    sandbox.faults.follow(NO_FAULTS)
    return _faults(sandbox)


def _snapshots(sandbox: Sandbox) -> str:
    return json.dumps({"snapshots": sandbox.snapshots.names()})


def _take_snapshot(sandbox: Sandbox, name: str) -> str:
    if not _SNAPSHOT.fullmatch(name):
        raise RefusedError(400, "A snapshot's name is made of letters, digits, - and _.")
    sandbox.snapshots.take(name)
    return _snapshots(sandbox)


def _restore_snapshot(sandbox: Sandbox, name: str) -> str:
    try:
        sandbox.snapshots.restore(name)
    except KeyError:
        raise RefusedError(404, f"There is no snapshot {name}.") from None
    return _snapshots(sandbox)


def _reset(sandbox: Sandbox) -> str:
    sandbox.reset()
    return _counters(sandbox)


ROUTES: t.Final = (
    Route("GET", "counters", "calls per side since the last reset", _counters),
    Route("POST", "counters/reset", "set every count to zero", _reset_counters),
    Route("GET", "log", "the latest requests, each with the fault it met", _log),
    Route("DELETE", "log", "forget the requests", _clear_log),
    Route("GET", "clock", "the sandbox's time", _clock),
    Route(
        "POST",
        "clock",
        'stop it: {"now": "2026-11-20T10:00:00Z"}, let it run: {"now": null}, move it: '
        '{"advance_seconds": 60}',
        _move_clock,
        takes_body=True,
    ),
    Route("GET", "faults", "the fault plan, and how often each rule struck", _faults),
    Route(
        "POST",
        "faults",
        'follow a plan from its beginning: {"seed": 7, "rules": [{"fault": "drop", "every": 5}]}',
        _follow_faults,
        takes_body=True,
    ),
    Route("DELETE", "faults", "no more faults", _clear_faults),
    Route("GET", "snapshots", "names of the snapshots", _snapshots),
    Route("POST", "snapshots/{name}", "take a snapshot of both sides' data", _take_snapshot),
    Route("POST", "snapshots/{name}/restore", "put that data back", _restore_snapshot),
    Route("POST", "reset", "everything as at the start, counts at zero", _reset),
)
