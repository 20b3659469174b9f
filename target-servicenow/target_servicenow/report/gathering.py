"""Reading from the ledger what a report is made from."""

from __future__ import annotations

import typing as t
from collections import Counter, defaultdict
from dataclasses import replace
from decimal import Decimal

from target_servicenow import money
from target_servicenow.ledger.entries import now
from target_servicenow.money import Money
from target_servicenow.outcomes import WRITTEN
from target_servicenow.report import records, words
from target_servicenow.report.facts import (
    Facts,
    Reading,
    Record,
    Run,
    Sum,
    Waiting,
    WaitingGroup,
)

if t.TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from target_servicenow.ledger.reader import LedgerReader

RUNS: t.Final = 30
"""How many runs a page shows."""

MOST_ROWS: t.Final = 500
"""How many changed rows, and how many that wait for one cause, a page shows at most."""


def gather(reader: LedgerReader, path: Path) -> Facts | None:
    """Return what a page about the last run shows; None when there was no run.

    Args:
        reader: The ledger.
        path: Its file, to be named on the page.

    Raises:
        LedgerError: It cannot be read.
    """
    reader.stand_still()
    runs = tuple(run_of(run) for run in reader.runs(RUNS))
    if not runs:
        return None
    changed = [_change(row) for row in reader.changes(runs[0].number, MOST_ROWS)]
    groups = _waiting_in_plan(reader, runs[0]) if runs[0].is_plan else _waiting(reader)
    waiting = {(row.table, row.identifier): row.name for group in groups for row in group.shown}
    keys = dict.fromkeys([*waiting, *((row.table, row.identifier) for row in changed)])
    lives = [records.life(reader, *key, waiting.get(key, "")) for key in keys]
    names = {(life.table, life.identifier): life.name for life in lives}
    return Facts(
        path=str(path),
        made=now(),
        run=runs[0],
        runs=runs,
        sums=tuple(_sum(row) for row in reader.amounts(runs[0].number)),
        waiting=tuple(_named(group, names) for group in groups),
        written=runs[0].rows(*WRITTEN),
        changes=tuple(replace(r, name=names[r.table, r.identifier]) for r in changed),
        causes=tuple(reader.causes(runs[0].number)),
        lives=tuple(lives),
        rows_by_sys_id={
            sys_id: identifier
            for sys_id, (_, identifier) in records.pointed_at(reader, [*changed, *lives]).items()
        },
        entities=records.entities(reader, runs[0].number),
    )


def run_of(row: Mapping[str, t.Any]) -> Run:
    """Return a run, from what `LedgerReader.runs` returned."""
    return Run(
        number=row["run"],
        started=row["started"],
        finished=row["finished"] or "",
        status=row["status"],
        mode=row["mode"],
        mapping=row["mapping"],
        instance=row["instance"],
        calls=row["calls"],
        message=row["message"] or "",
        outcomes=row["outcomes"],
        reading=_reading(row["log"]) if row["log"] else None,
    )


def _reading(log: Mapping[str, t.Any]) -> Reading:
    return Reading(
        ended=log["ended"] or "",
        calls=log["calls"],
        left=log["left"],
        events=log["events"],
        not_whole=tuple(dict.fromkeys(log["not_whole"])),
    )


def _sum(row: Mapping[str, t.Any]) -> Sum:
    amount = Decimal(row["amount"])
    return Sum(row["table"], row["currency"], row["outcome"], row["rows"], amount)


def _change(row: Mapping[str, t.Any]) -> Record:
    return Record(
        row["table"], row["identifier"], row["sys_id"], "", (records.event(row, row["run"]),)
    )


def _waiting(reader: LedgerReader) -> list[WaitingGroup]:
    """Return what waits, a group for each cause, the largest first."""
    rows: dict[str, int] = defaultdict(int)
    sums: dict[str, dict[str, Decimal]] = defaultdict(dict)
    for cause, text in reader.waiting_money():
        rows[cause] += 1
        given = Money.parse(text)
        if given is not None:
            total = sums[cause].get(given.currency, Decimal(0))
            sums[cause][given.currency] = money.add(total, given.amount)
    return [
        WaitingGroup(
            cause=cause,
            rows=rows[cause],
            money=tuple(Money(code, total) for code, total in sorted(sums[cause].items())),
            shown=tuple(_waits(row) for row in reader.waiting(cause, MOST_ROWS)),
        )
        for cause in sorted(rows, key=lambda cause: (-rows[cause], cause))
    ]


def _waiting_in_plan(reader: LedgerReader, run: Run) -> list[WaitingGroup]:
    """Return what would wait after a plan, likewise; it keeps no record of such a row."""
    rows: dict[str, list[Waiting]] = defaultdict(list)
    counts: Counter[str] = Counter()
    for row in reader.waiting_in_plan(run.number):
        counts[row["cause"]] += 1
        if counts[row["cause"]] <= MOST_ROWS:
            given = {**row, "payload": {}, "since": run.number, "money": ""}
            rows[row["cause"]].append(_waits(given))
    return [
        WaitingGroup(cause, number, (), tuple(rows[cause]))
        for cause, number in counts.most_common()
    ]


def _waits(row: Mapping[str, t.Any]) -> Waiting:
    return Waiting(
        table=row["table"],
        identifier=row["identifier"],
        name=words.name_of_record(row["payload"]),
        outcome=row["outcome"],
        reason=row["reason"],
        since=row["since"],
        money=Money.parse(row["money"]),
    )


def _named(group: WaitingGroup, names: Mapping[tuple[str, str], str]) -> WaitingGroup:
    """Return a group whose rows have the names of their records."""
    shown = (replace(row, name=names[row.table, row.identifier]) for row in group.shown)
    return replace(group, shown=tuple(shown))
