"""Windows, selection and state against a server made for it."""

from __future__ import annotations

import http.server
import logging
import re
import threading
import typing as t

import pytest

from tap_sage300.errors import TapError
from tap_sage300.streams import STREAMS

STATE = {
    "bookmarks": {
        "APVendors": {
            "partitions": [
                {
                    "context": {"CompanyID": "SAMINC"},
                    "replication_key": "DateLastMaintained",
                    "replication_key_value": "2026-11-20T00:00:00Z",
                }
            ]
        }
    }
}


@pytest.mark.parametrize(
    ("taken", "asked"),
    [
        ("2026-11-18T00:00:00Z", 1),
        ("'2026-11-18T00:00:00Z'", 2),
        ("datetime'2026-11-18T00:00:00'", 3),
    ],
)
def test_the_form_of_dates_is_learned(fake, read, helpers, taken, asked):
    def answer(request):
        right = f"DateLastMaintained ge {taken}" in request.args["$filter"]
        return (
            helpers.page(helpers.vendors("A", "B"), count=2)
            if right
            else helpers.refusal(400, "InvalidParameters", "Syntax error")
        )

    fake.answer = answer
    assert read(state=STATE).keys() == ["A", "B"]
    assert len(fake.requests) == asked


def test_a_chosen_form_of_dates_is_kept(fake, read, helpers):
    fake.answer = lambda _request: helpers.refusal(400, "InvalidParameters", "Syntax error")
    with pytest.raises(TapError, match=r"InvalidParameters\).*date_literal to.*says .Syntax error"):
        read(state=STATE, date_literal="v3")
    (query,) = fake.queries()
    assert query["$filter"] == "DateLastMaintained ge datetime'2026-11-18T00:00:00'"


def test_a_window_of_changes_is_filtered_on_every_page(fake, read, helpers):
    fake.answer = helpers.Table(helpers.vendors(*"ABC"))
    read(state=STATE, page_size=2, lookback_days=5)
    assert [query["$filter"] for query in fake.queries()] == [
        "DateLastMaintained ge 2026-11-15T00:00:00Z",
        "(DateLastMaintained ge 2026-11-15T00:00:00Z) and (VendorNumber gt 'B')",
    ]


@pytest.mark.parametrize(
    ("days", "filtered"), [(None, True), (0, False), (30, False)], ids=["never", "run", "first"]
)
def test_full_sweep_days(fake, read, helpers, days, filtered):
    fake.answer = helpers.Table(helpers.vendors(*"AB"))
    read(state=STATE, full_sweep_days=days)
    (query,) = fake.queries()
    assert ("$filter" in query) is filtered


def test_full_table_in_the_catalog_means_a_sweep(fake, read, helpers):
    catalog = helpers.only("APVendors")
    for entry in catalog["streams"]:
        entry["replication_method"] = "FULL_TABLE"
    read(state=STATE, catalog=catalog)
    (query,) = fake.queries()
    assert "$filter" not in query


def test_start_date_bounds_vendors_but_not_accounts(fake, fake_config, helpers):
    catalog = helpers.only("APVendors", "GLAccounts")
    helpers.sync({**fake_config, "start_date": "2026-01-01"}, catalog=catalog)
    (vendor_query,) = fake.queries("APVendors")
    assert vendor_query["$filter"] == "DateLastMaintained ge 2026-01-01T00:00:00Z"
    (account_query,) = fake.queries("GLAccounts")
    assert "$filter" not in account_query


def test_select_follows_the_catalog(fake, read, helpers):
    keep = {"CompanyID", "BatchNumber", "DateLastEdited", "Description"}
    every = [
        item["breadcrumb"][-1]
        for entry in helpers.only()["streams"]
        if entry["tap_stream_id"] == "APInvoiceBatches"
        for item in entry["metadata"]
        if item["breadcrumb"]
    ]
    catalog = helpers.only("APInvoiceBatches", APInvoiceBatches=set(every) - keep)
    fake.answer = lambda _request: helpers.page(
        [
            {
                "BatchNumber": 1,
                "DateLastEdited": None,
                "BatchStatus": "Open",
                "Description": "x",
            }
        ]
    )
    output = read(catalog=catalog)
    assert fake.queries()[0]["$select"] == "BatchNumber,BatchStatus,DateLastEdited,Description"
    assert output.records("APInvoiceBatches") == [
        {"CompanyID": "SAMINC", "BatchNumber": 1, "DateLastEdited": None, "Description": "x"}
    ]
    assert set(output.schemas["APInvoiceBatches"]["schema"]["properties"]) == keep
    assert output.part("APInvoiceBatches")["not_final"] == [1]


def test_a_version_without_a_selected_property_is_read_without_select(fake, read, helpers):
    catalog = helpers.only("APInvoiceBatches", APInvoiceBatches={"Invoices"})
    fake.answer = lambda request: (
        helpers.refusal(400, "InvalidParameters", "Could not find a property named 'ICTRelated'")
        if "$select" in request.args
        else helpers.page([{"BatchNumber": 1, "BatchStatus": "Posted", "Invoices": []}])
    )
    assert read(catalog=catalog).records("APInvoiceBatches") == [
        {"CompanyID": "SAMINC", "BatchNumber": 1, "BatchStatus": "Posted"}
    ]


def test_private_properties_are_skipped_until_selected(fake, read, helpers):
    row = {**helpers.vendors("A")[0], "BankCode": "CCB", "Num1099CPRSTaxNumber": "1-2"}
    fake.answer = lambda _request: helpers.page([row])
    (record,) = read().records("APVendors")
    assert "BankCode" not in record
    assert "Num1099CPRSTaxNumber" not in record
    catalog = helpers.only("APVendors")
    for entry in catalog["streams"]:
        for item in entry["metadata"]:
            if item["breadcrumb"][1:] == ["BankCode"]:
                assert item["metadata"]["selected-by-default"] is False
                item["metadata"]["selected"] = True
    (record,) = read(catalog=catalog).records("APVendors")
    assert record["BankCode"] == "CCB"
    assert "Num1099CPRSTaxNumber" not in record


def test_properties_the_catalog_does_not_know_are_named_once(fake, read, helpers, caplog):
    fake.answer = lambda request: helpers.page(
        [{**helpers.vendors("A" if "$filter" not in request.args else "B")[0], "PartnerField": 1}]
        * 1
        if len(fake.requests) < 3
        else []
    )
    output = read(page_size=1)
    assert all("PartnerField" not in record for record in output.records("APVendors"))
    assert caplog.text.count("are skipped: PartnerField") == 1


def test_a_row_without_its_key_is_reported(fake, read, helpers):
    fake.answer = lambda _request: helpers.page([{"VendorName": "x"}])
    with pytest.raises(TapError, match="a record without VendorNumber in APVendors of company"):
        read()


def test_the_state_never_runs_ahead_of_the_records(fake, read, helpers):
    fake.answer = helpers.Table(helpers.vendors(*"ABCDE"))
    output = read(page_size=2)
    reached = []
    for message in output.messages:
        if message["type"] == "RECORD":
            reached.append(message["record"]["VendorNumber"])
        if message["type"] == "STATE":
            part = message["value"]["bookmarks"]["APVendors"]["partitions"][0]
            if "resume" in part:
                assert part["resume"]["last_key"] == reached[-1]
    resumes = [s["bookmarks"]["APVendors"]["partitions"][0].get("resume") for s in output.states]
    assert [r and r["last_key"] for r in resumes] == ["B", "D", None]
    assert "progress_markers" not in str(output.states)


def test_a_failed_read_goes_on_where_its_state_stands(fake, read, helpers):
    fake.answer = helpers.Table(helpers.vendors(*"ABCDE"))
    state = {
        "bookmarks": {
            "APVendors": {
                "partitions": [
                    {
                        "context": {"CompanyID": "SAMINC"},
                        "replication_key": "DateLastMaintained",
                        "resume": {"read": "sweep", "until": "2026-11-01", "last_key": "B"},
                    }
                ]
            }
        }
    }
    output = read(state=state, page_size=2)
    assert output.keys() == list("CDE")
    assert output.part("APVendors")["replication_key_value"] == "2026-11-01T00:00:00Z"


def test_foreign_state_is_reported(read):
    state = {
        "bookmarks": {
            "APVendors": {
                "partitions": [
                    {"context": {"CompanyID": "SAMINC"}, "replication_key_value": "soon"}
                ]
            }
        }
    }
    with pytest.raises(
        TapError, match="The state of APVendors for SAMINC cannot be used: replication_key_value"
    ):
        read(state=state)


def batches(**statuses):
    return [
        {"BatchNumber": int(number[1:]), "BatchStatus": status, "DateLastEdited": None}
        for number, status in statuses.items()
    ]


CHECKS = {
    "bookmarks": {
        "APInvoiceBatches": {
            "partitions": [
                {
                    "context": {"CompanyID": "SAMINC"},
                    "replication_key": "DateLastEdited",
                    "replication_key_value": "2026-11-20T00:00:00Z",
                    "not_final": [1, 2, 3, 4, 5],
                }
            ]
        }
    }
}


@pytest.mark.parametrize("cap", [100, 1])
def test_batches_are_checked_until_final_or_gone(fake, read, helpers, cap):
    present = {1: "Open", 2: "Posted", 4: "Deleted", 5: "ReadyToPost"}

    def answer(request):
        wanted = {int(n) for n in re.findall(r"BatchNumber eq (\d+)", request.args["$filter"])}
        rows = batches(**{f"n{n}": present[n] for n in sorted(wanted & present.keys())})
        count = {"count": len(rows)} if "$count" in request.args else {}
        return helpers.page(rows[:cap], **count)

    fake.answer = answer
    output = read("APInvoiceBatches", CHECKS, document_page_size=3)
    assert set(output.keys("APInvoiceBatches", "BatchNumber")) == {1, 2, 4, 5}
    assert output.part("APInvoiceBatches")["not_final"] == [1, 5]
    assert fake.queries()[1]["$filter"] == (
        "BatchNumber eq 1 or BatchNumber eq 2 or BatchNumber eq 3"
    )


def test_checks_stay_within_the_query_string_iis_takes(fake, read):
    state = {"bookmarks": {"APInvoiceBatches": {"partitions": [
        CHECKS["bookmarks"]["APInvoiceBatches"]["partitions"][0]
        | {"not_final": [10**8 + n for n in range(90)]}
    ]}}}  # fmt: skip
    read("APInvoiceBatches", state, document_page_size=100)
    assert max(len(request.query_string) for request in fake.requests) < 2048
    assert len(fake.requests) == 1 + 9


def test_a_stopped_tap_says_how_far_it_got_once(fake, fake_config, helpers, caplog):
    caplog.set_level(logging.INFO)
    fake.answer = helpers.Table(helpers.vendors(*"ABCDE"))
    config = {**fake_config, "companies": ["SAMINC", "SAMLTD"], "page_size": 2}
    output = helpers.sync({**config, "max_calls_per_run": 2}, catalog=helpers.only("APVendors"))
    lines = [r.getMessage() for r in caplog.records if "max_calls_per_run" in r.getMessage()]
    (line,) = lines
    assert line == (
        "The 2 calls of this run (max_calls_per_run) are spent: APVendors of SAMINC is read up to "
        "VendorNumber D; the next run resumes there and reads the rest after it"
    )
    assert output.part("APVendors")["resume"]["last_key"] == "D"
    assert output.part("APVendors", "SAMLTD")["resume"] == {"read": "sweep", "waited": 1}


def test_waiting_for_the_budget_reads_all_in_one_run(fake, read, helpers):
    fake.answer = helpers.Table(helpers.vendors(*"ABCDE"))
    output = read(
        page_size=1, max_calls_per_run=2, on_call_budget="wait", call_budget_pause_seconds=0
    )
    assert output.keys() == list("ABCDE")


class KeepAlive(http.server.BaseHTTPRequestHandler):
    """Answers every request with an empty page and notes the connection it came by."""

    protocol_version = "HTTP/1.1"
    connections: t.ClassVar[list] = []

    def do_GET(self):
        self.connections.append(self.client_address)
        body = b'{"value": []}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        pass


def test_one_connection_serves_all_streams(fake_config, helpers):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), KeepAlive) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/Sage300WebApi"
        helpers.sync({**fake_config, "api_url": url})
        server.shutdown()
        thread.join()
    default = [stream.entity for stream in STREAMS if stream.selected_by_default]
    modules = {entity.module for entity in default}  # whose metadata is requested first
    assert len(KeepAlive.connections) == len(modules) + len(default)
    assert len(set(KeepAlive.connections)) == 1
