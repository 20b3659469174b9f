"""Rejects can end: by what is read later, or by a person; only new ones count."""

from __future__ import annotations

import json
import typing as t

import pytest
from click.testing import CliRunner

from target_servicenow.ledger import file
from target_servicenow.target import TargetServiceNow

if t.TYPE_CHECKING:
    from click.testing import Result
    from conftest import Instance, Singer

NONE = {"max_rejects": 0}


def rejects(instance: Instance, *words: str) -> Result:
    command = TargetServiceNow.get_singer_command()
    arguments = ["ledger", "--ledger", str(instance.ledger), "rejects", *words]
    return CliRunner().invoke(command, arguments)


def dropped(instance: Instance) -> list[tuple[str, str, str]]:
    """Rows that ended: the end of the identifier, cause and reason."""
    rows = instance.query(
        "SELECT identifier, cause, reason FROM outcomes WHERE outcome = 'dropped' ORDER BY number"
    )
    return [(name.rpartition(":")[2], cause, reason) for name, cause, reason in rows]


def sweep(
    singer: Singer, version: int, *records: dict[str, t.Any], stream: str = "APVendors"
) -> list[dict[str, t.Any]]:
    """A complete read of a stream."""
    end = {"type": "ACTIVATE_VERSION", "stream": stream, "version": version}
    return [singer.schema(stream), *({**r, "version": version} for r in records), end]


def bad(singer: Singer, number: object) -> dict[str, t.Any]:
    return singer.vendor(number, StartDate="soon")


def test_only_new_rejects_count(instance: Instance, singer: Singer) -> None:
    """Kind: with max_rejects, one old reject fails every later run."""
    first = singer.vendors(bad(singer, "1"), bad(singer, "2"), singer.vendor("3"))
    assert instance.run(first).code == 0
    for messages in ([], singer.vendors(bad(singer, "1"))):  # retried, and read again
        result = instance.run([*messages, singer.state(1)], **NONE)
        assert (result.code, result.states) == (0, [1])
    result = instance.run(singer.vendors(bad(singer, "4"), bad(singer, "2")), **NONE)
    assert result.code == 1
    assert result.errors[0].startswith("More rows were rejected (1) than max_rejects allows (0): ")


def test_a_run_that_stopped_has_accepted_nothing(instance: Instance, singer: Singer) -> None:
    """Kind: the scheduler's next run goes on past the same records, with nobody having looked."""
    messages = [*singer.vendors(bad(singer, "1")), singer.state(1)]
    for _ in range(3):
        result = instance.run(messages, **NONE)
        assert (result.code, result.states) == (1, [])
    assert instance.run([*singer.vendors(singer.vendor("2")), singer.state(1)], **NONE).code == 0
    assert instance.rejects().keys() == {"1"}


def test_a_held_row_that_is_rejected_counts(instance: Instance, singer: Singer) -> None:
    batch = singer.batches(singer.batch(1, {"VendorNumber": "5"}))
    assert instance.run(batch).code == 0
    refuse = {"table": "sn_apo_invoice", "action": "fail", "when": "state=open", "status": 403}
    instance.behave(business_rules=[refuse])
    assert instance.run(singer.vendors(singer.vendor("5")), **NONE).code == 1


def test_a_record_that_a_complete_read_does_not_bring(instance: Instance, singer: Singer) -> None:
    """Kind: a vendor rejected once and deleted in Sage 300 is retried and counted for ever."""
    vendors = [singer.vendor(n) for n in range(20)]
    keyless = singer.vendor("", VendorName="Nobody")
    held = singer.vendor("h", GLAccount="9")
    first = sweep(singer, 1, *vendors, bad(singer, "a"), bad(singer, "b"), keyless, held)
    assert instance.run(first).code == 0
    assert len(instance.rejects()) == 4
    other = singer.vendors(singer.vendor("x", CompanyID="OTHER", StartDate="soon"))
    assert instance.run(other).code == 0
    result = instance.run([*sweep(singer, 2, *vendors, bad(singer, "b")), singer.state(1)], **NONE)
    assert (result.code, result.states) == (0, [1])
    assert instance.rejects().keys() == {"b", "x"}, "of the other company nothing was read"
    assert {name: rest for name, *rest in dropped(instance)} == {
        name: ["gone", "a complete read did not bring it"]
        for name in ("a", "h", dropped_keyless(instance))
    }
    result = instance.run(sweep(singer, 3, *vendors, bad(singer, "a"), bad(singer, "b")), **NONE)
    assert result.code == 1, "it came again, so it is new"


def dropped_keyless(instance: Instance) -> str:
    [name] = [name for name, *_ in dropped(instance) if name.startswith("(no key) ")]
    return name


def test_rows_of_this_run_outside_the_complete_read(instance: Instance, singer: Singer) -> None:
    """A record of an ordinary window came too, so it is there."""
    assert instance.run(sweep(singer, 1, *map(singer.vendor, range(5)))).code == 0
    ordinary = singer.vendors(bad(singer, "a"))
    read = [*ordinary, *sweep(singer, 2, *map(singer.vendor, range(5)))[1:]]
    assert instance.run(read).code == 0
    assert instance.rejects().keys() == {"a"}


@pytest.mark.parametrize("created", [True, False])
def test_a_read_that_may_have_been_cut_short(
    instance: Instance, singer: Singer, *, created: bool
) -> None:
    """Waiting rows are as easily lost as rows are set inactive by mistake."""
    make = singer.vendor if created else (lambda n: bad(singer, n))
    rejected = [bad(singer, f"r{n}") for n in range(3)]
    every = [make(n) for n in range(20)]
    assert instance.run(sweep(singer, 1, singer.vendor("z"), *every, *rejected)).code == 0
    before = instance.rejects().keys()
    assert instance.run(sweep(singer, 2, singer.vendor("z"))).code == 0
    assert instance.rejects().keys() >= before
    assert dropped(instance) == []


def test_an_account_without_a_cost_centre_any_more(instance: Instance, singer: Singer) -> None:
    """Rows of every table of a stream end, those that are never set inactive too."""
    rule = {"tables": {"itfm_gl_accounts": {"when_gone": None}}}
    accounts = [singer.account(str(n)) for n in range(10)]
    wrong = singer.account("a", DateCreated="soon")
    first = sweep(singer, 1, *accounts, wrong, stream="GLAccounts")
    assert instance.run(first, mapping_overrides=rule).code == 0
    assert instance.rejects().keys() == {"a"}
    again = sweep(singer, 2, *accounts, stream="GLAccounts")
    assert instance.run(again, mapping_overrides=rule).code == 0
    assert instance.rejects() == {}


@pytest.mark.parametrize("changes", [{}, {"City": "Delft", "DateLastMaintained": "2026-11-20"}])
def test_a_record_corrected_under_a_key(
    instance: Instance, singer: Singer, changes: dict[str, str]
) -> None:
    """Kind: rejected for its missing key, then given one; the old record never gets one."""
    nameless = singer.vendor("", VendorName="Acme", DateLastMaintained="2026-11-01")
    assert instance.run(singer.vendors(nameless)).code == 0
    corrected = singer.vendor("77", **{**nameless["record"], "VendorNumber": "77", **changes})
    assert instance.run(singer.vendors(corrected), **NONE).code == 0
    assert instance.rejects() == {}
    [(_, cause, reason)] = dropped(instance)
    assert (cause, reason) == (
        "corrected",
        "its record was read again with a key: it is sage300:SAMINC:Vendor:77 now",
    )


def test_another_record_of_the_same_name(instance: Instance, singer: Singer) -> None:
    """A vendor that was known before, or is another company's, is not the one without a number."""
    acme = {"VendorName": "Acme"}
    known = singer.vendor("1", **acme)
    assert instance.run(singer.vendors(known, singer.vendor("", **acme))).code == 0
    theirs = singer.vendor("9", CompanyID="OTHER", **acme)
    assert instance.run(singer.vendors(known, theirs)).code == 0
    assert len(instance.rejects()) == 1


def test_an_entry_corrected_under_a_key(instance: Instance, singer: Singer) -> None:
    entries = [{"DocumentNumber": "A"}, {"DocumentNumber": "B", "EntryNumber": None}]
    assert instance.run(singer.batches(singer.batch(1, *entries))).code == 0
    assert len(instance.rejects()) == 1
    entries[1]["EntryNumber"] = 2
    assert instance.run(singer.batches(singer.batch(1, *entries))).code == 0
    assert instance.rejects() == {}
    assert instance.by_key("sn_apo_invoice").keys() == {"1:1", "1:2"}


def test_a_batch_that_does_not_show_its_entries(instance: Instance, singer: Singer) -> None:
    """An absent list says nothing about an entry without a number."""
    batch = singer.batch(1, {"EntryNumber": None})
    assert instance.run(singer.batches(batch)).code == 0
    before = instance.rejects()
    absent = singer.batch(1)
    del absent["record"]["Invoices"]
    assert instance.run(singer.batches(absent)).code == 0
    assert instance.rejects() == before != {}
    changed = singer.batch(1, {"EntryNumber": None, "DocumentNumber": "other"})
    assert instance.run(singer.batches(changed)).code == 0
    assert len(instance.rejects()) == 1, "the newer version of the entry waits instead"
    assert instance.rejects().keys() != before.keys()


def test_a_whole_record_corrected(instance: Instance, singer: Singer) -> None:
    broken = singer.batch(1)
    broken["record"]["Invoices"] = "none"
    other = singer.batch(2)
    other["record"]["Invoices"] = "none"
    assert instance.run(singer.batches(broken, other)).code == 0
    assert len(instance.rejects()) == 2
    assert instance.run(singer.batches(singer.batch(1, {"InvoiceDetails": []}))).code == 0
    assert len(instance.rejects()) == 1


def test_an_exported_record_corrected_under_a_key(instance: Instance, singer: Singer) -> None:
    assert instance.run(singer.vendors(singer.vendor("", VendorName="Acme"))).code == 0
    command = TargetServiceNow.get_singer_command()
    exported = CliRunner().invoke(command, ["ledger", "--ledger", str(instance.ledger), "export"])
    messages = [json.loads(line) for line in exported.stdout.splitlines()]
    messages[1]["record"] |= {"VendorNumber": "77", "VendorName": "Acme Ltd"}
    assert instance.run(messages, **NONE).code == 0
    assert instance.by_source("proc_vendor").keys() == {"77"}
    assert instance.rejects() == {}
    assert [cause for _, cause, _ in dropped(instance)] == ["corrected"]


def test_dropping(instance: Instance, singer: Singer) -> None:
    vendors = singer.vendors(*(bad(singer, n) for n in ("1", "2", "3")))
    assert (
        instance.run([*vendors, *singer.batches(singer.batch(1, {"VendorNumber": "9"}))]).code == 0
    )
    result = rejects(
        instance, "Vendor:1", "sage300:SAMINC:Vendor:2", "--drop", "--reason", "test data"
    )
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        f"proc_vendor sage300:SAMINC:Vendor:{n} was dropped: test data" for n in (1, 2)
    ]
    assert dropped(instance) == [("1", "record", "test data"), ("2", "record", "test data")]
    listed = json.loads(rejects(instance, "--json").stdout)
    assert [row["identifier"].rpartition(":")[2] for row in listed] == ["3", "1"]
    explained = CliRunner().invoke(
        TargetServiceNow.get_singer_command(),
        ["ledger", "--ledger", str(instance.ledger), "explain", "sage300:SAMINC:Vendor:2"],
    )
    assert explained.stdout.endswith(": dropped (record)\n    test data\n")

    # It stays dropped while its record is the same, and is tried again when it is not.
    instance.take_counters()
    assert instance.run([*vendors, singer.state(1)], **NONE).states == [1]
    assert instance.counts("proc_vendor") == {"rejected": 1}
    assert len(dropped(instance)) == 2
    assert json.loads(rejects(instance, "--json").stdout) != []
    changed = singer.vendors(singer.vendor("1", StartDate="later"), singer.vendor("2"))
    assert instance.run(changed, **NONE).code == 1
    assert instance.run(changed).code == 0
    assert instance.by_source("proc_vendor").keys() == {"2"}
    assert instance.rejects().keys() == {"1", "3"}


def test_dropping_by_cause(instance: Instance, singer: Singer) -> None:
    batch = singer.batch(1, {"VendorNumber": "9"}, {"VendorNumber": "8"})
    assert instance.run([*singer.vendors(bad(singer, "1")), *singer.batches(batch)]).code == 0
    assert len(json.loads(rejects(instance, "--cause", "reference", "--json").stdout)) == 2
    result = rejects(instance, "--cause", "reference", "--drop", "--reason", "never paid")
    assert result.exit_code == 0
    assert [row["cause"] for row in json.loads(rejects(instance, "--json").stdout)] == ["record"]
    assert instance.run(singer.vendors(singer.vendor("9"))).code == 0
    assert instance.rows("sn_apo_invoice") == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["1", "--drop"], "--drop needs a --reason, which stays in the rows' history"),
        (
            ["1", "--drop", "--reason", " "],
            "--drop needs a --reason, which stays in the rows' history",
        ),
        (
            ["--drop", "--reason", "x"],
            "--drop needs to know which rows: give their source identifiers, or a --cause",
        ),
        (
            ["Vendor:1", "9", "--drop", "--reason", "x"],
            (
                "No such row waits: 9; none was dropped. List those that do with target-servicenow "
                "ledger rejects"
            ),
        ),
        (
            ["1", "--drop", "--reason", "x"],
            (
                "Several rows have a source identifier that ends in 1; none was dropped: give full "
                "source identifiers"
            ),
        ),
    ],
)
def test_dropping_that_is_refused(
    instance: Instance, singer: Singer, words: list[str], sentence: str
) -> None:
    messages = [
        *singer.vendors(bad(singer, "1")),
        *singer.accounts(singer.account("1", DateCreated="x")),
    ]
    assert instance.run(messages).code == 0
    before = instance.query("SELECT * FROM rejects")
    result = rejects(instance, *words)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"Error: {sentence}\n")
    assert instance.query("SELECT * FROM rejects") == before
    assert dropped(instance) == []


def test_dropping_during_a_run(instance: Instance, singer: Singer) -> None:
    assert instance.run(singer.vendors(bad(singer, "1"))).code == 0
    held = file.lock(instance.ledger)
    try:
        result = rejects(instance, "1", "--drop", "--reason", "x")
    finally:
        held.close()
    assert (result.exit_code, result.stderr) == (
        1,
        (
            f"Error: Another run is using the ledger {instance.ledger} (ledger_path): wait until "
            "it ends, then run again\n"
        ),
    )
    assert instance.rejects().keys() == {"1"}
