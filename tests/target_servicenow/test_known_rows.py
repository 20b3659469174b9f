"""Rows that the ledger knows and a lookup does not find: never created a second time."""

from __future__ import annotations

import typing as t

import pytest
from click.testing import CliRunner

from target_servicenow.target import TargetServiceNow

if t.TYPE_CHECKING:
    from conftest import Instance, Singer

VENDOR = "proc_vendor"
HARDENED = {"properties": {"glide.rest.table_api.admin_only_sys_fields": True}}
"""The instance chooses the sys_ids of new rows itself, so that its database refuses no twin."""


def hidden(when: str = "") -> dict[str, t.Any]:
    """A rule that hides rows of vendors, which are counted all the same."""
    return {"access": [{"table": VENDOR, "operation": "read", "when": when}]}


def elsewhere(when: str) -> dict[str, t.Any]:
    """Vendors in another domain, which are not counted either."""
    return {"other_domains": [{"table": VENDOR, "when": when}]}


def reason(sys_id: str, likely: str, number: str = "1") -> str:
    its_row = f"its row {sys_id} of" if sys_id else "its row of"
    return (
        f"ServiceNow does not show {its_row} proc_vendor ({likely}): let the integration user read "
        "it, or, if it was deleted, run target-servicenow ledger forget "
        f"sage300:SAMINC:Vendor:{number} to have another one created"
    )


RULE = "an access rule of the table hides it, since ServiceNow counts it"
UNCOUNTED = (
    "it is in another domain, a rule of queries hides it, or it was deleted, since ServiceNow does "
    "not count it"
)
UNKNOWN = "an access rule hides it, it is in another domain, or it was deleted"
HIDDEN = {"a row rule": (hidden("vendor_number=1"), RULE)}
HIDDEN["another domain"] = (elsewhere("vendor_number=1"), UNCOUNTED)


@pytest.mark.parametrize("keeps_sys_ids", [True, False])
@pytest.mark.parametrize("kind", HIDDEN)
def test_a_row_hidden_after_the_first_load(
    instance: Instance, singer: Singer, kind: str, *, keeps_sys_ids: bool
) -> None:
    """Kind: what an account may see changes between two runs, so that its own rows look new."""
    switches, likely = HIDDEN[kind]
    instance.behave(**({} if keeps_sys_ids else HARDENED))
    vendors = [singer.vendor(n, City="Delft") for n in ("1", "2")]
    assert instance.run(singer.vendors(*vendors)).code == 0
    before = instance.by_source(VENDOR)
    instance.behave(**switches)
    moved = [singer.vendor(n, City="Gouda") for n in ("1", "2")]
    for _ in range(2):
        instance.take_counters()
        result = instance.run([*singer.vendors(*moved, singer.vendor("3")), singer.state(1)])
        assert (result.code, result.states) == (0, [1])
        after = instance.by_source(VENDOR)
        assert {n: row["city"] for n, row in after.items()} == {"1": "Delft", "2": "Gouda", "3": ""}
        assert instance.rejects() == {"1": ("held", reason(before["1"]["sys_id"], likely))}
    assert instance.written() == (0, 0)

    instance.behave(access=[], other_domains=[])
    assert instance.run([]).code == 0
    assert instance.by_source(VENDOR)["1"]["city"] == "Gouda"
    assert instance.rejects() == {}


@pytest.mark.parametrize("kind", HIDDEN)
def test_the_copy_of_a_hidden_row_is_not_taken_for_it(
    instance: Instance, singer: Singer, kind: str
) -> None:
    """Kind: another row carries the identifier of one that the account may not see."""
    assert instance.run(singer.vendors(singer.vendor("1", City="Delft"))).code == 0
    own = instance.by_source(VENDOR)["1"]
    identifier = own["correlation_id"]
    copy = instance.control.insert_row(
        VENDOR, name=own["name"], city="Delft", correlation_id=identifier
    )
    rules = {"a row rule": hidden, "another domain": elsewhere}[kind]
    instance.behave(**rules(f"sys_id={own['sys_id']}"))
    assert instance.run(singer.vendors(singer.vendor("1", City="Delft"))).code == 0  # unchanged
    for _ in range(2):
        assert instance.run(singer.vendors(singer.vendor("1", City="Gouda"))).code == 0
        assert {row["city"] for row in instance.rows(VENDOR)} == {"Delft"}
        fate, why = instance.rejects()["1"]
        assert fate == "held"
        assert why == (
            f"row {copy['sys_id']} of proc_vendor carries correlation_id {identifier}, but the "
            f"record's own row is {own['sys_id']}, which is not shown to the integration user: "
            f"clear correlation_id of the copy, or, if {own['sys_id']} was deleted, run "
            f"target-servicenow ledger forget {identifier}"
        )
    forget = ["ledger", "--ledger", str(instance.ledger), "forget", "1", "--reason", "deleted"]
    assert CliRunner().invoke(TargetServiceNow.cli, forget).exit_code == 0
    assert instance.run([]).code == 0
    cities = {row["sys_id"]: row["city"] for row in instance.rows(VENDOR)}
    assert cities == {own["sys_id"]: "Delft", copy["sys_id"]: "Gouda"}


@pytest.mark.parametrize("switches", [hidden(), elsewhere("sys_idISNOTEMPTY")], ids=["rule", "all"])
def test_every_row_of_a_table_hidden(
    instance: Instance, singer: Singer, switches: dict[str, t.Any]
) -> None:
    """Kind: a role taken away, or an account moved to another domain; no row stays visible."""
    instance.behave(**HARDENED)
    vendors = singer.vendors(*(singer.vendor(n) for n in range(5)))
    assert instance.run(vendors).code == 0
    before = instance.rows(VENDOR)
    instance.behave(**switches)
    instance.run(vendors)
    assert instance.rows(VENDOR) == before
    assert instance.written() == (5, 0)


@pytest.mark.parametrize("keeps_sys_ids", [True, False])
def test_an_identifier_cleared_by_hand_is_set_again(
    instance: Instance, singer: Singer, *, keeps_sys_ids: bool
) -> None:
    """Kind: a row whose identifier a person emptied is still the row of its record."""
    instance.behave(**({} if keeps_sys_ids else HARDENED))
    first = singer.batches(singer.batch(7, {"PONumber": "P1"}, {"PONumber": "P2"}))
    assert instance.run(first).code == 0
    before = instance.by_source("sn_apo_invoice")
    instance.update_row("sn_apo_invoice", before["1"]["sys_id"], correlation_id="")
    later = singer.batches(singer.batch(7, {"PONumber": "P3"}, {"PONumber": "P2"}))
    assert instance.run(later).code == 0
    after = instance.by_source("sn_apo_invoice")
    assert {n: row["sys_id"] for n, row in after.items()} == {
        n: row["sys_id"] for n, row in before.items()
    }
    assert after["1"]["po_number"] == "P3"
    assert instance.outcomes() == [("1", "updated")]
    assert instance.run(later).code == 0
    assert instance.counts("sn_apo_invoice") == {"unchanged": 2}


def test_a_row_that_was_given_to_something_else_is_held(instance: Instance, singer: Singer) -> None:
    """Kind: a person changed the identifier, so the row may be another one's now."""
    vendor = singer.vendors(singer.vendor("1", City="Delft"))
    assert instance.run(vendor).code == 0
    [row] = instance.rows(VENDOR)
    instance.update_row(VENDOR, row["sys_id"], correlation_id="other:1")
    before = instance.rows(VENDOR)
    assert instance.run(vendor).code == 0
    assert instance.rows(VENDOR) == before
    sentence = (
        f"its row {row['sys_id']} of proc_vendor carries correlation_id other:1 now: set that to "
        "sage300:SAMINC:Vendor:1 again, or, if the row is no longer its own, run target-servicenow "
        "ledger forget sage300:SAMINC:Vendor:1 to have another one created"
    )
    assert instance.rejects() == {"1": ("held", sentence)}


def test_a_cleared_row_is_no_candidate_for_another_record(
    instance: Instance, singer: Singer
) -> None:
    """Kind: a row without an identifier that the ledger knows as another record's."""
    assert instance.run(singer.vendors(singer.vendor("1", VendorName="Acme"))).code == 0
    [row] = instance.rows(VENDOR)
    instance.update_row(VENDOR, row["sys_id"], correlation_id="")
    assert instance.run(singer.vendors(singer.vendor("2", VendorName="Acme"))).code == 0
    assert {r["vendor_number"]: r["correlation_id"] for r in instance.rows(VENDOR)} == {
        "1": "",
        "2": "sage300:SAMINC:Vendor:2",
    }


@pytest.mark.parametrize("empty", [False, True])
def test_an_instance_that_does_not_understand_in(
    instance: Instance, singer: Singer, *, empty: bool
) -> None:
    """Kind: lookups that find everything, or nothing, from one day to the next."""
    instance.behave(**HARDENED)
    vendors = singer.vendors(*(singer.vendor(n) for n in range(5)))
    assert instance.run(vendors).code == 0
    before = instance.rows(VENDOR)
    properties = {**HARDENED["properties"], "glide.invalid_query.returns_no_rows": empty}
    instance.behave(unknown_operators=["IN"], properties=properties)
    result = instance.run([*vendors, singer.state(1)])
    assert (result.code, result.states) == (1, [])
    assert instance.rows(VENDOR) == before
    sentence = (
        "ServiceNow does not find proc_vendor rows by correlation_id (not sage300:SAMINC:Vendor:0, "
        "which the row "
        if empty
        else "ServiceNow ignores the column correlation_id of proc_vendor in queries (it sent rows "
        "that were not asked for), so rows could be made twice: "
    )
    assert result.errors[0].startswith(sentence)


def test_lookups_that_stop_finding_anything_within_a_run(
    instance: Instance, singer: Singer
) -> None:
    """Kind: rows that the same run made and that come again, on an instance that finds nothing."""
    instance.behave(**HARDENED)

    def messages() -> t.Iterator[t.Any]:
        yield singer.schema("APVendors")
        yield singer.vendor("1", City="Delft")
        yield singer.state(1)
        yield singer.vendor("2")
        instance.behave(
            unknown_operators=["IN"],
            properties={**HARDENED["properties"], "glide.invalid_query.returns_no_rows": True},
        )
        yield singer.vendor("1", City="Gouda")
        yield singer.state(2)

    assert instance.run(messages(), checkpoint_seconds=0).code == 0
    assert instance.by_source(VENDOR).keys() == {"1", "2"}
    assert instance.rejects()["1"][0] == "held"


def test_an_account_that_may_create_and_not_read(instance: Instance, singer: Singer) -> None:
    """Kind: rows that were written and cannot be seen; a few show it, and none is made twice."""
    instance.behave(**hidden(), **HARDENED)
    vendors = singer.vendors(*(singer.vendor(n) for n in range(20)))
    result = instance.run([*vendors, singer.state(1)])
    assert (result.code, result.states) == (1, [])
    sentence = (
        "ServiceNow creates rows of proc_vendor and shows none of them: give the integration user "
        "a role that can read the table with its column correlation_id, and run again; the ledger "
        "knows what was created, so nothing is created twice"
    )
    assert result.errors == [sentence]
    made = instance.rows(VENDOR)
    assert len(made) == 3
    assert instance.run(vendors).code == 1
    assert instance.rows(VENDOR) == made
    instance.behave(access=[])
    assert instance.run(vendors).code == 0
    assert instance.by_source(VENDOR).keys() == {str(n) for n in range(20)}


def test_one_row_that_its_writer_may_not_read(instance: Instance, singer: Singer) -> None:
    """Kind: a row rule that hides a new row from its first second; the others are shown."""
    instance.behave(**hidden("vendor_number=1"), **HARDENED)
    vendors = singer.vendors(*(singer.vendor(n) for n in range(3)))
    for _ in range(2):
        assert instance.run([*vendors, singer.state(1)]).states == [1]
        assert instance.by_source(VENDOR).keys() == {"0", "1", "2"}
    assert instance.rejects() == {"1": ("held", reason("", UNKNOWN))}
    instance.behave(access=[])
    assert instance.run([]).code == 0
    assert instance.rejects() == {}


def test_a_deleted_row_is_created_again_once_it_is_forgotten(
    instance: Instance, singer: Singer
) -> None:
    """Kind: a row that was really deleted, which ServiceNow does not tell from a hidden one."""
    assert instance.run(singer.vendors(singer.vendor("1"))).code == 0
    [row] = instance.rows(VENDOR)
    instance.delete_row(VENDOR, row["sys_id"])
    assert instance.run(singer.vendors(singer.vendor("1"))).code == 0
    assert instance.rows(VENDOR) == []
    assert instance.rejects() == {"1": ("held", reason(row["sys_id"], UNCOUNTED))}

    command = ["ledger", "--ledger", str(instance.ledger), "forget", "1", "--reason", "cleaned up"]
    printed = CliRunner().invoke(TargetServiceNow.get_singer_command(), command)
    assert printed.output == "proc_vendor sage300:SAMINC:Vendor:1 was forgotten: cleaned up\n"
    assert instance.run([]).code == 0
    assert instance.by_source(VENDOR).keys() == {"1"}
    assert instance.rejects() == {}
    history = instance.query("SELECT outcome, sys_id, reason FROM outcomes ORDER BY number")
    assert [outcome for outcome, _, _ in history] == ["created", "held", "forgotten", "created"]
    assert history[2][1:] == (row["sys_id"], "cleaned up")


def test_an_ordinary_run_asks_for_nothing_more(instance: Instance, singer: Singer) -> None:
    """Kind: the price of a guard on runs that do not need it."""
    vendors = singer.vendors(*(singer.vendor(n) for n in range(50)))
    assert instance.run(vendors).code == 0
    instance.take_counters()
    assert instance.run(vendors).code == 0
    counters = instance.take_counters()
    assert counters["by_path"] == {"oauth_token.do": 1, "batch": 3}  # the preflight, a lookup


def test_a_lost_ledger_meets_a_row_of_its_own(instance: Instance, singer: Singer) -> None:
    """Kind: the database refuses a twin of a row that no ledger knows and no lookup finds."""
    vendor = singer.vendors(singer.vendor("1", City="Delft"), singer.vendor("2"))
    assert instance.run(vendor).code == 0
    [first, second] = [instance.by_source(VENDOR)[n] for n in "12"]
    instance.update_row(VENDOR, first["sys_id"], correlation_id="")
    instance.update_row(VENDOR, first["sys_id"], name="Typed over")
    instance.behave(**hidden("vendor_number=2"))
    instance.ledger.unlink()
    assert instance.run(vendor).code == 0
    rows = {row["sys_id"]: row["correlation_id"] for row in instance.rows(VENDOR)}
    assert rows == {
        first["sys_id"]: "sage300:SAMINC:Vendor:1",
        second["sys_id"]: "sage300:SAMINC:Vendor:2",
    }
    assert instance.rejects() == {"2": ("held", reason("", RULE, "2"))}


def test_the_check_looks_known_rows_up(instance: Instance, singer: Singer) -> None:
    """Kind: what lookups do not find, and rows that are counted and not shown, told beforehand."""
    vendors = singer.vendors(*(singer.vendor(n) for n in range(4)))
    assert instance.run(vendors).code == 0
    clean = instance.check()
    assert clean[0] == 0
    assert clean[1][-1].endswith("0 warnings, 0 errors")
    instance.behave(**hidden("vendor_number=1"))
    warnings = [line for line in instance.check()[1] if line.startswith("warning")]
    sentence = (
        "warning  proc_vendor shows the integration user 3 of its first 4 rows: what it cannot "
        "read is neither found nor updated, and typed in rows among it are created again; give it "
        "a role that can read every row"
    )
    assert warnings == [sentence]
    instance.behave(access=[], **elsewhere("vendor_number!=3"))
    [warning] = [line for line in instance.check()[1] if line.startswith("warning")]
    assert warning.startswith("warning  proc_vendor does not show the rows that were seen last (")
    instance.behave(other_domains=[], unknown_operators=["IN"])
    code, lines = instance.check()
    assert code == 1
    [error] = [line for line in lines if line.startswith("error")]
    assert error.startswith("error    ServiceNow ignores the column correlation_id of proc_vendor")


def test_the_ledger_forgets_nothing_it_does_not_hold(instance: Instance, singer: Singer) -> None:
    """Kind: a key that names no record, or several."""
    batches = singer.batches(singer.batch(1, {}), singer.batch(2, {}))
    assert instance.run(batches).code == 0
    before = instance.query("SELECT * FROM records")
    for key, number in (("9", "no"), ("1", "2")):
        command = ["ledger", "--ledger", str(instance.ledger), "forget", key]
        result = CliRunner().invoke(TargetServiceNow.get_singer_command(), command)
        sentence = (
            f"Error: The ledger holds {number} records {key}, so nothing was forgotten: give the "
            "full source identifier, such as sage300:SAMINC:Vendor:1200\n"
        )
        assert (result.exit_code, result.output) == (1, sentence)
    assert instance.query("SELECT * FROM records") == before


def test_a_lost_ledger_and_rows_that_a_rule_hides(instance: Instance, singer: Singer) -> None:
    """Kind: rows that no ledger knows, no lookup shows and no database refuses, but all count."""
    instance.behave(**HARDENED)
    vendors = singer.vendors(*(singer.vendor(n) for n in range(6)))
    assert instance.run(vendors).code == 0
    before = instance.rows(VENDOR)
    instance.ledger.unlink()
    instance.behave(**hidden("vendor_numberIN1,2"))
    for _ in range(2):
        assert instance.run([*vendors[:-1], singer.vendor("new")]).code == 0
    assert len(instance.rows(VENDOR)) == len(before) + 1
    assert instance.rejects().keys() == {"1", "2"}
    first = instance.query("SELECT reason FROM outcomes WHERE outcome = 'held' ORDER BY number")[0]
    assert first == (reason("", RULE),)


def test_a_count_that_says_nothing_holds_nothing(instance: Instance, singer: Singer) -> None:
    """Kind: an instance that counts the table whatever is asked: its new rows are made."""
    instance.insert_row(VENDOR, name="Typed in", vendor_number="0")
    assert instance.run(singer.vendors(singer.vendor("1"))).code == 0
    instance.ledger.unlink()
    instance.behave(unknown_operators=["="], **hidden("vendor_numberIN1"))
    assert instance.run(singer.vendors(singer.vendor("1"), singer.vendor("2"))).code == 0
    rows = sorted(row["vendor_number"] for row in instance.rows(VENDOR))
    assert rows == ["0", "1", "2"]
    assert instance.rejects().keys() == {"1"}  # its own sys_id is taken


def test_every_hidden_row_of_an_instance_that_was_reset(instance: Instance, singer: Singer) -> None:
    """Kind: a copy of another instance took the place of this one, and all rows are gone."""
    vendors = singer.vendors(*(singer.vendor(n) for n in range(3)))
    assert instance.run(vendors).code == 0
    instance.sandbox.servicenow.reset()
    assert instance.run(vendors).code == 0
    assert instance.rows(VENDOR) == []
    command = ["ledger", "--ledger", str(instance.ledger), "forget"]
    without = CliRunner().invoke(TargetServiceNow.get_singer_command(), command)
    assert without.exit_code == 2
    CliRunner().invoke(TargetServiceNow.get_singer_command(), [*command, "--all-hidden"])
    assert instance.run([]).code == 0
    assert instance.by_source(VENDOR).keys() == {"0", "1", "2"}


@pytest.mark.parametrize("empty", [False, True])
def test_an_empty_ledger_on_an_instance_that_does_not_understand_in(
    instance: Instance, singer: Singer, *, empty: bool
) -> None:
    """Kind: lookups that only disagree with the rows that the instance shows unasked."""
    vendors = singer.vendors(*(singer.vendor(n) for n in range(5)))
    instance.behave(**HARDENED)
    assert instance.run(vendors).code == 0
    before = instance.rows(VENDOR)
    instance.ledger.unlink()
    properties = {**HARDENED["properties"], "glide.invalid_query.returns_no_rows": empty}
    instance.behave(unknown_operators=["IN"], properties=properties)
    assert instance.run(vendors).code == 1
    assert instance.rows(VENDOR) == before
