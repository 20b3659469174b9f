"""Older never beats newer: what waited is not tried again when something newer is known."""

from __future__ import annotations

import json
import typing as t
from contextlib import suppress

import pytest
from click.testing import CliRunner

from target_servicenow.target import TargetServiceNow

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Instance, Singer

INVOICES, LINES = "sn_apo_invoice", "sn_apo_invoice_line"
CANCELLING = {"table": INVOICES, "action": "fail", "when": "state=cancelled", "status": 403}


def history(instance: Instance, key: str) -> list[tuple[str, str, str]]:
    """What happened to a row: outcome, cause and reason, oldest first."""
    return [
        (outcome, cause, reason)
        for name, outcome, cause, reason in instance.query(
            "SELECT identifier, outcome, cause, reason FROM outcomes ORDER BY number"
        )
        if name.endswith(f":{key}")
    ]


def export(instance: Instance) -> list[dict[str, t.Any]]:
    """The messages that ``ledger export`` prints."""
    arguments = ["ledger", "--ledger", str(instance.ledger), "export"]
    result = CliRunner().invoke(TargetServiceNow.get_singer_command(), arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.parametrize("kept", [True, False], ids=["entries kept", "empty list"])
def test_a_held_invoice_of_a_batch_deleted_meanwhile(
    instance: Instance, singer: Singer, *, kept: bool
) -> None:
    """Kind: the old record is retried when its vendor comes, and created as open."""
    entry = {"VendorNumber": "5", "InvoiceDetails": [{"LineNumber": 1}]}
    assert instance.run(singer.batches(singer.batch(1, entry))).code == 0
    assert len(instance.query("SELECT * FROM rejects")) == 2
    deleted = singer.batch(1, *([entry] if kept else []), BatchStatus="Deleted")
    assert instance.run(singer.batches(deleted)).code == 0
    assert instance.rejects() == {}
    assert instance.run(singer.vendors(singer.vendor("5"))).code == 0
    assert instance.rows(INVOICES) == instance.rows(LINES) == []
    assert [h[:2] for h in history(instance, "Invoice:1:1")][1:] == [
        ("held", "reference"),
        ("dropped", "not_wanted"),
    ]


@pytest.mark.parametrize("entries", ["none", [7], {}, None], ids=str)
def test_a_held_invoice_of_a_batch_whose_entries_cannot_be_read_now(
    instance: Instance, singer: Singer, entries: t.Any
) -> None:
    """Kind: the newer version is broken, or has only a header, and the older one is created."""
    assert instance.run(singer.batches(singer.batch(1, {"VendorNumber": "5"}))).code == 0
    unreadable = singer.batch(1, BatchStatus="Deleted")
    unreadable["record"]["Invoices"] = entries
    assert instance.run(singer.batches(unreadable)).code == 0
    assert instance.run(singer.vendors(singer.vendor("5"))).code == 0
    assert instance.rows(INVOICES) == []
    assert "held" not in {outcome for outcome, _ in instance.rejects().values()}
    corrected = singer.batch(1, {"VendorNumber": "5", "InvoiceDetails": []})
    assert instance.run(singer.batches(corrected)).code == 0
    assert instance.by_key(INVOICES).keys() == {"1:1"}
    assert instance.rejects() == {}


def test_a_held_invoice_deleted_and_restored(instance: Instance, singer: Singer) -> None:
    """What ended may begin again."""
    entry = {"VendorNumber": "5"}
    for status in ("Open", "Deleted", "Open"):
        batch = singer.batch(1, entry, BatchStatus=status)
        assert instance.run(singer.batches(batch)).code == 0
    assert instance.rejects().keys() == {"1"}
    assert instance.run(singer.vendors(singer.vendor("5"))).code == 0
    assert instance.by_key(INVOICES)["1:1"]["state"] == "open"


def test_a_record_that_the_mapping_leaves_out_now(instance: Instance, singer: Singer) -> None:
    """Kind: "not wanted" keeps the reject, whose old record is retried for ever."""
    active = {"mapping_overrides": {"tables": {"proc_vendor": {"where": "Status == 'Active'"}}}}
    bad = [singer.vendor("1", StartDate="soon"), singer.vendor("2", StartDate="soon")]
    assert instance.run(singer.vendors(*bad), **active).code == 0
    left = singer.vendors(singer.vendor("1", Status="Inactive"))
    assert instance.run(left, **active).code == 0
    assert instance.rejects().keys() == {"2"}
    assert [h[:2] for h in history(instance, "1")][-1] == ("dropped", "not_wanted")
    # The last version of a record counts.
    again = singer.vendors(singer.vendor("2", Status="Inactive"), bad[1])
    assert instance.run(again, **active).code == 0
    assert instance.rejects().keys() == {"2"}


def test_a_row_that_another_record_still_wants(instance: Instance, singer: Singer) -> None:
    """Several records share a row: one that is left out says nothing about the others'."""
    columns = {"code": "string", "since": "glide_date", "correlation_id": "string"}
    with suppress(ValueError):  # the instance keeps its tables between tests
        instance.sandbox.servicenow.define_table("u_group", columns)
    mapping = instance.folder / "groups.yml"
    mapping.write_text(
        "source: x\n"
        "tables:\n"
        "  u_group:\n"
        "    stream: members\n"
        "    where: active\n"
        "    identity: {entity: Group, key: [group]}\n"
        "    columns: {code: group, since: {value: since, type: date}}\n",
        encoding="utf-8",
    )
    schema = singer.stream_schema(
        "members", {"n": {}, "group": {}, "active": {}, "since": {}}, ["n"]
    )
    first = singer.record("members", {"n": 1, "group": "A", "active": True, "since": "soon"})
    other = singer.record("members", {"n": 2, "group": "A", "active": False, "since": ""})
    assert instance.run([schema, first], mapping=str(mapping)).code == 0
    assert instance.run([schema, other], mapping=str(mapping)).code == 0
    assert instance.rejects().keys() == {"A"}


def refused_entry(instance: Instance, singer: Singer) -> tuple[str, Callable[[], int]]:
    two = singer.batch(1, {}, {})
    assert instance.run(singer.batches(two)).code == 0
    instance.behave(business_rules=[CANCELLING])
    return "2", lambda: instance.run(singer.batches(singer.batch(1, {}))).code


def refused_batch(instance: Instance, singer: Singer) -> tuple[str, Callable[[], int]]:
    assert instance.run(singer.batches(singer.batch(1, {}))).code == 0
    instance.behave(business_rules=[CANCELLING])
    deleted = singer.batches(singer.batch(1, BatchStatus="Deleted"))
    return "1", lambda: instance.run(deleted).code


@pytest.mark.parametrize("refused", [refused_entry, refused_batch])
def test_a_refused_cancellation_is_tried_again(
    instance: Instance, singer: Singer, refused: t.Any
) -> None:
    """Kind: it is kept nowhere, and the invoice stays open for ever."""
    entry, cancel = refused(instance, singer)
    key = f"1:{entry}"
    assert cancel() == 0
    assert {name: fate for name, (fate, _) in instance.rejects().items()} == {entry: "rejected"}
    for _ in range(2):  # read again, it is not a new reject
        instance.config["max_rejects"] = 0
        assert cancel() == 0
    assert instance.run([]).code == 0
    assert instance.rejects().keys() == {entry}
    assert [m for m in export(instance) if m["type"] == "RECORD"] == []
    instance.behave(business_rules=[])
    assert instance.run([]).code == 0
    assert instance.by_key(INVOICES)[key]["state"] == "cancelled"
    assert instance.rejects() == {}


def test_a_refused_cancellation_of_an_invoice_that_returns(
    instance: Instance, singer: Singer
) -> None:
    _, cancel = refused_entry(instance, singer)
    assert cancel() == 0
    assert instance.run(singer.batches(singer.batch(1, {}, {}))).code == 0
    instance.behave(business_rules=[])
    assert instance.rejects() == {}
    assert instance.run([]).code == 0
    assert {row["state"] for row in instance.rows(INVOICES)} == {"open"}


def test_a_refused_inactivation_is_tried_again(instance: Instance, singer: Singer) -> None:
    def sweep(version: int, *numbers: str) -> int:
        records = [{**singer.vendor(n), "version": version} for n in numbers]
        end = {"type": "ACTIVATE_VERSION", "stream": "APVendors", "version": version}
        return instance.run(singer.vendors(*records, end)).code

    assert sweep(1, "1", "2") == 0
    rule = {"table": "proc_vendor", "action": "fail", "when": "active=false", "status": 403}
    instance.behave(business_rules=[rule])
    assert sweep(2, "1") == 0
    assert instance.rejects()["2"][0] == "rejected"
    instance.behave(business_rules=[])
    assert instance.run([]).code == 0
    assert instance.by_source("proc_vendor")["2"]["active"] == "false"
    assert instance.rejects() == {}


def test_an_old_export_does_not_set_a_newer_row_back(instance: Instance, singer: Singer) -> None:
    """Kind: exported on Monday, settled by a newer record on Tuesday, imported on Wednesday."""
    bad = [singer.vendor(n, StartDate="soon", City="Delft") for n in ("1", "2", "3")]
    assert instance.run(singer.vendors(*bad)).code == 0
    monday = export(instance)
    tuesday = [
        singer.vendor("1", City="Gouda"),
        singer.vendor("2", City="Gouda", StartDate="later"),
    ]
    assert instance.run(singer.vendors(*tuesday)).code == 0
    for message in monday[1:]:
        message["record"]["StartDate"] = "2026-01-31"
    assert instance.run([*monday, singer.state(1)]).states == [1]
    vendors = instance.by_source("proc_vendor")
    assert {n: row["city"] for n, row in vendors.items()} == {"1": "Gouda", "3": "Delft"}
    assert instance.rejects().keys() == {"2"}
    skipped = [line for line in instance.logged("WARNING") if "is skipped" in line]
    assert skipped == [
        f"An exported record is skipped, since proc_vendor sage300:SAMINC:Vendor:{n} has been "
        "settled or read again since: export what still waits, and correct that"
        for n in ("1", "2")
    ]


def test_an_old_export_of_a_deleted_batch(instance: Instance, singer: Singer) -> None:
    entry = {"VendorNumber": "5"}
    assert instance.run(singer.batches(singer.batch(1, entry))).code == 0
    old = export(instance)
    deleted = singer.batch(1, entry, BatchStatus="Deleted")
    assert instance.run(singer.batches(deleted)).code == 0
    assert instance.run([*old, *singer.vendors(singer.vendor("5"))]).code == 0
    assert instance.rows(INVOICES) == []


def test_an_export_is_current_while_the_same_record_waits(
    instance: Instance, singer: Singer
) -> None:
    """Retries, and a read of the same record again, make it no older."""
    bad = singer.vendors(singer.vendor("1", StartDate="soon"))
    assert instance.run(bad).code == 0
    exported = export(instance)
    for messages in ([], bad):
        assert instance.run(messages).code == 0
    exported[1]["record"]["StartDate"] = "2026-01-31"
    assert instance.run(exported).code == 0
    assert instance.by_source("proc_vendor")["1"]["start_date"] == "2026-01-31"
    assert instance.rejects() == {}


def test_an_exported_account_fills_all_its_tables(instance: Instance, singer: Singer) -> None:
    """Only its account waits, but its cost centre is made from the same record."""
    account = singer.account("6000", AccountSegmentCode2="200", DateCreated="soon")
    assert instance.run(singer.accounts(account)).code == 0
    exported = export(instance)
    exported[-1]["record"]["DateCreated"] = "2026-01-31"
    assert instance.run(exported).code == 0
    assert instance.by_source("itfm_gl_accounts")["6000"]["created_in_source"] == "2026-01-31"


@pytest.mark.parametrize("stamp", [True, "x", 7, {"table": 1}, {"identifier": "(no key) x"}])
def test_a_stamp_of_another_hand(instance: Instance, singer: Singer, stamp: t.Any) -> None:
    vendor = singer.vendor("1")
    vendor["record"]["_from_ledger"] = stamp
    assert instance.run(singer.vendors(vendor)).code == 0
    assert instance.rows("proc_vendor") == []
    assert "An exported record is skipped" in " ".join(instance.logged("WARNING"))
