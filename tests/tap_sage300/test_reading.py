"""Reading against a server that misbehaves: what is asked, what comes out, what is remembered."""

from __future__ import annotations

import http.server
import logging
import re
import threading
from typing import ClassVar

import pytest

from tap_sage300.errors import TapError

KEY = re.compile(r"(\w+) gt '?([^')]+)'?")


def vendors(*numbers, date="2026-11-01T00:00:00Z"):
    return [{"VendorNumber": number, "DateLastMaintained": date} for number in numbers]


class Table:
    """Serves rows: filters by key, pages by ``$top`` and ``$skip``, links on past its own cap."""

    def __init__(self, helpers, rows, cap=100, *, links=True, count=True):
        self.page, self.rows, self.cap = helpers.page, rows, cap
        self.links, self.count = links, count

    def __call__(self, request):
        found = KEY.search(request.args.get("$filter", ""))
        rows = [r for r in self.rows if not found or self.after(r[found[1]], found[2])]
        skip, top = int(request.args.get("$skip", 0)), int(request.args["$top"])
        given = rows[skip : skip + min(top, self.cap)]
        more = {}
        if self.count and request.args.get("$count") == "true":
            more["count"] = len(rows)
        if self.links and len(given) < top and skip + len(given) < len(rows):
            more["link"] = f"https://elsewhere.example/x?$skip={skip + len(given)}"
        return self.page(given, **more)

    @staticmethod
    def after(key, last):
        return key > (int(last) if isinstance(key, int) else last)


@pytest.fixture
def read(fake_config, helpers):
    """Read one stream of the fake server."""

    def run(stream="APVendors", state=None, *, catalog=None, **changes):
        chosen = catalog or helpers.only(stream)
        return helpers.sync({**fake_config, **changes}, state, chosen)

    return run


def numbers(output, stream="APVendors", key="VendorNumber"):
    return [record[key] for record in output.records(stream)]


def test_paging_by_key(fake, read, helpers):
    fake.answer = Table(helpers, vendors(*"ABCDEFG"))
    output = read(page_size=3)
    assert numbers(output) == list("ABCDEFG")
    assert fake.queries() == [
        {"$top": "3", "$count": "true"},
        {"$filter": "VendorNumber gt 'C'", "$top": "3"},
        {"$filter": "VendorNumber gt 'F'", "$top": "3"},
    ]


def test_a_row_inserted_while_reading_is_neither_lost_nor_shifts_others(fake, read, helpers):
    table = Table(helpers, vendors(*"BCDEFG"))

    def answer(request):
        response = table(request)
        if len(fake.requests) == 1:
            table.rows = vendors(*"ABCDEFGH")  # one before, one behind
        return response

    fake.answer = answer
    assert numbers(read(page_size=3)) == list("BCDEFGH")


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("paging", ["auto", "skip"])
def test_a_server_that_gives_fewer_rows_than_asked_for(fake, read, helpers, links, paging):
    fake.answer = Table(helpers, vendors(*"ABCDEFG"), cap=2, links=links)
    assert numbers(read(page_size=5, paging=paging)) == list("ABCDEFG")


def test_rows_out_of_order_are_read_again_by_skip(fake, read, helpers, caplog):
    fake.answer = Table(helpers, vendors(*"ACBDGFE"))
    output = read(page_size=2)
    assert set(numbers(output)) == set("ABCDEFG")
    assert [query.get("$skip") for query in fake.queries()[-3:]] == ["2", "4", "6"]
    assert "APVendors of SAMINC: the rows do not come in key order" in caplog.text
    assert "resume" not in output.part("APVendors")


def test_keys_that_compare_otherwise_on_the_server_are_missed_by_nobody(
    fake, read, helpers, caplog
):
    # rows come in order, but `gt` there ignores the hyphen: A-3 is taken to stand after A2
    class Hyphenless(Table):
        @staticmethod
        def after(key, last):
            return key.replace("-", "") > last.replace("-", "")

    fake.answer = Hyphenless(helpers, vendors("A-1", "A-9", "A2", "A3"))
    assert set(numbers(read(page_size=2))) == {"A-1", "A-9", "A2", "A3"}
    assert "$skip" in caplog.text


def test_order_may_be_demanded(fake, read, helpers):
    fake.answer = Table(helpers, vendors(*"ACB"))
    with pytest.raises(TapError, match=r"APVendors of company SAMINC: .* set paging to auto"):
        read(paging="keyset")


def test_missing_rows_are_told(fake, read, helpers, caplog):
    fake.answer = lambda _request: helpers.page(
        vendors(*"AB")[: 2 if len(fake.requests) in {1, 3} else 0], count=5
    )
    assert set(numbers(read())) == {"A", "B"}
    assert "5 rows were announced and 2 came" in caplog.text


def test_without_a_count_a_short_page_is_the_last(fake, read, helpers):
    fake.answer = Table(helpers, vendors(*"ABC"), count=False)
    assert numbers(read(page_size=2)) == list("ABC")
    assert len(fake.requests) == 2


def test_load_halves_the_page_and_calm_doubles_it_back(fake, read, helpers, monkeypatch):
    monkeypatch.setattr("tap_sage300.session.seconds_to_wait", lambda *_: 0)
    table = Table(helpers, vendors(*(f"{n:03}" for n in range(100))))
    fake.answer = lambda r: helpers.Response("", 502) if len(fake.requests) in {2, 3} else table(r)
    assert len(numbers(read(page_size=8, max_retries=2))) == 100
    tops = [int(query["$top"]) for query in fake.queries()]
    assert tops[:14] == [8, 8, 4, 2] + [2] * 10
    assert tops[14] == 4


def test_a_page_of_one_row_that_times_out_is_told(fake, read, helpers, monkeypatch):
    monkeypatch.setattr("tap_sage300.session.seconds_to_wait", lambda *_: 0)
    fake.answer = lambda _request: helpers.Response("", 504)
    with pytest.raises(TapError, match=r"smaller pages included .HTTP 504, tries: 4"):
        read(page_size=3, max_retries=3)
    assert [query["$top"] for query in fake.queries()] == ["3", "1", "1", "1"]


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
            helpers.page(vendors("A", "B")[: int(request.args["$top"])])
            if right
            else helpers.refusal(400, "InvalidParameters", "Syntax error")
        )

    fake.answer = answer
    assert numbers(read(state=STATE)) == ["A", "B"]
    assert len(fake.requests) == asked


def test_a_chosen_form_of_dates_is_kept(fake, read, helpers):
    fake.answer = lambda _request: helpers.refusal(400, "InvalidParameters", "Syntax error")
    with pytest.raises(TapError, match=r"InvalidParameters Syntax error.*set date_literal to"):
        read(state=STATE, date_literal="v3")
    (query,) = fake.queries()
    assert query["$filter"] == "DateLastMaintained ge datetime'2026-11-18T00:00:00'"


def test_a_window_of_changes_is_filtered_on_every_page(fake, read, helpers):
    fake.answer = Table(helpers, vendors(*"ABC"))
    read(state=STATE, page_size=2, lookback_days=5)
    assert [query["$filter"] for query in fake.queries()] == [
        "DateLastMaintained ge 2026-11-15T00:00:00Z",
        "(DateLastMaintained ge 2026-11-15T00:00:00Z) and (VendorNumber gt 'B')",
    ]


@pytest.mark.parametrize(
    ("days", "filtered"), [(None, True), (0, False), (30, False)], ids=["never", "run", "first"]
)
def test_full_sweep_days(fake, read, helpers, days, filtered):
    fake.answer = Table(helpers, vendors(*"AB"))
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


def test_private_properties_are_left_out_until_selected(fake, read, helpers):
    row = {**vendors("A")[0], "BankCode": "CCB", "Num1099CPRSTaxNumber": "1-2"}
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
        [{**vendors("A" if "$filter" not in request.args else "B")[0], "PartnerField": 1}] * 1
        if len(fake.requests) < 3
        else []
    )
    output = read(page_size=1)
    assert all("PartnerField" not in record for record in output.records("APVendors"))
    assert caplog.text.count("left out: PartnerField") == 1


def test_a_row_without_its_key_is_told(fake, read, helpers):
    fake.answer = lambda _request: helpers.page([{"VendorName": "x"}])
    with pytest.raises(TapError, match="a record of APVendors for company SAMINC without Vend"):
        read()


def test_the_state_never_runs_ahead_of_the_records(fake, read, helpers):
    fake.answer = Table(helpers, vendors(*"ABCDE"))
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
    fake.answer = Table(helpers, vendors(*"ABCDE"))
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
    assert numbers(output) == list("CDE")
    assert output.part("APVendors")["replication_key_value"] == "2026-11-01T00:00:00Z"


def test_foreign_state_is_told(read):
    state = {
        "bookmarks": {
            "APVendors": {
                "partitions": [
                    {"context": {"CompanyID": "SAMINC"}, "replication_key_value": "soon"}
                ]
            }
        }
    }
    with pytest.raises(TapError, match="The state of APVendors for SAMINC: replication_key_value"):
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
    output = read("APInvoiceBatches", CHECKS, batch_page_size=3)
    assert set(numbers(output, "APInvoiceBatches", "BatchNumber")) == {1, 2, 4, 5}
    assert output.part("APInvoiceBatches")["not_final"] == [1, 5]
    assert fake.queries()[1]["$filter"] == (
        "BatchNumber eq 1 or BatchNumber eq 2 or BatchNumber eq 3"
    )


def test_checks_stay_within_the_query_string_iis_takes(fake, read):
    state = {"bookmarks": {"APInvoiceBatches": {"partitions": [
        CHECKS["bookmarks"]["APInvoiceBatches"]["partitions"][0]
        | {"not_final": [10**8 + n for n in range(90)]}
    ]}}}  # fmt: skip
    read("APInvoiceBatches", state, batch_page_size=100)
    assert max(len(request.query_string) for request in fake.requests) < 2048
    assert len(fake.requests) == 1 + 3


def test_a_stopped_tap_says_how_far_it_got_once(fake, fake_config, helpers, caplog):
    caplog.set_level(logging.INFO)
    fake.answer = Table(helpers, vendors(*"ABCDE"))
    config = {**fake_config, "companies": ["SAMINC", "SAMLTD"], "page_size": 2}
    output = helpers.sync({**config, "max_calls_per_run": 2}, catalog=helpers.only("APVendors"))
    told = [r.getMessage() for r in caplog.records if "max_calls_per_run" in r.getMessage()]
    (line,) = told
    assert line == (
        "The 2 calls of this run (max_calls_per_run) are used up: APVendors of SAMINC is read up "
        "to VendorNumber D; the next run goes on there and reads the rest after it"
    )
    assert output.part("APVendors")["resume"]["last_key"] == "D"
    assert output.part("APVendors", "SAMLTD")["resume"] == {"read": "sweep", "waited": 1}


def test_waiting_for_the_budget_reads_all_in_one_run(fake, read, helpers):
    fake.answer = Table(helpers, vendors(*"ABCDE"))
    output = read(
        page_size=1, max_calls_per_run=2, on_call_budget="wait", call_budget_pause_seconds=0
    )
    assert numbers(output) == list("ABCDE")


class KeepAlive(http.server.BaseHTTPRequestHandler):
    """Answers every request with an empty page and notes the connection it came by."""

    protocol_version = "HTTP/1.1"
    connections: ClassVar[list] = []

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
    assert len(KeepAlive.connections) == 3
    assert len(set(KeepAlive.connections)) == 1
