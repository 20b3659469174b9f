"""Whatever Sage 300, ServiceNow, people and the network do, every record has one row in the end.

Hypothesis draws what happens: records change, rows are hidden, cleared, typed in and copied, rules
alter or refuse what is sent, answers are lost, runs are killed. Each time a run has ended no record
has two rows, and the state that it emitted promises nothing that is not in ServiceNow or waiting in
the ledger. In the end unchanged data sends nothing, every row that is not as it should be waits
with a reason, and when people have put right what they can, nothing waits any more.
"""

from __future__ import annotations

import os
import typing as t

from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import World  # type: ignore[attr-defined]

    Draw = Callable[[st.SearchStrategy[t.Any]], t.Any]

SCHEDULES = 300 if os.environ.get("NIGHTLY") else 30
PHASES = [Phase.generate, *([Phase.shrink] if os.environ.get("NIGHTLY") else [])]
MOST_EVENTS = 12

VENDOR, ACCOUNT = "proc_vendor", "itfm_gl_accounts"
NUMBERS = st.integers(1, 5)
POISONED = st.integers(6, 7)
"""Two at most: a table that refuses three rows and takes none stops the run, as it should."""
SETS_COUNTRY = {
    "table": VENDOR, "action": "set", "when": "country=CA", "column": "country", "value": "Canada",
}  # fmt: skip
POISONS = [
    {"table": VENDOR, "action": "refuse", "when": "name=Poison"},
    {"table": VENDOR, "action": "fail", "when": "name=Poison", "message": "Script failed"},
    {"table": VENDOR, "action": "fail", "when": "name=Poison", "status": 403},
]
FAULTS = st.sampled_from(
    [
        {"fault": "drop"},
        {"fault": "cut"},
        {"fault": "unparsable"},
        {"fault": "partial"},
        {"fault": "error", "status": 503, "body": "html"},
        {"fault": "error", "status": 500, "commit": True},
        {"fault": "error", "status": 429, "retry_after": 30},
        {"fault": "error", "status": 403, "body": "html"},
    ]
)
CHOOSES = "glide.rest.table_api.admin_only_sys_fields"


# What happens


def vendor_changes(world: World, draw: Draw, number: int = 0, name: str = "") -> None:
    number = number or draw(NUMBERS)
    account = draw(st.sampled_from(["", "A1", "A2", "A9"]))
    record = world.singer.vendor(
        number,
        VendorName=name or f"Vendor {number}",
        City=draw(st.sampled_from(["", "Delft", "Oslo"])),
        Country=draw(st.sampled_from(["CA", "NL"])),
        FaxNumber="555",
        GLAccount=account,
    )
    world.change(record)


def account_changes(world: World, draw: Draw) -> None:
    number = draw(st.sampled_from(["A1", "A2", "A3"]))
    world.change(world.singer.account(number, Description=draw(st.sampled_from(["Cash", "Rent"]))))


def namesake(world: World, draw: Draw) -> None:
    vendor_changes(world, draw, draw(NUMBERS), f"Vendor {draw(NUMBERS)}")


def poison_row(world: World, draw: Draw) -> None:
    vendor_changes(world, draw, draw(POISONED), draw(st.sampled_from(["Poison", "Poison", "Well"])))
    rules = [r for r in world.behaviours["business_rules"] if r["action"] == "set"]
    world.behave(business_rules=[*rules, draw(st.sampled_from(POISONS))])


def row_hidden(world: World, draw: Draw) -> None:
    rows, ours = world.rows(), world.ours()
    if not ours:
        return
    sys_id = draw(st.sampled_from(ours))
    rule = {"table": rows[sys_id]["table"], "operation": "read", "when": f"sys_id={sys_id}"}
    hidden = [other for other in world.behaviours["access"] if other["table"] == rule["table"]]
    shown = sum(row["table"] == rule["table"] for row in rows.values()) - len(hidden)
    # A table that shows nothing at all stops the run, as it should.
    if rule not in hidden and shown > 1:
        world.behave(access=[*world.behaviours["access"], rule])


def rows_shown(world: World, _draw: Draw) -> None:
    world.behave(access=[])


def identifier_cleared(world: World, draw: Draw) -> None:
    if ours := world.ours():
        sys_id = draw(st.sampled_from(ours))
        world.update(sys_id, correlation_id="")


def row_typed_in(world: World, draw: Draw) -> None:
    world.insert(VENDOR, name=f"Vendor {draw(NUMBERS)}", city="Elsewhere")


def row_copied(world: World, draw: Draw) -> None:
    rows = world.rows()
    if ours := [sys_id for sys_id in world.ours() if rows[sys_id]["table"] == VENDOR]:
        row = rows[draw(st.sampled_from(ours))]
        copy = world.insert(VENDOR, name=row["name"], correlation_id=row["correlation_id"])
        world.copies.add(copy)


def rule_changes(world: World, draw: Draw) -> None:
    others = [r for r in world.behaviours["business_rules"] if r["action"] != "set"]
    read_only = {"table": VENDOR, "column": "fax", "read_only": draw(st.booleans())}
    sets = [SETS_COUNTRY] if draw(st.booleans()) else []
    world.behave(business_rules=[*others, *sets], columns=[read_only])


def sys_ids_chosen(world: World, draw: Draw) -> None:
    world.behave(properties={CHOOSES: draw(st.booleans())})


def run(world: World, draw: Draw) -> None:
    world.run(pace=draw(st.integers(1, 3)))


def answer_lost(world: World, draw: Draw) -> None:
    fault = {**draw(FAULTS), "side": "servicenow", "path": "batch", "nth": draw(st.integers(1, 9))}
    world.instance.control.follow_faults({"rules": [fault]})
    world.run()
    world.instance.control.clear_faults()


def run_killed(world: World, draw: Draw) -> None:
    world.run(draw(st.integers(1, 12)), is_answered=draw(st.booleans()))


def second_run(world: World, _draw: Draw) -> None:
    assert_quiet(world)


KINDS: dict[str, Callable[[World, Draw], None]] = {
    "a vendor changes": vendor_changes,
    "an account changes": account_changes,
    "a vendor takes another's name": namesake,
    "a row that the instance refuses": poison_row,
    "a row is hidden": row_hidden,
    "hidden rows are shown": rows_shown,
    "an identifier is cleared": identifier_cleared,
    "a row is typed in by hand": row_typed_in,
    "a row is copied with its identifier": row_copied,
    "rules of the instance change": rule_changes,
    "the instance chooses sys_ids": sys_ids_chosen,
    "a run": run,
    "a run that loses an answer": answer_lost,
    "a run that is killed": run_killed,
    "two runs over everything": second_run,
}


@settings(
    max_examples=SCHEDULES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=PHASES,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_each_record_has_one_row(new_world: Callable[[], World], data: st.DataObject) -> None:
    """Kind: any of the above, in any order."""
    world = new_world()
    for number in (1, 2, 3):
        vendor_changes(world, data.draw, number)
    for _ in range(data.draw(st.integers(4, MOST_EVENTS))):
        kind = data.draw(st.sampled_from(list(KINDS)))
        note(kind)
        KINDS[kind](world, data.draw)
        assert_state_is_true(world)
    assert_quiet(world)
    put_right(world)
    assert_quiet(world)
    assert_all_settled(world)


# What must hold


def versions(world: World, name: str) -> list[dict[str, t.Any]]:
    """The versions of a record that may be in ServiceNow: what its last state promised, or newer.

    Empty where it promised nothing yet.
    """
    promised = [m for m in world.changes[: world.position] if world.name(m) == name]
    newer = [m for m in world.changes[world.position :] if world.name(m) == name]
    return [m["record"] for m in (*promised[-1:], *newer)] if promised else []


def agrees(row: dict[str, str], record: dict[str, t.Any]) -> bool:
    """Whether a row is what a record says, as far as the instance's rules let it."""
    if "Description" in record:
        return row["name"] == record["Description"]
    countries = {record["Country"], *(["Canada"] if record["Country"] == "CA" else [])}
    return (
        row["name"] == record["VendorName"]
        and row["city"] == record["City"]
        and row["country"] in countries
    )


def assert_state_is_true(world: World) -> None:
    """What lies behind the emitted state is in ServiceNow, or waits in the ledger."""
    if not world.runs:
        return
    rows, pending = world.rows(), world.pending()
    for name in {world.name(m) for m in world.changes[: world.position]}:
        mine = [rows[sys_id] for sys_id, owner in world.owners.items() if owner == name]
        kept = any(agrees(row, v) for row in mine for v in versions(world, name))
        assert kept or name in pending, f"{name} is lost: {mine}"


def assert_quiet(world: World) -> None:
    """A run over unchanged data sends no row but those that were rejected, which it tries again."""
    assert world.run(whole=True) == 0, world.instance.logged("ERROR")
    assert world.run(whole=True) == 0, world.instance.logged("ERROR")
    rows, pending = world.rows(), world.pending()
    sent = {rows[key]["correlation_id"] if key in rows else key for key in world.wire.written}
    assert sent <= pending.keys()
    assert all(pending.values())
    for name, message in world.latest().items():
        mine = [row for row in rows.values() if row["correlation_id"] == name]
        assert name in pending or [agrees(row, message["record"]) for row in mine] == [True], name


def put_right(world: World) -> None:
    """People do what the reasons say: rights, rules, identifiers, copies, rows typed in."""
    world.behave(access=[], business_rules=[])
    for sys_id, row in world.rows().items():
        if sys_id in world.copies or not world.owners[sys_id]:
            world.delete(sys_id)
        elif not row["correlation_id"]:
            world.update(sys_id, correlation_id=world.owners[sys_id])


def assert_all_settled(world: World) -> None:
    """Nothing waits but what points at an account that Sage 300 does not have."""
    absent = {
        name
        for name, message in world.latest().items()
        if (account := message["record"].get("GLAccount"))
        and f"sage300:SAMINC:GLAccount:{account}" not in world.latest()
    }
    assert world.pending().keys() <= absent
    owners = [row["correlation_id"] for row in world.rows().values()]
    assert len(owners) == len(set(owners))
    world.instance.take_counters()
    assert world.run(whole=True) == 0
    assert world.instance.written() == (0, 0)
