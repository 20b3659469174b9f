"""What stands on the page, in the order in which it is read. Pure: facts in, page out."""

from __future__ import annotations

import typing as t

from target_servicenow.outcomes import COUNTED, WAITING, WRITTEN, Outcome
from target_servicenow.report import charts, words
from target_servicenow.report.layout import (
    Chart,
    Group,
    Item,
    MoneyLine,
    Page,
    Reason,
    RunLine,
    TableLine,
    Verdict,
)
from target_servicenow.report.remedies import meaning, remedy

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from target_servicenow.report.facts import Event, Facts, Record, Run, Waiting, WaitingGroup

_MOST_COLUMNS: t.Final = 12


def page(facts: Facts, most: int) -> Page:
    """Return the page.

    Args:
        facts: What the ledger holds.
        most: How many items a list shows at most.
    """
    run = facts.run
    groups = [_group(facts, group, most) for group in facts.waiting]
    groups.sort(key=lambda group: not group.needs_person)  # the order is kept otherwise
    money = _money(facts)
    tables = [_table(facts, name, run.outcomes[name]) for name in sorted(run.outcomes)]
    return Page(
        run=run,
        heading=f"Plan {run.number}" if run.is_plan else f"Run {run.number}",
        when=words.when(run.started),
        took=words.took(run.started, run.finished),
        made=words.when(facts.made),
        path=facts.path,
        verdict=_verdict(run, groups),
        figures=_figures(run, groups),
        notices=_notices(run),
        groups=tuple(groups),
        tables=tuple(tables[:most]),
        written=facts.written,
        changes=tuple(_changed(facts, record) for record in facts.changes[:most]),
        lines=len(money),
        money=money[:most],
        charts=_charts(facts.runs),
        runs=tuple(_line(run) for run in facts.runs),
        reasons=_reasons(facts.causes),
    )


def title(facts: Facts, table: str) -> str:
    """Return a table in words, where its identifiers tell what its rows are."""
    entity = facts.entities.get(table, "")
    return f"{words.kind(entity)}s" if entity else table


def shown(facts: Facts, value: str) -> str:
    """Return a column's value as the page shows it: a reference by the record it points at."""
    identifier = facts.rows_by_sys_id.get(value)
    return words.cut(value) if identifier is None else _key(facts, identifier)


def columns(facts: Facts, event: Event, identifier: str) -> list[tuple[str, str, str]]:
    """Return what changed, without the column that holds the identifier."""
    return [
        (column, shown(facts, old), shown(facts, new))
        for column, old, new in event.changes
        if new != identifier
    ]


def _key(facts: Facts, identifier: str, table: str = "") -> str:
    entities = [facts.entities.get(table, "")] if table else facts.entities.values()
    known = next((e for e in entities if e and f":{e}:" in identifier), "")
    return words.cut(words.record(identifier, known))


def _verdict(run: Run, groups: Sequence[Group]) -> Verdict:
    person = sum(group.rows for group in groups if group.needs_person)
    others = sum(group.rows for group in groups if not group.needs_person)
    wait = f"{words.count(others, 'record')} wait{'' if others != 1 else 's'} for another record"
    if run.status == "stopped":
        text = words.cut(run.message, 600) or "It did not say why."
        return Verdict("bad", "The run stopped before its end", text)
    if run.status == "running":
        return Verdict(
            "wait", "The run has not ended", "It is still at work, or its machine was switched off."
        )
    if person:
        listed = "It is" if person == 1 else "They are"
        text = f"{listed} listed below with what to do. {wait + '.' if others else ''}".strip()
        need = "needs" if person == 1 else "need"
        return Verdict("bad", f"{words.count(person, 'record')} {need} you", text)
    if others:
        return Verdict("wait", wait, "Nothing to do yet: every run tries again by itself.")
    arrived = "Everything could be written." if run.is_plan else "Everything has arrived."
    return Verdict("good", "Nothing needs you", arrived)


def _figures(run: Run, groups: Sequence[Group]) -> tuple[tuple[str, str, str], ...]:
    person = sum(group.rows for group in groups if group.needs_person)
    others = sum(group.rows for group in groups if not group.needs_person)
    would = "would be " if run.is_plan else ""
    figures = [
        (f"{would}changed", f"{run.rows(*WRITTEN):,}", ""),
        ("unchanged", f"{run.rows(Outcome.UNCHANGED):,}", ""),
        ("need you", f"{person:,}", "bad" if person else ""),
        ("wait for others", f"{others:,}", "wait" if others else ""),
    ]
    if run.calls is not None:
        figures.append(("calls to ServiceNow", f"{run.calls:,}", ""))
    if run.reading is not None and run.reading.calls is not None:
        left = "" if run.reading.left is None else f", {run.reading.left:,} left"
        figures.append((f"calls to Sage 300{left}", f"{run.reading.calls:,}", ""))
    return tuple(figures)


def _notices(run: Run) -> tuple[str, ...]:
    notices = []
    if run.is_plan:
        notices.append("This was a plan: it shows what a run would do. Nothing was written.")
    if run.reading is not None:
        if not run.reading.ended and run.status != "running":
            notices.append(
                "The tap did not say how its run ended, as when it is killed: what it did not read "
                "comes with the next run."
            )
        if run.reading.ended == "budget_spent":
            notices.append(
                "The calls allowed to Sage 300 were spent: the next run goes on where this one "
                "stopped."
            )
        if run.reading.events:
            told = ", ".join(words.happened(*event) for event in run.reading.events.items())
            notices.append(words.cut(f"While Sage 300 was read: {told}.", 600))
        if run.reading.not_whole:
            reads = ", ".join(f"{stream} of {company}" for stream, company in run.reading.not_whole)
            notices.append(words.cut(f"Not read whole from Sage 300: {reads}.", 600))
    return tuple(notices)


def _group(facts: Facts, group: WaitingGroup, most: int) -> Group:
    told = remedy(group.cause)
    shown = group.shown[:most]
    reasons = {row.reason for row in group.shown}
    shared = reasons.pop() if len(reasons) == 1 and group.rows > 1 else ""
    return Group(
        cause=group.cause,
        title=told.title,
        action=told.action,
        needs_person=told.needs_person,
        rows=group.rows,
        money=words.money(group.money[:most]),
        reason=words.cut(shared, 600),
        items=tuple(_waits(facts, row, "" if shared else row.reason) for row in shown),
        more=group.rows - len(shown),
    )


def _waits(facts: Facts, row: Waiting, reason: str) -> Item:
    return Item(
        name=words.cut(row.name),
        key=_key(facts, row.identifier, row.table),
        outcome=row.outcome,
        reason=words.cut(reason, 600),
        since=words.since(row.since, facts.run.number),
        money=words.money([row.money] if row.money else []),
    )


def _changed(facts: Facts, record: Record) -> Item:
    [event] = record.events
    created = event.outcome == Outcome.CREATED  # its columns are in its life
    changed = [] if created else columns(facts, event, record.identifier)
    return Item(
        name=words.cut(record.name),
        key=_key(facts, record.identifier, record.table),
        outcome=event.outcome,
        reason=words.cut(event.reason),
        columns=tuple(changed[:_MOST_COLUMNS]),
        more=max(len(changed) - _MOST_COLUMNS, 0),
    )


def _table(facts: Facts, name: str, counts: Mapping[str, int]) -> TableLine:
    numbers = tuple((outcome.value, counts.get(outcome, 0)) for outcome in COUNTED)
    return TableLine(title(facts, name), name, numbers, charts.share(numbers))


def _money(facts: Facts) -> tuple[MoneyLine, ...]:
    cells: dict[tuple[str, str], dict[str, tuple[str, int]]] = {}
    for one in facts.sums:
        line = cells.setdefault((one.table, one.currency), {})
        line[one.outcome] = (words.amount(one.amount), one.rows)
    return tuple(
        MoneyLine(
            title(facts, table),
            words.cut(currency, 20),
            tuple((outcome.value, *line.get(outcome, ("", 0))) for outcome in COUNTED),
        )
        for (table, currency), line in cells.items()
    )


def _line(run: Run) -> RunLine:
    return RunLine(
        number=run.number,
        when=words.when(run.started),
        took=words.took(run.started, run.finished),
        status=f"plan, {run.status}" if run.is_plan else run.status,
        changed=run.rows(*WRITTEN),
        waiting=run.rows(*WAITING),
        calls=run.calls,
        sage_calls=run.reading.calls if run.reading else None,
    )


def _charts(runs: Sequence[Run]) -> tuple[Chart, ...]:
    rows = [
        (run, (("changed", run.rows(*WRITTEN)), ("waiting", run.rows(*WAITING)))) for run in runs
    ]
    calls = [
        (
            run,
            (
                ("sage", (run.reading.calls or 0) if run.reading else 0),
                ("servicenow", run.calls or 0),
            ),
        )
        for run in runs
    ]
    sides = [("sage", "Sage 300")] if any(values[0][1] for _, values in calls) else []
    return (
        _chart(
            "Rows of each run", (("changed", "changed"), ("waiting", "waiting")), rows, stacked=True
        ),
        _chart("Calls of each run", (*sides, ("servicenow", "ServiceNow")), calls, stacked=False),
    )


def _chart(
    title: str,
    kinds: tuple[tuple[str, str], ...],
    runs: Sequence[tuple[Run, Sequence[tuple[str, int]]]],
    *,
    stacked: bool,
) -> Chart:
    drawn = []
    named = dict(kinds)
    for run, values in reversed(runs):  # newest last
        given = [(kind, number) for kind, number in values if kind in named]
        said = ", ".join(f"{number:,} {named[kind]}" for kind, number in given)
        drawn.append((f"Run {run.number}, {words.when(run.started)}: {said}", given))
    highest = [(sum if stacked else max)(n for _, n in given) for _, given in drawn]
    return Chart(
        title=title,
        kinds=kinds,
        bars=charts.columns(drawn, stacked=stacked),
        most=max(highest, default=0),
        first=f"run {runs[-1][0].number}",
        last=f"run {runs[0][0].number}",
    )


def _reasons(causes: Sequence[tuple[str, int]]) -> tuple[Reason, ...]:
    most = max((rows for _, rows in causes), default=0)
    return tuple(Reason(meaning(c), rows, charts.length(rows, most)) for c, rows in causes)
