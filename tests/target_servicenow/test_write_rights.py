"""``--test-write``: the right to update rows, tried without changing any."""

from __future__ import annotations

import typing as t

from click.testing import CliRunner

from target_servicenow.target import TargetServiceNow

if t.TYPE_CHECKING:
    from conftest import Instance, Singer

VENDOR, INVOICE = "proc_vendor", "sn_apo_invoice"


def filled(instance: Instance, singer: Singer) -> dict[str, list[dict[str, str]]]:
    """An instance with rows in each table; all of them, with all of their columns."""
    accounts = [singer.account("1000", AccountSegmentCode2="10")]
    invoice = {
        "VendorNumber": "2",
        "DocumentTotalIncludingTax": "10.500",
        "DocumentDate": "2026-03-01",
        "InvoiceDetails": [{"LineNumber": 20, "GLAccount": "1000", "DistributedAmount": "10.5"}],
    }
    messages = [
        *singer.accounts(*accounts),
        *singer.vendors(*(singer.vendor(n, GLAccount="1000", AddressLine1="A") for n in range(3))),
        *singer.batches(singer.batch(1, invoice)),
    ]
    assert instance.run(messages).code == 0
    instance.insert_row(VENDOR, name="Typed in by hand")
    rows = stored(instance)
    assert all(rows.values())
    instance.take_counters()
    return rows


def stored(instance: Instance) -> dict[str, list[dict[str, str]]]:
    return {table: instance.rows(table) for table in instance.tables}


def on_updates(lines: list[str], table: str = VENDOR) -> list[str]:
    return [line for line in lines if "update" in line and f"{table}" in line]


def test_it_updates_one_row_of_each_table_and_changes_none(
    instance: Instance, singer: Singer
) -> None:
    """Kind: a check that leaves a trace, in whatever column, or that makes a row."""
    rows = filled(instance, singer)
    code, lines = instance.check(writing=True)
    assert code == 0
    assert instance.written() == (0, len(instance.tables))
    assert stored(instance) == rows  # every column: sys_mod_count and sys_updated_on are among them
    for table in instance.tables:
        [line] = on_updates(lines, f" {table} ")
        carried = {row["sys_id"] for row in rows[table] if row["correlation_id"]}
        [sys_id] = [one for one in carried if one in line]
        assert line == (
            f"ok       {table} can be updated: the row {sys_id} was set to what it already is, and "
            "did not change"
        )
    assert [line for line in lines if line.startswith("untested")] == [
        (
            f"untested {table}: the right to create rows cannot be seen without creating one; the "
            "first run shows it"
        )
        for table in instance.tables
    ]
    assert instance.query("SELECT count(*) FROM runs") == [(1,)]  # a check is no run


def test_a_check_alone_writes_nothing(instance: Instance, singer: Singer) -> None:
    rows = filled(instance, singer)
    assert instance.check()[0] == 0
    assert instance.written() == (0, 0)
    assert stored(instance) == rows


def test_the_right_to_update_is_missing(instance: Instance, singer: Singer) -> None:
    """Kind: a right that the check calls fine, and the first run finds missing."""
    rows = filled(instance, singer)
    instance.behave(access=[{"table": VENDOR, "operation": "write"}])
    code, lines = instance.check(writing=True)
    assert code == 1
    assert [line for line in lines if line.startswith("error")] == [
        (
            "error    ServiceNow does not let the integration user update proc_vendor "
            "(Operation Failed: ACL Exception Update Failed due to security constraints): give it "
            "an access rule of the operation write for the table"
        )
    ]
    assert sum("can be updated: the row" in line for line in lines) == len(instance.tables) - 1
    assert stored(instance) == rows


def test_an_empty_table_has_no_row_to_try(instance: Instance) -> None:
    code, lines = instance.check(writing=True)
    assert code == 0
    assert on_updates(lines) == [
        (
            "untested proc_vendor: the right to update rows was not tried: it shows no row that "
            "could be set to what it already is"
        )
    ]
    assert instance.written() == (0, 0)
    assert not any(stored(instance).values())


def test_to_try_an_update_takes_no_right_to_query(instance: Instance, singer: Singer) -> None:
    """Kind: a right that is called untested, since another one is missing."""
    rows = filled(instance, singer)
    instance.behave(access=[{"table": INVOICE, "operation": "query", "column": "sys_id"}])
    _, lines = instance.check(writing=True)
    [line] = on_updates(lines, f" {INVOICE} ")
    assert f"the row {rows[INVOICE][0]['sys_id']} was set to what it already is" in line
    assert stored(instance) == rows


def test_a_rule_that_changes_the_row_even_so(instance: Instance, singer: Singer) -> None:
    """Kind: an instance whose rules write on every update, told with what they changed."""
    rows = filled(instance, singer)
    rule = {"table": VENDOR, "action": "set", "column": "country", "value": "DE"}
    instance.behave(business_rules=[{**rule, "unchanged": True}])
    code, lines = instance.check(writing=True)
    assert code == 0
    [line] = on_updates(lines)
    [changed] = [row for row in instance.rows(VENDOR) if row["country"] == "DE"]
    before = {row["sys_id"]: row for row in rows[VENDOR]}[changed["sys_id"]]
    assert line.startswith(
        f"warning  proc_vendor can be updated, but the row {changed['sys_id']} was set to what it "
        "already was and still changed (sys_mod_count 0 to 1"
    )
    assert line.endswith("): a business rule of the instance, or another user, changed it")
    assert changed["correlation_id"] == before["correlation_id"]


def test_a_rule_that_refuses_the_row_as_it_is(instance: Instance, singer: Singer) -> None:
    rows = filled(instance, singer)
    rule = {"table": VENDOR, "action": "refuse", "message": "Closed", "unchanged": True}
    instance.behave(business_rules=[rule])
    code, lines = instance.check(writing=True)
    assert code == 0
    [line] = on_updates(lines)
    assert line.startswith(
        "warning  proc_vendor can be updated, but a rule of the instance refuses"
    )
    assert "Closed" in line
    assert line.endswith("correct the row or the rule, or changes in Sage 300 are rejected")
    assert stored(instance) == rows


def test_without_the_batch_api(instance: Instance, singer: Singer) -> None:
    """Kind: an instance that refuses the Batch API, where each update is a call of its own."""
    rows = filled(instance, singer)
    closed = {"fault": "error", "side": "servicenow", "path": "/batch", "status": 403}
    instance.control.follow_faults({"rules": [closed]})
    code, lines = instance.check(writing=True)
    tried = [line for line in lines if "was set to what it already is" in line]
    assert (code, len(tried)) == (0, len(instance.tables))
    assert stored(instance) == rows


def test_the_help_says_what_it_does() -> None:
    command = TargetServiceNow.get_singer_command()
    printed = " ".join(CliRunner().invoke(command, ["--help"]).output.split())
    for words in (
        "set one row of each table to what it already is (its source identifier)",
        "No row is created.",
        "sys_mod_count and sys_updated_on stay as they are",
        "A business rule may run for it",
    ):
        assert words in printed
