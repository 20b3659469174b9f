"""What was done with the records of a page, for its search. Pure."""

from __future__ import annotations

import typing as t

from target_servicenow.report import view, words

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from target_servicenow.report.facts import Event, Facts, Record

_MOST_EVENTS: t.Final = 20
_MOST_COLUMNS: t.Final = 40


def lives(facts: Facts) -> list[dict[str, t.Any]]:
    """Return the records that the page shows, each with what was done with it, newest first.

    Returns:
        Objects for JSON, as the script of the page reads them.
    """
    return [_life(facts, record) for record in facts.lives]


def _life(facts: Facts, record: Record) -> dict[str, t.Any]:
    latest = record.events[: -_MOST_EVENTS - 1 : -1]
    return {
        "name": words.cut(record.name),
        "table": record.table,
        "identifier": record.identifier,
        "sys_id": record.sys_id,
        "events": [_event(facts, event, record.identifier) for event in latest],
        "more": len(record.events) - len(latest),
    }


def _event(facts: Facts, event: Event, identifier: str) -> dict[str, t.Any]:
    changed: Sequence[tuple[str, str, str]] = view.columns(facts, event, identifier)
    plan = " (plan)" if event.mode == "plan" else ""
    return {
        "when": f"{words.when(event.at)} UTC, run {event.run}{plan}",
        "outcome": event.outcome,
        "reason": words.cut(event.reason, 600),
        "changes": changed[:_MOST_COLUMNS],
        "more": max(len(changed) - _MOST_COLUMNS, 0),
    }
