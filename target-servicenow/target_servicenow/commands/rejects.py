"""``ledger rejects``: the rows that wait, by cause, with what to do; dropping them."""

from __future__ import annotations

import typing as t
from collections import defaultdict

import click

from target_servicenow.commands import opening
from target_servicenow.commands.naming import Names
from target_servicenow.commands.printing import print_json, say, wrapped
from target_servicenow.ledger import by_hand
from target_servicenow.ledger.reader import matching
from target_servicenow.ledger.run_reader import ALL
from target_servicenow.money import Money
from target_servicenow.outcomes import Cause
from target_servicenow.report import records, words
from target_servicenow.report.remedies import remedy

if t.TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from target_servicenow.ledger.reader import LedgerReader

_MOST: t.Final = 10

_Row: t.TypeAlias = "dict[str, t.Any]"


@click.command()
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@click.option(
    "--cause", type=click.Choice([c.value for c in Cause if c]), help="Only those with it."
)
@click.option(
    "--drop", "dropping", is_flag=True, help="Take the rows off the list; needs a --reason."
)
@click.option("--reason", default="", help="Why they are dropped; it stays in their history.")
@opening.show_all
@opening.as_json
@click.pass_obj
def rejects(
    path: Path,
    keys: tuple[str, ...],
    *,
    cause: str | None,
    dropping: bool,
    reason: str,
    show_all: bool,
    as_json: bool,
) -> None:
    """List the rows held or rejected that wait for another try, by cause, with what to do.

    KEY is a source identifier or the end of it; without any, all rows are listed. A dropped row is
    not tried again, unless its record changes.

    Example: target-servicenow ledger rejects sage300:SAMINC:Vendor:5 --drop --reason "never paid"
    """
    reader = opening.reader(path)
    reader.stand_still()
    found = reader.rejects(keys, cause)
    if dropping:
        reader.close()
        _drop(path, found, reason.strip(), keys=keys, cause=cause)
    elif as_json:
        print_json(found)
    else:
        say(_lines(reader, found, ALL if show_all else _MOST))


def _lines(reader: LedgerReader, found: Sequence[_Row], most: int) -> list[str]:
    groups: dict[str, list[_Row]] = defaultdict(list)
    for row in found:
        groups[row["cause"]].append(row)
    if not groups:
        return ["No row waits"]
    names = Names(reader)
    person = sum(len(rows) for cause, rows in groups.items() if remedy(cause).needs_person)
    wait = f"{words.count(len(found), 'row')} wait{'s' if len(found) == 1 else ''}"
    lines = wrapped(f"{wait}, {person:,} of which need{'s' if person == 1 else ''} a person")
    for cause, rows in sorted(groups.items(), key=_most_urgent):
        lines += ["", *_group(reader, names, cause, rows, most)]
    return lines


def _most_urgent(group: tuple[str, list[_Row]]) -> tuple[bool, int, str]:
    cause, rows = group
    return not remedy(cause).needs_person, -len(rows), cause


def _group(
    reader: LedgerReader, names: Names, cause: str, rows: Sequence[_Row], most: int
) -> list[str]:
    told = remedy(cause)
    lines = wrapped(f"{told.title}: {words.count(len(rows), 'row')} ({cause or 'no cause'})")
    lines += wrapped(f"{'What to do' if told.needs_person else 'What happens'}: {told.action}", 2)
    reasons = {row["reason"] for row in rows}
    shared = len(rows) > 1 and len(reasons) == 1
    if shared:
        lines += wrapped(rows[0]["reason"], 2)
    for row in rows[:most]:
        lines += _waits(reader, names, row)
        if not shared:
            lines += wrapped(row["reason"], 4)
    if len(rows) > most:
        one = f"ledger rejects --cause {cause} --all" if cause else "ledger rejects --all"
        lines += wrapped(f"and {len(rows) - most:,} more: {one}", 2)
    return lines


def _waits(reader: LedgerReader, names: Names, row: _Row) -> list[str]:
    table, identifier = row["table"], row["identifier"]
    given = words.name_of_record(reader.payload(table, identifier))
    money = Money.parse(row["money"])
    facts = [
        names.of(records.life(reader, table, identifier, given)),
        *([words.money([money])] if money else []),
    ]
    lines = wrapped(f"{', '.join(facts)}: {row['outcome']} since run {row['since']}", 2)
    return lines + wrapped(f"{table} {identifier}", 4)


def _drop(
    path: Path,
    found: Sequence[_Row],
    reason: str,
    *,
    keys: Sequence[str],
    cause: str | None,
) -> None:
    if not reason:
        raise click.ClickException("--drop needs a --reason, which stays in the rows' history")
    if not keys and cause is None:
        raise click.ClickException(
            "--drop needs to know which rows: give their source identifiers, or a --cause"
        )
    if unknown := [key for key in keys if not matching(found, key)]:
        raise click.ClickException(
            f"No such row waits: {', '.join(unknown)}; none was dropped. List those that do with "
            "target-servicenow ledger rejects"
        )
    if several := [key for key in keys if len(matching(found, key)) > 1]:
        raise click.ClickException(
            f"Several rows have a source identifier that ends in {', '.join(several)}; none was "
            "dropped: give full source identifiers"
        )
    by_hand.drop(path, found, reason)
    for row in found:
        click.echo(f"{row['table']} {row['identifier']} was dropped: {reason}")
