"""The pipe killed at every point of a write and at random moments, then run until it is through.

Whatever the moment: no row is missing, none is there twice, values are what Sage 300 holds, and the
ledger alone tells how every row came to be what it is.
"""

from __future__ import annotations

import json
import os
import random
import signal
import typing as t
from decimal import Decimal, InvalidOperation

import pytest

from target_servicenow.mapping.parse import load

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Killable, Pair

NIGHTLY = bool(os.environ.get("NIGHTLY"))
SCHEDULES = 200 if NIGHTLY else 10
WAITING = 12
"""Every so manyth schedule of the nightly ones waits as long as runs do."""
MOST_RUNS = 4
"""After the last kill; an answer that is lost may end a run."""

POINTS = ("sent", "half", "committed", "answered", "recorded", "state")
CHOOSES = "glide.rest.table_api.admin_only_sys_fields"
TABLES = tuple(table.name for table in load("default").tables)
CANCELLED = "cancelled"


def test_no_point_of_a_write_loses_or_doubles_a_row(killable: Killable) -> None:
    """One world, killed at one point after the other, ever further into the load."""
    killable.pair.tap.update(page_size=10, document_page_size=2)
    for number, point in enumerate(POINTS):
        before = killable.recorded()
        codes = killable.run(point, nth=1 if point == "recorded" else 2)
        assert killable.killed[number:] == [point]
        assert codes[1] < 0
        if point in {"sent", "half", "committed"}:
            assert sent_and_unrecorded(killable)
        if point == "recorded":
            assert killable.recorded() > before
    finish(killable)
    check(killable)


def test_the_answer_to_a_write_may_be_lost_and_the_next_killed(killable: Killable) -> None:
    lost = iter([True])
    killable.pair.tap.update(page_size=10)
    killable.run("committed", nth=5, lose=lambda: next(lost, False))
    assert killable.gateway.lost == 1
    assert killable.killed == ["committed"]
    finish(killable)
    check(killable)


@pytest.mark.skipif(os.name == "nt", reason="Windows processes cannot catch SIGTERM")
@pytest.mark.parametrize("nth", [1, 3])
def test_two_signals_end_a_long_wait(killable: Killable, nth: int) -> None:
    """Kind: Ctrl-C under ``meltano run`` while the instance asks to wait for a quarter of an hour.

    Whatever was asleep does not write any more when the next run has begun.
    """
    codes = killable.run("limited", nth=nth, after=0.3, by_signals=True)
    assert killable.killed == ["limited"]
    assert codes[1] in {128 + signal.SIGINT, -signal.SIGTERM}
    assert not sent_and_unrecorded(killable)
    finish(killable)
    check(killable)


@pytest.mark.parametrize("seed", range(SCHEDULES))
def test_random_kills(killable: Killable, seed: int) -> None:
    """Random moments, victims and faults, and people who work in Sage 300 meanwhile.

    Processes are killed, or told to end twice; answers are lost or broken off; the instance limits
    the rate for long, hides rows, refuses or alters some, or chooses sys_ids itself.
    """
    chance = random.Random(seed)
    typed_in(killable.pair)
    killable.waits = NIGHTLY and seed % WAITING == WAITING - 1
    killable.pair.tap.update(
        page_size=chance.choice([7, 100]), document_page_size=chance.choice([2, 20])
    )
    chooses = chance.random() < 0.2
    properties = {CHOOSES: chooses}
    killable.pair.control.servicenow_behaviours(properties=properties)
    # Where the instance chooses sys_ids, the run waits for 35 s before it looks for a lost write.
    loses = not chooses or killable.waits
    edits: list[str] = []
    for _ in range(chance.randint(1, 2)):
        trouble(killable, chance)
        point = chance.choice(("request", "request", "limited", *POINTS))
        killable.run(
            point,
            nth=chance.randint(1, 24 if point == "request" else 6),
            whom="target"
            if point == "limited"
            else chance.choice(["both", "both", "target", "tap"]),
            after=chance.uniform(0, 0.05),
            by_signals=os.name != "nt" and chance.random() < 0.4,
            lose=lambda: loses and chance.random() < 0.2,
        )
        edits += [work(killable.pair, chance) for _ in range(chance.randint(0, 4))]
    calm(killable)
    finish(killable)
    if edits:  # one behind the place where a sweep was cut is for the run after that sweep
        finish(killable)
    check(killable)


def trouble(killable: Killable, chance: random.Random) -> None:
    """The instance hides a row, refuses or alters others, and breaks lists off, or not."""
    vendors = [v["VendorNumber"].rstrip() for v in killable.pair.sage("APVendors")]
    some = [f"vendor_number={number}" for number in chance.sample(vendors, 3)]
    vendor = {"table": "proc_vendor"}
    access = [
        {**vendor, "operation": "read", "when": when} for when in some if chance.random() < 0.5
    ]
    rules = [
        {**vendor, "action": "refuse", "when": some[0]},
        {**vendor, "action": "fail", "when": some[1], "status": chance.choice([403, 500])},
    ]
    if not access:  # nobody can tell what a rule made of a row that is hidden
        rules.append({**vendor, "action": "set", "column": "country", "value": "Elsewhere"})
    killable.pair.control.servicenow_behaviours(
        access=access, business_rules=[rule for rule in rules if chance.random() < 0.3]
    )
    faults: list[dict[str, t.Any]] = []
    if chance.random() < 0.3:
        faults.append({"fault": "partial", "nth": chance.randint(2, 12)})
    if killable.waits:
        faults.append({"fault": "error", "status": 429, "retry_after": 20, "nth": 5})
    killable.gateway.standing = [
        {**fault, "side": "servicenow", "path": "batch"} for fault in faults
    ]


def calm(killable: Killable) -> None:
    """People put it right: rows are shown again and rules leave them alone."""
    killable.pair.control.servicenow_behaviours(access=[], business_rules=[])
    killable.gateway.standing = []


def finish(killable: Killable) -> None:
    for _ in range(MOST_RUNS):
        if killable.run() == (0, 0):
            return
    pytest.fail((killable.pair.folder / "errors.log").read_text(encoding="utf-8"))


def sent_and_unrecorded(killable: Killable) -> bool:
    return bool(killable.ledger("SELECT * FROM sending"))


def typed_in(pair: Pair) -> None:
    """Some vendors are in ServiceNow already, without an identifier."""
    for vendor in pair.sage("APVendors")[:20:4]:
        name = vendor["VendorName"].strip()
        pair.control.insert_row("proc_vendor", name=name, city="Elsewhere")


def work(pair: Pair, chance: random.Random) -> str:
    """Something that a user of Sage 300 does; what it was done to."""
    word = f"Edited {chance.randrange(1000)}"
    vendor = chance.choice(pair.sage("APVendors"))["VendorNumber"]
    account = chance.choice(pair.sage("GLAccounts"))["UnformattedAccount"]
    batches = [b for b in pair.sage("APInvoiceBatches") if b["BatchStatus"] == "Open"]
    number = f"N{chance.randrange(10**6)}"
    control = pair.control
    acts: dict[str, Callable[[], t.Any]] = {
        f"edit vendor {vendor}": lambda: control.edit("SAMINC", "APVendors", vendor, City=word),
        f"copy vendor {vendor}": lambda: control.copy(
            "SAMINC", "APVendors", vendor, VendorNumber=number, VendorName=word
        ),
        f"edit account {account}": lambda: control.edit(
            "SAMINC", "GLAccounts", account, Description=word
        ),
    }
    if batches:
        batch = chance.choice(batches)
        key = batch["BatchNumber"]
        acts[f"post batch {key}"] = lambda: control.post_batch("SAMINC", key)
        acts[f"delete batch {key}"] = lambda: control.delete("SAMINC", "APInvoiceBatches", key)
        if batch["Invoices"]:
            entry = chance.choice(batch["Invoices"])["EntryNumber"]
            acts[f"remove entry {entry} of batch {key}"] = lambda: control.remove_entry(
                "SAMINC", key, entry
            )
    act = chance.choice(list(acts))
    acts[act]()
    return act


def check(killable: Killable) -> None:
    """Both sides are equal, and the ledger accounts for every row."""
    pair = killable.pair
    rows = {table: pair.servicenow(table) for table in TABLES}
    accounts = {
        f"sage300:SAMINC:GLAccount:{a['UnformattedAccount']}": {
            "name": (a["Description"] or a["AccountNumber"]).rstrip(),
            "account_number": a["AccountNumber"].rstrip(),
        }
        for a in pair.sage("GLAccounts")
    }
    vendors = {
        f"sage300:SAMINC:Vendor:{v['VendorNumber'].rstrip()}": {
            "name": (v["VendorName"] or v["VendorNumber"]).rstrip(),
            "vendor_number": v["VendorNumber"].rstrip(),
            "city": v["City"].rstrip(),
        }
        for v in pair.sage("APVendors")
    }
    invoices, lines = dict(owed(pair)), dict(owed_lines(pair))
    assert shown(rows["itfm_gl_accounts"], accounts) == accounts
    assert shown(rows["proc_vendor"], vendors) == vendors
    standing = {k: r for k, r in rows["sn_apo_invoice"].items() if r["state"] != CANCELLED}
    assert shown(standing, invoices) == invoices
    of_standing = {
        k: r
        for k, r in rows["sn_apo_invoice_line"].items()
        if k.replace("InvoiceLine", "Invoice").rpartition(":")[0] in standing
    }
    assert shown(of_standing, lines) == lines
    for table in TABLES:
        assert_accounted_for(killable, table, rows[table])


def owed(pair: Pair) -> Iterator[tuple[str, dict[str, t.Any]]]:
    """The invoices of batches that are not deleted."""
    states = {"Open": "open", "ReadyToPost": "ready_to_post", "Posted": "posted"}
    for batch in pair.sage("APInvoiceBatches"):
        for entry in batch["Invoices"] if batch["BatchStatus"] != "Deleted" else ():
            yield (
                f"sage300:SAMINC:Invoice:{batch['BatchNumber']}:{entry['EntryNumber']}",
                {
                    "invoice_number": entry["DocumentNumber"],
                    "state": states.get(batch["BatchStatus"], "post_in_progress"),
                    "total_amount": Decimal(str(entry["DocumentTotalIncludingTax"])),
                },
            )


def owed_lines(pair: Pair) -> Iterator[tuple[str, dict[str, t.Any]]]:
    """The lines of those invoices."""
    for batch in pair.sage("APInvoiceBatches"):
        for entry in batch["Invoices"] if batch["BatchStatus"] != "Deleted" else ():
            prefix = f"sage300:SAMINC:InvoiceLine:{batch['BatchNumber']}:{entry['EntryNumber']}"
            for line in entry["InvoiceDetails"]:
                amount = Decimal(str(line["DistributedAmount"]))
                yield f"{prefix}:{line['LineNumber']}", {"amount": amount}


def shown(
    rows: dict[str, dict[str, str]], wanted: dict[str, dict[str, t.Any]]
) -> dict[str, dict[str, t.Any]]:
    """ServiceNow's rows cut down to the columns that are compared."""
    columns: dict[str, t.Any] = next(iter(wanted.values()))
    amounts = {name for name, value in columns.items() if isinstance(value, Decimal)}
    return {
        key: {name: Decimal(row[name]) if name in amounts else row[name] for name in columns}
        for key, row in rows.items()
    }


def assert_accounted_for(killable: Killable, table: str, rows: dict[str, dict[str, str]]) -> None:
    """The ledger's changes, one after the other, make each row what it is.

    Each row was made or adopted once, before anything else; no write is missing, none is told that
    did not happen.
    """
    history: dict[str, list[tuple[str, dict[str, t.Any], dict[str, t.Any]]]] = {}
    for name, outcome, changes, altered in killable.ledger(
        f"SELECT identifier, outcome, changes, altered FROM outcomes WHERE \"table\" = '{table}'"
        " AND outcome IN ('created', 'adopted', 'updated') ORDER BY number"
    ):
        history.setdefault(name, []).append((outcome, json.loads(changes), json.loads(altered)))
    assert history.keys() == rows.keys()
    for name, row in rows.items():
        first, *later = [outcome for outcome, _, _ in history[name]]
        assert first in {"created", "adopted"}, (name, first)
        assert set(later) <= {"updated"}, (name, later)
        values: dict[str, str] = {}
        for outcome, changes, altered in history[name]:
            for column, change in changes.items():
                known = values.get(column, "" if first == "created" else change["old"])
                if outcome == "updated":
                    assert alike(change["old"], known), (name, outcome, column, change, known)
                values[column] = change["new"]
            values.update({column: change["old"] for column, change in altered.items()})
        wrong = {c: (v, row[c]) for c, v in values.items() if not alike(v, row[c])}
        assert not wrong, (name, wrong)


def alike(left: str, right: str) -> bool:
    """Whether two texts are one value: 12.9 and 12.90 are."""
    try:
        return left == right or Decimal(left) == Decimal(right)
    except InvalidOperation:
        return False
