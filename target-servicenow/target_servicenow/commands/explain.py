"""``ledger explain``: the history of one record, and what happened while it was read."""

from __future__ import annotations

import datetime as dt
import typing as t
from collections import defaultdict
from contextlib import suppress
from functools import cache

import click

from target_servicenow.commands import opening
from target_servicenow.commands.naming import Names
from target_servicenow.commands.printing import print_json, say, value, wrapped
from target_servicenow.errors import TargetError
from target_servicenow.ledger import logs
from target_servicenow.mapping.parse import load
from target_servicenow.report import records, words
from target_servicenow.report.remedies import remedy

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from target_servicenow.ledger.reader import LedgerReader
    from target_servicenow.report.facts import Event

_MOST_RECORDS: t.Final = 10
_MOST_EVENTS: t.Final = 5

_Facts: t.TypeAlias = "dict[str, t.Any]"


@click.command()
@click.argument("key")
@opening.show_all
@opening.as_json
@click.pass_obj
def explain(path: Path, key: str, *, show_all: bool, as_json: bool) -> None:
    """Show the history of a record, with what the tap logged while its stream was read.

    KEY is its name (a vendor's name, an invoice's number, or part of one), its sys_id, or its
    source identifier or the end of it.

    Example: target-servicenow ledger explain "Acme Ltd"
    """
    reader = opening.reader(path)
    reader.stand_still()
    found = records.find(reader, key)
    if not found:
        raise click.ClickException(
            f"The ledger holds no record {key}: give a name or number as ServiceNow has it, a "
            "sys_id, or a source identifier such as sage300:SAMINC:Vendor:1200, or its last part"
        )
    shown = found if show_all or as_json else found[:_MOST_RECORDS]
    readings = _Readings(reader)
    stories = [_story(reader, readings, *one) for one in shown]
    if as_json:
        print_json(stories)
        return
    names = Names(reader)
    for position, story in enumerate(stories):
        say([*([""] if position else []), *_lines(reader, names, story)])
    if len(found) > len(shown):
        more = len(found) - len(shown)
        say(["", *wrapped(f"and {more:,} more records: give more of the name, or add --all")])


class _Readings:
    """What the tap logged in each run."""

    def __init__(self, reader: LedgerReader) -> None:
        self._reader = reader
        self._log = cache(reader.log)

    def about(self, run: int, table: str, identifier: str) -> list[_Facts]:
        """Return what happened in a run while a record may have been read."""
        log = [entry["record"] for entry in self._log(run)]
        return logs.concerning(log, identifier, self._streams(run, table)) if log else []

    def _streams(self, run: int, table: str) -> frozenset[str]:
        """Return the streams that fill a table, none where the mapping cannot be read any more."""
        mapping = (self._reader.run(run) or {}).get("mapping", "")
        with suppress(TargetError):
            return frozenset(one.stream for one in load(mapping).tables if one.name == table)
        return frozenset()


def _story(reader: LedgerReader, readings: _Readings, table: str, identifier: str) -> _Facts:
    """Return all that is known of a record."""
    known = [row for row in reader.find(identifier) if row["table"] == table]
    exact = [row for row in known if row["identifier"] == identifier]
    missing = {"table": table, "identifier": identifier, "sys_id": "", "last_seen": None}
    story = exact[0] if exact else {**missing, "altered": {}}  # it was forgotten
    history = [row for row in reader.history(identifier) if row["table"] == table]
    runs = dict.fromkeys(entry["run"] for entry in history)
    reading = [
        {"run": run, "record": record}
        for run in runs
        for record in readings.about(run, table, identifier)
    ]
    return {**story, "history": history, "reading": reading}


def _lines(reader: LedgerReader, names: Names, story: _Facts) -> list[str]:
    table, identifier = story["table"], story["identifier"]
    waiting = [
        row
        for row in reader.rejects([identifier])
        if (row["table"], row["identifier"]) == (table, identifier)
    ]
    given = words.name_of_record(reader.payload(table, identifier))
    life = records.life(reader, table, identifier, given)
    names.learn_references([life])
    lines = wrapped(names.of(life))
    lines += wrapped(f"{identifier} in {table}", 2)
    lines += wrapped(f"sys_id {story['sys_id'] or 'none'}", 2)
    if story["last_seen"] is not None:
        lines += wrapped(f"last seen in run {story['last_seen']}", 2)
    for row in waiting:
        lines += wrapped(f"waits since run {row['since']}: {remedy(row['cause']).action}", 2)
    for column, change in story["altered"].items():
        sent, stored = value(change["new"]), value(change["old"])
        lines += wrapped(f"{column}: sent {sent}, still stored {stored}", 2)
    happened: dict[int, list[_Facts]] = defaultdict(list)
    for one in story["reading"]:
        happened[one["run"]].append(one["record"])
    for event in life.events:
        lines += _event(names, event, identifier)
        lines += _reading(happened.pop(event.run, []), event.run)
    return lines


def _event(names: Names, event: Event, identifier: str) -> list[str]:
    plan = " (plan)" if event.mode == "plan" else ""
    cause = f" ({event.cause})" if event.cause else ""
    when = f"run {event.run}{plan}, {words.when(event.at)} UTC"
    sent = f", sent {event.attempts} times" if event.attempts > 1 else ""
    lines = wrapped(f"{when}: {event.outcome}{cause}{sent}", 2)
    if event.reason:
        lines += wrapped(event.reason, 4)
    return lines + names.lines(event, identifier, 4)


def _reading(happened: Sequence[Mapping[str, t.Any]], run: int) -> list[str]:
    lines = []
    for record in happened[:_MOST_EVENTS]:
        lines += wrapped(f"Sage 300{_clock(record)}: {_told(record)}", 4)
    if len(happened) > _MOST_EVENTS:
        more = len(happened) - _MOST_EVENTS
        lines += wrapped(f"Sage 300: {more:,} more events: ledger log --run {run}", 4)
    return lines


def _told(record: Mapping[str, t.Any]) -> str:
    """Return what happened while Sage 300 was read, in words."""
    event, stream, company = (
        str(record.get(name) or "") for name in (logs.EVENT, logs.STREAM, logs.COMPANY)
    )
    place = " of ".join(part for part in (stream, company) if part)
    what = "not read whole" if event == logs.READ else words.happening(event)
    parts = [f"{what}{f', {place}' if place else ''}"]
    if record.get(logs.MESSAGE):
        parts.append(str(record[logs.MESSAGE]))
    if record.get(logs.WAIT) is not None:
        parts.append(f"tried again after {record[logs.WAIT]} s")
    return "; ".join(parts)


def _clock(record: Mapping[str, t.Any]) -> str:
    """Return when something happened, by the clock of the tap's machine."""
    try:
        at = dt.datetime.fromisoformat(str(record.get(logs.AT))).astimezone(dt.UTC)
    except ValueError:
        return ""
    return f", {at:%H:%M:%S} UTC"
