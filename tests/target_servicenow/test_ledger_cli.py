"""``target-servicenow ledger``: runs, history of a record, held and rejected rows, export."""

from __future__ import annotations

import json
import sqlite3
import typing as t
from contextlib import suppress

import pytest
from click.testing import CliRunner

from target_servicenow.target import TargetServiceNow

if t.TYPE_CHECKING:
    from click.testing import Result
    from conftest import Instance, Singer


def ledger(instance: Instance, *words: str) -> Result:
    """Run a command on the instance's ledger."""
    command = TargetServiceNow.get_singer_command()
    arguments = ["ledger", "--ledger", str(instance.ledger), *words]
    return CliRunner().invoke(command, arguments)


def printed(instance: Instance, *words: str) -> list[str]:
    """The lines that a command prints; it must succeed."""
    result = ledger(instance, *words)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout.splitlines()


def data(instance: Instance, *words: str) -> t.Any:
    return json.loads("\n".join(printed(instance, *words, "--json")))


@pytest.fixture
def used_ledger(instance: Instance, singer: Singer) -> Instance:
    """A ledger of three runs: one that wrote, a plan, one that stopped."""
    first = [
        *singer.vendors(singer.vendor("1", City="Delft"), singer.vendor("2", StartDate="soon")),
        *singer.batches(singer.batch(1, {"VendorNumber": "5", "TaxTotal": 12.9})),
    ]
    assert instance.run(first).code == 0
    assert instance.run(singer.vendors(singer.vendor("1", City="Gouda")), mode="plan").code == 0
    changed = singer.vendors(singer.vendor("1", City="Gouda"), singer.vendor("3", City="x" * 61))
    assert instance.run([*changed, "no JSON\n"], checkpoint_seconds=0).code == 1
    return instance


def test_runs(used_ledger: Instance) -> None:
    lines = printed(used_ledger, "runs")
    assert [line.split(",")[0] for line in lines if line[:1].strip()] == [
        "Run 3",
        "Plan 2",
        "Run 1",
    ]
    # Held rows are retried in every run, also in a plan.
    assert [line for line in lines if line.startswith(("  proc_", "  sn_"))] == [
        "  proc_vendor: 1 updated, 1 rejected",
        "  sn_apo_invoice: 1 held",
        "  proc_vendor: 1 created, 1 rejected",
        "  sn_apo_invoice: 1 held",
    ]
    assert printed(used_ledger, "runs", "--limit", "1") == lines[: lines.index("")]


def test_runs_as_json(used_ledger: Instance) -> None:
    runs = data(used_ledger, "runs")
    assert [(run["run"], run["mode"], run["status"]) for run in runs] == [
        (3, "apply", "stopped"),
        (2, "plan", "finished"),
        (1, "apply", "finished"),
    ]
    assert runs[2]["outcomes"]["proc_vendor"] == {
        **dict.fromkeys(("adopted", "updated", "unchanged", "held"), 0),
        "created": 1,
        "rejected": 1,
    }
    assert runs[2]["mapping"] == "default"
    assert runs[2]["calls"] > 0
    assert runs[2]["started"] <= runs[2]["finished"]
    assert len(data(used_ledger, "runs", "--limit", "2")) == 2


def test_explain(used_ledger: Instance, singer: Singer) -> None:
    assert used_ledger.run(singer.vendors(singer.vendor("1", City="Hoorn"))).code == 0
    [row] = used_ledger.rows("proc_vendor")
    lines = printed(used_ledger, "explain", "1")
    # The invoice 1:1 has the same last part.
    assert lines[1:3] == ["  sage300:SAMINC:Invoice:1:1 in sn_apo_invoice", "  sys_id none"]
    lines = lines[lines.index("Vendor 1 of SAMINC, Vendor 1") :]
    assert lines[1:4] == [
        "  sage300:SAMINC:Vendor:1 in proc_vendor",
        f"  sys_id {row['sys_id']}",
        "  last seen in run 4",
    ]
    events = [line.strip() for line in lines if line.startswith("  run")]
    assert [event.split(", ")[0] for event in events] == ["run 1", "run 2 (plan)", "run 4"]
    assert [event.rpartition(": ")[2] for event in events] == ["created", "updated", "updated"]
    assert "    city: Delft → Gouda" in lines
    assert "    city: Delft → Hoorn" in lines


def test_explain_by_full_identifier(used_ledger: Instance) -> None:
    lines = printed(used_ledger, "explain", "sage300:SAMINC:Vendor:2")
    assert lines[1:3] == ["  sage300:SAMINC:Vendor:2 in proc_vendor", "  sys_id none"]
    assert lines[-2].endswith(": rejected (record)")
    assert lines[-1] == "    column start_date: 'soon' is not a valid date"
    [story] = data(used_ledger, "explain", "sage300:SAMINC:Vendor:2")
    assert (story["table"], story["last_seen"]) == ("proc_vendor", 1)
    assert [(entry["mode"], entry["outcome"]) for entry in story["history"]] == [
        ("apply", "rejected"),
        ("plan", "rejected"),
    ]


def test_explain_shows_what_servicenow_altered(instance: Instance, singer: Singer) -> None:
    overrides = {"tables": {"proc_vendor": {"columns": {"u_absent": "City"}}}}
    vendor = singer.vendors(singer.vendor("1", City="Delft"))
    assert instance.run(vendor, mapping_overrides=overrides).code == 0
    assert "    u_absent: sent Delft, stored (blank)" in printed(instance, "explain", "1")


@pytest.mark.parametrize("key", ["9", "%", "_", "endor:1", "", "sage300"])
def test_explain_an_unknown_record(used_ledger: Instance, key: str) -> None:
    result = ledger(used_ledger, "explain", key)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"Error: The ledger holds no record {key}: give a name or number as ServiceNow has it, a "
        "sys_id, or a source identifier such as sage300:SAMINC:Vendor:1200, or its last part\n"
    )


def test_rejects_as_json(used_ledger: Instance) -> None:
    found = data(used_ledger, "rejects")
    assert [(row["stream"], row["outcome"], row["cause"]) for row in found] == [
        ("APVendors", "rejected", "record"),
        ("APInvoiceBatches", "held", "reference"),
    ]
    assert all("payload" not in row for row in found)


def test_an_empty_ledger(instance: Instance) -> None:
    assert instance.run([]).code == 0
    assert printed(instance, "rejects") == ["No row waits"]
    assert printed(instance, "changes")[0].endswith(": no row changed")
    assert data(instance, "rejects") == []
    assert printed(instance, "export") == []
    assert [run["outcomes"] for run in data(instance, "runs")] == [{}]


def test_exported_records_can_be_loaded(used_ledger: Instance, singer: Singer) -> None:
    lines = printed(used_ledger, "export")
    messages = [json.loads(line) for line in lines]
    assert [(m["type"], m["stream"]) for m in messages] == [
        ("SCHEMA", "APInvoiceBatches"),
        ("RECORD", "APInvoiceBatches"),
        ("SCHEMA", "APVendors"),
        ("RECORD", "APVendors"),
    ]
    assert messages[2]["key_properties"] == ["CompanyID", "VendorNumber"]
    assert '"TaxTotal":12.9' in lines[1]
    assert messages[3]["record"]["_from_ledger"]["identifier"] == "sage300:SAMINC:Vendor:2"
    messages[3]["record"]["StartDate"] = "2026-01-31"
    result = used_ledger.run([*messages, *singer.vendors(singer.vendor("5"))])
    assert result.code == 0
    assert used_ledger.by_source("proc_vendor")["2"]["start_date"] == "2026-01-31"
    [invoice] = used_ledger.rows("sn_apo_invoice")
    assert invoice["tax_amount"] == "12.9"
    assert used_ledger.rejects() == {}
    assert printed(used_ledger, "export") == []


def test_an_exported_part_of_a_batch_cancels_nothing(instance: Instance, singer: Singer) -> None:
    """An export holds only the rejected entries of a batch; the others are not gone."""
    lines = [{"LineNumber": n, "GLAccount": "6000", "DistributedAmount": 5} for n in (1, 2)]
    entries = [
        {"VendorNumber": "1", "InvoiceDetails": lines},
        {"VendorNumber": "5", "InvoiceDetails": lines},
        {"VendorNumber": "6", "InvoiceDetails": lines},
    ]
    vendor, account = singer.vendors(singer.vendor("1")), singer.accounts(singer.account("6000"))
    assert instance.run([*vendor, *account, *singer.batches(singer.batch(1, *entries))]).code == 0
    assert instance.by_key("sn_apo_invoice").keys() == {"1:1"}
    before = instance.by_key("sn_apo_invoice_line")
    assert before.keys() == {"1:1:1", "1:1:2"}
    exported = printed(instance, "export")
    assert len(exported) == 1 + 2 + 4

    blank = {"on_missing_reference": "blank"}
    assert instance.run([f"{line}\n" for line in exported], **blank).code == 0
    invoices = instance.by_key("sn_apo_invoice")
    assert {key: row["state"] for key, row in invoices.items()} == dict.fromkeys(
        ("1:1", "1:2", "1:3"), "open"
    )
    rows = instance.by_key("sn_apo_invoice_line")
    assert rows.keys() == {f"1:{entry}:{line}" for entry in (1, 2, 3) for line in (1, 2)}
    assert {row["amount"] for row in rows.values()} == {"5"}
    assert {key: rows[key] for key in before} == before
    # Only their vendors are still missing.
    assert {key: outcome for key, (outcome, _) in instance.rejects().items()} == {
        "2": "created",
        "3": "created",
    }


def test_a_record_rejected_again_is_exported_again(instance: Instance, singer: Singer) -> None:
    bad = singer.vendors(singer.vendor("2", StartDate="soon"))
    assert instance.run(bad).code == 0
    first = printed(instance, "export")
    assert instance.run([f"{line}\n" for line in first]).code == 0
    assert printed(instance, "export") == first


def test_an_exported_record_without_a_key_is_the_same_row(
    instance: Instance, singer: Singer
) -> None:
    columns = {"n": "string", "d": "glide_date", "correlation_id": "string"}
    with suppress(ValueError):  # the instance keeps its tables between tests
        instance.sandbox.servicenow.define_table("u_loose", columns)
    properties = {"n": {}, "d": {"type": "string", "format": "date"}}
    schema = singer.stream_schema("u_loose", properties, [])
    record = singer.record("u_loose", {"n": "1", "d": "soon"})
    assert instance.run([schema, record], unmapped_streams="passthrough").code == 0
    exported = [f"{line}\n" for line in printed(instance, "export")]
    assert instance.run(exported, unmapped_streams="passthrough").code == 0
    assert len(instance.rejects()) == 1


def test_commands_during_a_run(used_ledger: Instance) -> None:
    writer = sqlite3.connect(used_ledger.ledger, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute(
        "INSERT INTO runs (started, status, mode, mapping) VALUES ('2026', 'running', 'apply', 'm')"
    )
    writer.execute("DELETE FROM rejects")
    try:
        assert [run["run"] for run in data(used_ledger, "runs")] == [3, 2, 1]
        assert len(data(used_ledger, "rejects")) == 2
        assert printed(used_ledger, "explain", "2") != []
        assert len(printed(used_ledger, "export")) == 4
        writer.execute("COMMIT")
        assert [run["run"] for run in data(used_ledger, "runs")] == [4, 3, 2, 1]
        assert data(used_ledger, "rejects") == []
    finally:
        writer.close()


def test_commands_change_nothing(used_ledger: Instance) -> None:
    tables = ("runs", "counts", "outcomes", "records", "rejects", "schemas")
    before = {table: used_ledger.query(f"SELECT * FROM {table}") for table in tables}
    for words in (["runs"], ["changes"], ["explain", "1"], ["rejects"], ["export"]):
        printed(used_ledger, *words)
    assert {table: used_ledger.query(f"SELECT * FROM {table}") for table in tables} == before


@pytest.mark.parametrize("content", [None, b"", b"notes instead of a ledger " * 40])
@pytest.mark.parametrize(
    "words", [["runs"], ["changes"], ["explain", "1"], ["rejects"], ["export"]], ids=str
)
def test_a_file_that_is_not_a_ledger(
    instance: Instance, content: bytes | None, words: list[str]
) -> None:
    if content is not None:
        instance.ledger.write_bytes(content)
    result = ledger(instance, *words)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Traceback" not in result.stderr
    assert result.stderr.startswith(f"Error: {instance.ledger} is not a ledger (")
    assert result.stderr.endswith("): give the file named by the setting ledger_path as --ledger\n")
    assert result.stderr.count("\n") == 1
    assert instance.ledger.exists() == (content is not None)


def test_help_shows_an_example(instance: Instance) -> None:
    for name in ("runs", "changes", "explain", "rejects", "export"):
        shown = CliRunner().invoke(
            TargetServiceNow.get_singer_command(), ["ledger", name, "--help"]
        )
        assert shown.exit_code == 0
        assert f"Example: target-servicenow ledger {name}" in shown.stdout
    assert instance.take_counters()["calls"] == 0


def test_old_entries_are_deleted_when_a_run_starts(used_ledger: Instance) -> None:
    with sqlite3.connect(used_ledger.ledger) as writer:
        writer.execute("UPDATE outcomes SET at = '2020-01-01T00:00:00Z' WHERE run = 1")
    writer.close()
    before = len(used_ledger.query("SELECT * FROM outcomes"))
    old = len(used_ledger.query("SELECT * FROM outcomes WHERE run = 1"))
    assert used_ledger.run([], ledger_keep_days=30).code == 0
    assert f"{old} entries older than 30 days were deleted from the ledger (ledger_keep_days)" in (
        used_ledger.logged("INFO")
    )
    runs = {run for (run,) in used_ledger.query("SELECT run FROM outcomes")}
    assert 1 not in runs
    assert len(used_ledger.query("SELECT * FROM outcomes WHERE run < 4")) == before - old
    assert used_ledger.rejects().keys() == {"2", "1"}  # still held or rejected
    assert len(used_ledger.query("SELECT * FROM runs")) == 4
