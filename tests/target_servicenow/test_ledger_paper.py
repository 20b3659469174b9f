"""``ledger`` as it is read in the morning: exact text, 80 columns wide, of ledgers of real runs."""

from __future__ import annotations

import json
import textwrap
import typing as t

import pytest
from click.testing import CliRunner

from target_servicenow.target import TargetServiceNow

if t.TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result
    from conftest import Instance, Singer

LOG = "Sage300ReadLog"
WIDTH = 80


def call(*words: str) -> Result:
    return CliRunner().invoke(TargetServiceNow.get_singer_command(), words)


def printed(instance: Instance, *words: str) -> str:
    result = call("ledger", "--ledger", str(instance.ledger), *words)
    assert (result.exit_code, result.stderr) == (0, "")
    assert [line for line in result.stdout.splitlines() if len(line) > WIDTH] == []
    return result.stdout


def text(block: str) -> str:
    return textwrap.dedent(block).lstrip("\n")


def event(singer: Singer, number: int, name: str, **facts: t.Any) -> dict[str, t.Any]:
    at = f"2026-11-20T03:00:0{number}+01:00"
    head = {"CompanyID": "SAMINC", "RunID": "r", "EventNumber": number, "OccurredAt": at}
    return singer.record(LOG, {**head, "Event": name, **facts})


@pytest.fixture
def nights(instance: Instance, singer: Singer) -> Instance:
    """A first load with a tap's log, a night with a change, a plan, and a run that was stopped."""
    first = [
        singer.stream_schema(LOG, {}, ["RunID", "EventNumber"]),
        event(singer, 1, "run_started", CompanyID=""),
        *singer.vendors(
            singer.vendor("1", VendorName="Acme Ltd", City="Delft"),
            singer.vendor("2", VendorName="Müller & Söhne GmbH", StartDate="soon"),
        ),
        event(singer, 2, "timeout", Stream="APVendors", Message="no answer", WaitSeconds=4),
        event(singer, 3, "read", Stream="APVendors", IsWhole=True, Records=2),
        event(singer, 4, "retry", Stream="APVendors", CompanyID="SAMLTD", Message="502"),
        event(singer, 5, "retry", Stream="APInvoiceBatches", Message="502", WaitSeconds=1),
        event(singer, 6, "batch_vanished", Stream="APInvoiceBatches", Key="9"),
        event(singer, 7, "read", Stream="GLAccounts", CompanyID="SAMLTD", IsWhole=False),
        *singer.batches(
            singer.batch(
                7,
                {"VendorNumber": "1", "DocumentTotalIncludingTax": "70", "CurrencyCode": "CAD"},
                {"VendorNumber": "5", "DocumentTotalIncludingTax": "9.5", "CurrencyCode": "EUR"},
            )
        ),
        event(singer, 8, "run_ended", CompanyID="", Status="finished", Calls=1234, CallsLeft=66),
    ]
    assert instance.run(first).code == 0
    acme = {"VendorName": "Acme Ltd", "City": "Gouda"}
    night = singer.vendors(singer.vendor("1", **acme, Country="NL"))
    assert instance.run(night).code == 0
    plan = singer.vendors(singer.vendor("1", **{**acme, "City": ""}), singer.vendor("3"))
    assert instance.run(plan, mode="plan").code == 0
    assert instance.run([*singer.vendors(singer.vendor("4")), "no JSON\n"]).code == 1
    with instance.writing() as ledger:
        ledger.execute(
            "UPDATE runs SET started = '2026-11-1' || run || 'T02:00:00Z',"
            " finished = '2026-11-1' || run || 'T02:01:05Z', calls = run * 1000"
        )
        ledger.execute("UPDATE outcomes SET at = '2026-11-1' || run || 'T02:00:30Z'")
    return instance


def test_runs(nights: Instance) -> None:
    """Kind: duration, calls and totals that a person has to work out."""
    assert printed(nights, "runs") == text(
        """
        Run 4, 14 Nov 2026, 02:00 UTC: stopped after 1 min 5 s
          Line 3 of the input is not JSON: check that what is piped in is a Singer tap's
            output
          calls: 4,000 to ServiceNow

        Plan 3, 13 Nov 2026, 02:00 UTC: finished after 1 min 5 s
          proc_vendor: 1 created, 1 updated, 1 rejected
          sn_apo_invoice: 1 held
          calls: 3,000 to ServiceNow

        Run 2, 12 Nov 2026, 02:00 UTC: finished after 1 min 5 s
          proc_vendor: 1 updated, 1 rejected
          sn_apo_invoice: 1 held
          calls: 2,000 to ServiceNow

        Run 1, 11 Nov 2026, 02:00 UTC: finished after 1 min 5 s
          proc_vendor: 1 created, 1 rejected
          sn_apo_invoice: 1 created, 1 held
          calls: 1,234 to Sage 300 (66 left), 1,000 to ServiceNow
          reading Sage 300: 1 timeout; 2 retries; 1 batch vanished; not read whole:
            GLAccounts of SAMLTD
        """
    )


def test_changes(nights: Instance) -> None:
    """Kind: keys without names, references without either, blank columns one by one."""
    assert printed(nights, "changes") == "Run 4, 14 Nov 2026, 02:00 UTC: no row changed\n"
    second = text(
        """
        Run 2, 12 Nov 2026, 02:00 UTC: 1 row changed
          updated Vendor 1 of SAMINC, Acme Ltd
            country: NL
            city: Delft → Gouda
        """
    )
    assert printed(nights, "changes", "--run", "2") == second
    first = text(
        """
        Run 1, 11 Nov 2026, 02:00 UTC: 2 rows changed
          created Vendor 1 of SAMINC, Acme Ltd
            name: Acme Ltd; vendor_number: 1; active: true; city: Delft; company_code:
              SAMINC
          created Invoice 7 / 1 of SAMINC, IN-7-1
            invoice_number: IN-7-1; state: open; currency: CAD; total_amount: 70;
              batch_number: 7; entry_number: 1; company_code: SAMINC; vendor: Vendor 1
              of SAMINC, Acme Ltd
        """
    )
    assert printed(nights, "changes", "--run", "1") == first
    none = "Run 4, 14 Nov 2026, 02:00 UTC: no row changed\n"
    assert printed(nights, "changes", "--since", "2026-11-11") == f"{none}\n{second}\n{first}"
    # A run that was still at work then counts, and a plan changes nothing.
    assert printed(nights, "changes", "--since", "2026-11-12T02:01") == f"{none}\n{second}"
    assert printed(nights, "changes", "--since", "2026-12-01") == (
        "No run since 2026-12-01T00:00:00Z\n"
    )
    assert printed(nights, "changes", "--run", "3") == text(
        """
        Plan 3, 13 Nov 2026, 02:00 UTC: 2 rows would be changed
          updated Vendor 1 of SAMINC, Acme Ltd
            city: Gouda → (blank)
          created Vendor 3 of SAMINC, Vendor 3
            name: Vendor 3; vendor_number: 3; active: true; company_code: SAMINC
        """
    )


def test_changes_as_json(nights: Instance) -> None:
    [row] = json.loads(printed(nights, "changes", "--run", "2", "--json"))
    assert (row["name"], row["identifier"]) == ("Acme Ltd", "sage300:SAMINC:Vendor:1")
    assert row["changes"]["city"] == {"old": "Delft", "new": "Gouda"}


def test_a_long_list_is_cut(instance: Instance, singer: Singer) -> None:
    """Kind: a first load of thousands of rows, printed whole."""
    vendors = [singer.vendor(n, VendorName="x" * 100) for n in range(33)]
    rejected = [singer.vendor(f"R{n}", StartDate="soon") for n in range(12)]
    assert instance.run(singer.vendors(*vendors, *rejected)).code == 0
    lines = printed(instance, "changes").splitlines()
    assert lines[-1] == "  and 3 more: ledger changes --run 1 --all"
    assert sum(line.startswith("  created ") for line in lines) == 30
    everything = printed(instance, "changes", "--run", "1", "--all")
    assert everything.count("  created ") == 33
    lines = printed(instance, "rejects").splitlines()
    assert lines[-1] == "  and 2 more: ledger rejects --cause record --all"
    assert printed(instance, "rejects", "--all").count(": rejected since run 1") == 12
    lines = printed(instance, "explain", "xxx").splitlines()
    assert lines[-1] == "and 23 more records: give more of the name, or add --all"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["changes", "--run", "9"],
            "The ledger holds no run 9: list its runs with target-servicenow ledger runs",
        ),
        (["changes", "--run", "1", "--since", "2026-11-11"], "Give --run or --since, not both"),
    ],
)
def test_what_cannot_be_shown(nights: Instance, words: list[str], sentence: str) -> None:
    result = call("ledger", "--ledger", str(nights.ledger), *words)
    assert result.exit_code > 0
    assert result.stderr.endswith(f"Error: {sentence}\n")


def test_explain(nights: Instance) -> None:
    """Kind: a record found by what a person has in hand, and what happened as it was read."""
    [row] = nights.rows("proc_vendor")
    expected = text(
        f"""
        Vendor 1 of SAMINC, Acme Ltd
          sage300:SAMINC:Vendor:1 in proc_vendor
          sys_id {row["sys_id"]}
          last seen in run 2
          run 1, 11 Nov 2026, 02:00 UTC: created
            name: Acme Ltd; vendor_number: 1; active: true; city: Delft; company_code:
              SAMINC
            Sage 300, 02:00:02 UTC: timeout, APVendors of SAMINC; no answer; tried again
              after 4 s
          run 2, 12 Nov 2026, 02:00 UTC: updated
            country: NL
            city: Delft → Gouda
          run 3 (plan), 13 Nov 2026, 02:00 UTC: updated
            city: Gouda → (blank)
        """
    )
    for key in ("Acme Ltd", "acme", row["sys_id"], "Vendor:1", "sage300:SAMINC:Vendor:1"):
        assert printed(nights, "explain", key) == expected


@pytest.mark.parametrize("key", ["IN-7-1", "in-7-1", "7:1"])
def test_explain_an_invoice(nights: Instance, key: str) -> None:
    [row] = nights.rows("sn_apo_invoice")
    assert printed(nights, "explain", key) == text(
        f"""
        Invoice 7 / 1 of SAMINC, IN-7-1
          sage300:SAMINC:Invoice:7:1 in sn_apo_invoice
          sys_id {row["sys_id"]}
          last seen in run 1
          run 1, 11 Nov 2026, 02:00 UTC: created
            invoice_number: IN-7-1; state: open; currency: CAD; total_amount: 70;
              batch_number: 7; entry_number: 1; company_code: SAMINC; vendor: Vendor 1
              of SAMINC, Acme Ltd
            Sage 300, 02:00:05 UTC: retry, APInvoiceBatches of SAMINC; 502; tried again
              after 1 s
        """
    )


@pytest.mark.parametrize("key", ["MÜLLER", "Müller & Söhne GmbH", "Vendor:2"])
def test_explain_what_was_never_written(nights: Instance, key: str) -> None:
    """Kind: a name that only the record that waits has."""
    assert printed(nights, "explain", key).splitlines()[:9] == [
        "Vendor 2 of SAMINC, Müller & Söhne GmbH",
        "  sage300:SAMINC:Vendor:2 in proc_vendor",
        "  sys_id none",
        "  last seen in run 2",
        "  waits since run 1: Correct the value named below in Sage 300, or how it is",
        "    mapped. The next run tries again.",
        "  run 1, 11 Nov 2026, 02:00 UTC: rejected (record)",
        "    column start_date: 'soon' is not a valid date",
        "    Sage 300, 02:00:02 UTC: timeout, APVendors of SAMINC; no answer; tried again",
    ]


def test_explain_what_was_sent_again(nights: Instance) -> None:
    """Kind: a write that ServiceNow did not take at once, beside what the tap retried."""
    with nights.writing() as ledger:
        ledger.execute("UPDATE outcomes SET attempts = 2 WHERE run = 2")
    lines = printed(nights, "explain", "Acme Ltd").splitlines()
    assert "  run 2, 12 Nov 2026, 02:00 UTC: updated, sent 2 times" in lines


def test_explain_a_forgotten_row(nights: Instance) -> None:
    """Kind: a row that the ledger only has a history of."""
    printed(nights, "forget", "Vendor:1", "--reason", "ticket 4711")
    lines = printed(nights, "explain", "Acme Ltd").splitlines()
    assert lines[2] == "  sys_id none"
    assert lines[-2].endswith(": forgotten")
    assert lines[-1] == "    ticket 4711"
    assert printed(nights, "explain", "sage300:SAMINC:Vendor:1").splitlines() == lines


def test_rejects(nights: Instance) -> None:
    """Kind: a list of rows that says neither what they are nor what to do."""
    assert printed(nights, "rejects") == text(
        """
        2 rows wait, 1 of which needs a person

        A value does not fit: 1 row (record)
          What to do: Correct the value named below in Sage 300, or how it is mapped.
            The next run tries again.
          Vendor 2 of SAMINC, Müller & Söhne GmbH: rejected since run 1
            proc_vendor sage300:SAMINC:Vendor:2
            column start_date: 'soon' is not a valid date

        They wait for another record: 1 row (reference)
          What happens: Usually nothing: every run tries again, and the record that they
            point at may still come. If they keep waiting, check that it is in Sage 300
            and was not refused itself.
          Invoice 7 / 2 of SAMINC, IN-7-2, 9.50 EUR: held since run 1
            sn_apo_invoice sage300:SAMINC:Invoice:7:2
            vendor points at sage300:SAMINC:Vendor:5, which is not in proc_vendor
        """
    )


def test_what_a_terminal_cannot_show(instance: Instance, singer: Singer) -> None:
    """Kind: a name from Sage that holds control characters, and an output that is not UTF-8."""
    name = "A\x1b[31m\nB 漢"
    assert instance.run(singer.vendors(singer.vendor("1", VendorName=name))).code == 0
    runner = CliRunner(charset="cp1252")
    command = TargetServiceNow.get_singer_command()
    words = ["ledger", "--ledger", str(instance.ledger)]
    changes = runner.invoke(command, [*words, "changes"])
    assert changes.exit_code == 0
    assert "created Vendor 1 of SAMINC, A?[31m B ?" in changes.stdout
    assert instance.run(singer.vendors(singer.vendor("1", VendorName="B"))).code == 0
    assert "A?[31m B ? -> B" in runner.invoke(command, [*words, "changes"]).stdout


@pytest.mark.parametrize("given", ["--config", "--config="])
def test_the_ledger_of_a_configuration(
    nights: Instance, tmp_path: Path, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: Meltano, which puts --config before the command, and settings into the environment."""
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"ledger_path": str(nights.ledger)}), encoding="utf-8")
    option = [f"{given}{config}"] if given.endswith("=") else [given, str(config)]
    expected = printed(nights, "runs", "--limit", "1")
    assert call(*option, "ledger", "runs", "--limit", "1").stdout == expected
    other = str(tmp_path / "other.sqlite")
    monkeypatch.setenv("TARGET_SERVICENOW_LEDGER_PATH", other)
    assert call(*option, "ledger", "runs", "--limit", "1").stdout == expected
    assert call("ledger", "runs").stderr.startswith(f"Error: {other} is not a ledger ")
    monkeypatch.setenv("TARGET_SERVICENOW_LEDGER_PATH", str(nights.ledger))
    assert call("ledger", "runs", "--limit", "1").stdout == expected
    assert call("--config", "ENV", "ledger", "runs", "--limit", "1").stdout == expected


def test_a_configuration_that_cannot_be_read(
    instance: Instance, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = tmp_path / "config.json"
    result = call("--config", str(config), "ledger", "runs")
    assert (result.exit_code, result.stdout) == (1, "")
    assert caplog.messages[-1] == (
        f"Configuration file {config} cannot be read: name a JSON file with the settings"
    )
    config.write_text('{"ledger_path": 7}', encoding="utf-8")
    assert call("--config", str(config), "ledger", "runs").exit_code == 1
    assert caplog.messages[-1] == ("The setting ledger_path must be text: give the path of a file")
    assert not instance.ledger.exists()
