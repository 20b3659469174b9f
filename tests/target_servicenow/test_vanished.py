"""Rows whose record vanished before it was final are listed for a person, and left alone."""

from __future__ import annotations

import json
import typing as t

import pytest
from click.testing import CliRunner

from target_servicenow.api.oauth import BasicAuth
from target_servicenow.api.session import Connection, Session
from target_servicenow.ledger.writer import LedgerWriter
from target_servicenow.loader import Loader
from target_servicenow.target import TargetServiceNow
from target_servicenow.upsert.upserter import Policy, Upserter

if t.TYPE_CHECKING:
    from conftest import Instance, Singer

INVOICES = "sn_apo_invoice"
REASON = (
    "sage300:SAMINC:Invoice:{} vanished from the source before it was final, so it was either "
    "posted and cleared from history, or deleted: find out which, correct the row in ServiceNow, "
    "and take it off the list with target-servicenow ledger rejects --drop"
)


def vanish(instance: Instance, singer: Singer, number: object, **changes: t.Any) -> int:
    """A run in which the tap says that a batch vanished; how many rows were listed."""
    session = Session(
        Connection(instance.config["instance_url"]), BasicAuth("integration", "sandbox")
    )
    entry = {"CompanyID": "SAMINC", "Stream": "APInvoiceBatches", "Key": str(number)}
    ledger = LedgerWriter(instance.ledger)
    ledger.start(mode="apply", mapping="default")
    try:
        upserter = Upserter([session], singer.profile, {}, Policy())
        loader = Loader(singer.profile, upserter, ledger, max_rejects=None)
        listed = loader.vanished({**entry, "Event": "batch_vanished", **changes})
        ledger.finish(status="finished", calls=0)
    finally:
        ledger.close()
    return listed


def command(instance: Instance, *words: str) -> str:
    arguments = ["ledger", "--ledger", str(instance.ledger), *words]
    result = CliRunner().invoke(TargetServiceNow.get_singer_command(), arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


@pytest.fixture
def loaded(instance: Instance, singer: Singer) -> Instance:
    """Three open batches of two invoices with a line; in the second, one waits for its vendor."""
    line = {"InvoiceDetails": [{"LineNumber": 1}]}
    batches = [
        singer.batch(1, line, line),
        singer.batch(2, line, {"VendorNumber": "5", **line}),
        singer.batch(11, line),
    ]
    assert instance.run(singer.batches(*batches)).code == 0
    return instance


def test_open_invoices_are_listed(loaded: Instance, singer: Singer) -> None:
    """Kind: posted and cleared from history between two runs, it stays open without a word."""
    before = loaded.rows(INVOICES)
    assert vanish(loaded, singer, 1) == 2
    listed = {row["identifier"]: row for row in json.loads(command(loaded, "rejects", "--json"))}
    assert {name for name, row in listed.items() if row["cause"] == "vanished"} == {
        "sage300:SAMINC:Invoice:1:1",
        "sage300:SAMINC:Invoice:1:2",
    }
    assert listed["sage300:SAMINC:Invoice:1:1"]["reason"] == REASON.format(1)
    assert listed["sage300:SAMINC:Invoice:1:1"]["outcome"] == "held"
    for _ in range(2):  # nothing but a person ends it
        assert loaded.run([]).code == 0
    assert loaded.rows(INVOICES) == before
    assert len(json.loads(command(loaded, "rejects", "--cause", "vanished", "--json"))) == 2
    command(loaded, "rejects", "--cause", "vanished", "--drop", "--reason", "posted in period 11")
    assert json.loads(command(loaded, "rejects", "--cause", "vanished", "--json")) == []
    assert vanish(loaded, singer, 1) == 2  # the tap may say so again
    assert json.loads(command(loaded, "rejects", "--cause", "vanished", "--json")) == []


def test_a_held_invoice_is_not_created_from_its_old_record(
    loaded: Instance, singer: Singer
) -> None:
    assert vanish(loaded, singer, 2) == 1 + 2  # the held invoice's line waits, too
    assert loaded.run(singer.vendors(singer.vendor("5"))).code == 0
    assert loaded.by_key(INVOICES).keys() == {"1:1", "1:2", "2:1", "11:1"}
    exported = [json.loads(line) for line in command(loaded, "export").splitlines()]
    records = [m["record"] for m in exported if m["type"] == "RECORD"]
    assert len(records) == 2
    # Whoever knows that it was posted can bring it in.
    for record in records:
        record["BatchStatus"] = "Posted"
    assert loaded.run(exported).code == 0
    assert loaded.by_key(INVOICES)["2:2"]["state"] == "posted"


def test_a_batch_that_is_there_again(loaded: Instance, singer: Singer) -> None:
    assert vanish(loaded, singer, 1) == 2
    again = singer.batches(singer.batch(1, {}, {}, BatchStatus="Posted"))
    assert loaded.run(again).code == 0
    assert json.loads(command(loaded, "rejects", "--cause", "vanished", "--json")) == []
    states = {key: row["state"] for key, row in loaded.by_key(INVOICES).items()}
    assert (states["1:1"], states["1:2"]) == ("posted", "posted")


def test_cancelled_invoices_are_final(loaded: Instance, singer: Singer) -> None:
    assert loaded.run(singer.batches(singer.batch(1, {}))).code == 0  # the second one is gone
    assert vanish(loaded, singer, 1) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"Event": "record_left_out"},
        {"Event": None},
        {"Stream": "APVendors"},
        {"Stream": "unknown"},
        {"CompanyID": "OTHER"},
        {"CompanyID": None},
        {"Key": ""},
        {"Key": "3"},
        {"Key": "1 1 1"},
    ],
    ids=str,
)
def test_other_entries_of_the_log(
    loaded: Instance, singer: Singer, changes: dict[str, t.Any]
) -> None:
    before = loaded.query("SELECT * FROM rejects")
    assert vanish(loaded, singer, 1, **changes) == 0
    assert loaded.query("SELECT * FROM rejects") == before
