"""The shell pipe: everything arrives once, and a second pass changes nothing."""

from __future__ import annotations

import typing as t
from decimal import Decimal

if t.TYPE_CHECKING:
    from conftest import Pair


def test_everything_arrives_and_a_second_pass_writes_nothing(pair: Pair) -> None:
    first = pair.run()
    assert (first.tap, first.target) == (0, 0), first.errors
    invoices = [
        (batch, entry)
        for batch in pair.sage("APInvoiceBatches")
        if batch["BatchStatus"] != "Deleted"
        for entry in batch["Invoices"]
    ]
    assert len(pair.servicenow("itfm_gl_accounts")) == 50
    assert len(pair.servicenow("proc_vendor")) == 60
    assert len(pair.servicenow("sn_apo_invoice")) == len(invoices) > 20
    before = {
        table: pair.servicenow(table)
        for table in ("itfm_gl_accounts", "proc_vendor", "sn_apo_invoice")
    }

    pair.control.reset_counters()
    second = pair.run(state=first.states[-1])
    assert (second.tap, second.target) == (0, 0), second.errors
    assert pair.writes() == 0
    assert {table: pair.servicenow(table) for table in before} == before


def test_a_morning_of_work_arrives_and_nothing_else_is_written(pair: Pair) -> None:
    state = pair.run().states[-1]
    vendor = pair.sage("APVendors")[3]
    account = pair.sage("GLAccounts")[4]
    batch = next(b for b in pair.sage("APInvoiceBatches") if b["BatchStatus"] == "Open")
    control = pair.control
    control.edit("SAMINC", "APVendors", vendor["VendorNumber"], City="Åbo")
    control.edit("SAMINC", "GLAccounts", account["UnformattedAccount"], Status="Inactive")
    control.post_batch("SAMINC", batch["BatchNumber"])

    pair.control.reset_counters()
    ended = pair.run(state=state)
    assert (ended.tap, ended.target) == (0, 0), ended.errors
    assert pair.writes() == 2 + len(batch["Invoices"])
    vendors = pair.servicenow("proc_vendor")
    assert vendors[f"sage300:SAMINC:Vendor:{vendor['VendorNumber']}"]["city"] == "Åbo"
    accounts = pair.servicenow("itfm_gl_accounts")
    assert (
        accounts[f"sage300:SAMINC:GLAccount:{account['UnformattedAccount']}"]["active"] == "false"
    )
    states = {
        row["state"]
        for row in pair.servicenow("sn_apo_invoice").values()
        if row["batch_number"] == str(batch["BatchNumber"])
    }
    assert states == {"posted"}


def test_two_companies_with_one_vendor_number_are_two_vendors(
    two_companies: Pair,
) -> None:
    ended = two_companies.run()
    assert (ended.tap, ended.target) == (0, 0), ended.errors
    rows = two_companies.servicenow("proc_vendor")
    names = {
        company: {v["VendorNumber"] for v in two_companies.sage("APVendors", company)}
        for company in ("SAMINC", "SAMLTD")
    }
    shared = names["SAMINC"] & names["SAMLTD"]
    assert shared
    assert set(rows) == {
        f"sage300:{company}:Vendor:{number}" for company in names for number in names[company]
    }
    assert {p["context"]["CompanyID"] for p in _partitions(ended.states[-1], "APVendors")} == {
        "SAMINC",
        "SAMLTD",
    }


def test_budgeted_runs_end_where_one_whole_run_ends(pair: Pair) -> None:
    pair.tap["max_calls_per_run"] = 1
    pair.tap["page_size"] = 20
    state: dict[str, t.Any] | None = None
    for _ in range(40):
        pair.control.reset_counters()
        ended = pair.run(state=state)
        assert (ended.tap, ended.target) == (0, 0), ended.errors
        assert pair.control.counters()["sage300"]["calls"] <= 1
        if ended.states and ended.states[-1] == state:
            break
        state = ended.states[-1] if ended.states else state
        if len(pair.servicenow("sn_apo_invoice")) == _invoices(pair):
            break
    assert len(pair.servicenow("itfm_gl_accounts")) == 50
    assert len(pair.servicenow("proc_vendor")) == 60
    assert len(pair.servicenow("sn_apo_invoice")) == _invoices(pair)


def test_amounts_add_up_to_the_cent_on_both_sides(pair: Pair) -> None:
    assert pair.run().target == 0
    sage = sum(
        Decimal(str(entry["DocumentTotalIncludingTax"]))
        for batch in pair.sage("APInvoiceBatches")
        if batch["BatchStatus"] != "Deleted"
        for entry in batch["Invoices"]
    )
    rows = pair.servicenow("sn_apo_invoice").values()
    assert sum(Decimal(row["total_amount"]) for row in rows) == sage != 0


def _invoices(pair: Pair) -> int:
    batches = pair.sage("APInvoiceBatches")
    return sum(len(b["Invoices"]) for b in batches if b["BatchStatus"] != "Deleted")


def _partitions(state: dict[str, t.Any], stream: str) -> list[dict[str, t.Any]]:
    return state["bookmarks"][stream]["partitions"]
