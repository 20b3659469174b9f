"""Sage300ReadLog: what the tap says of its own reading."""

from __future__ import annotations

import datetime as dt

import pytest

from tap_sage300.api import patience

STREAM = "Sage300ReadLog"
EXHAUSTED = {"fault": "error", "status": 503, "body": "html"}
BOTH = {"companies": ["SAMINC", "SAMLTD"]}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(patience, "LONGEST_BACKOFF", 0.001)


@pytest.fixture
def logged(site, helpers):
    """Read streams; return what was written, and the records of the log."""

    def run(*streams, state=None, **changes):
        catalog = helpers.only(*streams, STREAM)
        output, _ = helpers.interrupted({**site.config, **changes}, state, catalog)
        return output, output.records(STREAM)

    return run


def events(records, event):
    return [record for record in records if record["Event"] == event]


def reads(records):
    """What was read: stream, company, window, and whether it was read whole."""
    return [
        (r["Stream"], r["CompanyID"], r.get("Window"), r.get("IsWhole"))
        for r in events(records, "read")
    ]


def test_it_is_not_selected_by_default_and_costs_no_call(site, helpers, logged):
    before = site.calls()
    plain = helpers.sync(site.config, catalog=helpers.only("APVendors"))
    calls = site.calls() - before
    assert STREAM not in plain.schemas
    _, records = logged("APVendors")
    assert site.calls() - before == 2 * calls
    assert records


def test_a_run_in_order(logged):
    output, records = logged("GLAccounts", "APVendors", **BOTH)
    assert [record["EventNumber"] for record in records] == list(range(1, 7))
    assert [record["Event"] for record in records] == ["run_started", *["read"] * 4, "run_ended"]
    assert len({record["RunID"] for record in records}) == 1
    assert reads(records) == [
        (stream, company, "sweep", True)
        for stream in ("GLAccounts", "APVendors")
        for company in ("SAMINC", "SAMLTD")
    ]
    times = [dt.datetime.fromisoformat(record["OccurredAt"]) for record in records]
    assert times == sorted(times)
    assert {time.utcoffset() for time in times} == {dt.timedelta()}
    assert {record["SageDate"] for record in events(records, "read")} == {"2026-11-20"}
    assert [record["Records"] for record in events(records, "read")] == [40, 40, 50, 50]
    assert records[-1]["Status"] == "finished"
    last = [m for m in output.messages if m["type"] != "STATE"][-1]
    assert last["record"] == records[-1]
    assert STREAM not in output.state["bookmarks"]
    assert output.schemas[STREAM]["key_properties"] == ["CompanyID", "RunID", "EventNumber"]


def test_bounds(logged):
    """Kind: a read that is whole only within its bounds."""
    first, records = logged("APVendors", start_date="2026-01-01")
    (read,) = events(records, "read")
    assert (read["Window"], read["Since"], read["IsWhole"]) == ("sweep", "2026-01-01", True)
    _, records = logged("APVendors", state=first.state, start_date="2026-01-01")
    (read,) = events(records, "read")
    assert read["Window"] == "changes"
    assert read["Since"] > "2026-01-01"


def test_nothing_due(logged):
    first, _ = logged("GLSegmentCodes", undated_sweep_days=3)
    _, records = logged("GLSegmentCodes", state=first.state, undated_sweep_days=3)
    assert reads(records) == [("GLSegmentCodes", "SAMINC", None, None)]


def test_the_budget(logged):
    _, records = logged("GLAccounts", "APVendors", page_size=10, max_calls_per_run=7)
    assert reads(records) == [
        ("GLAccounts", "SAMINC", "sweep", True),
        ("APVendors", "SAMINC", "sweep", False),
    ]
    (stop,) = events(records, "budget_stop")
    assert (stop["CompanyID"], stop["Stream"]) == ("SAMINC", "APVendors")
    assert records[-1]["Status"] == "budget_spent"


def test_retries_timeouts_and_rests(site, logged):
    """Kind: what made a run slow."""
    site.follow(
        {"side": "sage300", "path": "GLAccounts", "nth": 1, "fault": "error", "status": 500},
        {"side": "sage300", "path": "GLAccounts", "nth": 2, "fault": "error", "status": 408},
        {"side": "sage300", "path": "APVendors", "first": 2, **EXHAUSTED},
    )
    _, records = logged("GLAccounts", "APVendors", max_retries=4, pool_rest_seconds=1)
    found = [(r["Event"], r["Stream"]) for r in records if "WaitSeconds" in r]
    assert found == [
        ("retry", "GLAccounts"),
        ("timeout", "GLAccounts"),
        ("retry", "APVendors"),
        ("pool_rest", "APVendors"),
    ]
    (rest,) = events(records, "pool_rest")
    assert rest["WaitSeconds"] == 1
    assert rest["Message"].startswith("HTTP 503")
    assert records[-1]["Status"] == "finished"


def test_a_record_left_out(site, logged):
    site.behave(unreadable_records={"APVendors": ["1230"]})
    _, records = logged("APVendors")
    (left,) = events(records, "record_left_out")
    assert left["Key"] == "with VendorNumber 1230"
    assert reads(records) == [("APVendors", "SAMINC", "sweep", False)]
    assert events(records, "read")[0]["Message"] == "records were left out"


def test_a_batch_that_vanished_before_it_was_final(site, logged):
    """Kind: posted and cleared from Sage's history between two runs."""
    first, _ = logged("APInvoiceBatches")
    number = next(
        batch["BatchNumber"]
        for batch in site.records("APInvoiceBatches")
        if batch["BatchStatus"] in {"Open", "ReadyToPost"}
    )
    assert number in first.part("APInvoiceBatches")["not_final"]
    site.post(number)
    site.control.clear_history("SAMINC", number)
    second, records = logged("APInvoiceBatches", state=first.state)
    (vanished,) = events(records, "batch_vanished")
    assert (vanished["Stream"], vanished["Key"]) == ("APInvoiceBatches", str(number))
    # Written before the state that no longer has the batch: a kill loses neither.
    lines = second.messages
    told = next(n for n, m in enumerate(lines) if m.get("record") == vanished)
    forgotten = next(
        n
        for n, m in enumerate(lines)
        if m["type"] == "STATE"
        and number
        not in m["value"]["bookmarks"]["APInvoiceBatches"]["partitions"][0].get("not_final", ())
    )
    assert told < forgotten


def test_a_company_that_cannot_be_read(site, logged):
    """Kind: a stream fails, and the log is written all the same."""
    site.behave(locked_companies=["SAMINC"])
    _, records = logged("GLAccounts", "APVendors", **BOTH)
    whole = {(stream, company): is_whole for stream, company, _, is_whole in reads(records)}
    assert whole == {
        (stream, company): company == "SAMLTD"
        for stream in ("GLAccounts", "APVendors")
        for company in ("SAMINC", "SAMLTD")
    }
    assert "SAMINC is locked" in events(records, "read")[0]["Message"]
    assert (records[-1]["Event"], records[-1]["Status"]) == ("run_ended", "failed")
    assert "SAMINC is locked" in records[-1]["Message"]


def test_a_run_that_cannot_go_on(logged):
    _, records = logged("GLAccounts", "APVendors", password="wrong")
    assert reads(records) == [("GLAccounts", "SAMINC", "sweep", False)]
    assert records[-1]["Status"] == "failed"
    assert "password" in records[-1]["Message"]
    assert "wrong" not in str(records).casefold()


def test_a_module_without_the_right(site, logged):
    """Kind: a stream that is skipped because no company may read its module."""
    site.behave(forbidden_modules={"SAMINC": ["GL"]})
    _, records = logged("GLAccounts", "APVendors")
    assert reads(records)[0] == ("GLAccounts", "SAMINC", "sweep", False)
    assert reads(records)[1] == ("APVendors", "SAMINC", "sweep", True)
