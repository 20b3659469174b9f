"""Servers that are no stock Sage 300: each read ends, is whole, and costs no more than it must."""

from __future__ import annotations

import re

import pytest

EVERY = [f"V{number:03}" for number in range(35)]


def cut_and_go_on(fake_config, helpers, budget, **changes):
    """Read in runs of so many calls until no window is open; return what came, and the runs."""
    config = {**fake_config, "page_size": 10, "max_calls_per_run": budget, **changes}
    keys, state, runs = [], None, 0
    while runs == 0 or "resume" in part(state):
        output = helpers.sync(config, state, helpers.only("APVendors"))
        keys, state, runs = keys + output.keys(), output.state, runs + 1
        assert runs < 60
    return keys, state, runs


def part(state):
    (found,) = state["bookmarks"]["APVendors"]["partitions"]
    return found


def test_links_that_never_end(fake, read, helpers):
    """Kind: a nextLink on every page, also on an empty one; no budget is spent on it."""

    class Linked(helpers.Table):
        def __call__(self, request):
            answer = super().__call__(request)
            body = answer.json
            body["@odata.nextLink"] = "https://elsewhere.example/x?$skip=10"
            return helpers.Response(helpers.json(body), content_type="application/json")

    fake.answer = Linked(helpers.vendors(*EVERY))
    assert read(page_size=10).keys() == EVERY
    assert len(fake.requests) == 5


def test_a_cache_that_ignores_the_query_string(fake, fake_config, helpers, caplog):
    """Kind: the same page for ever; it is told, the bookmark stays, and few calls are spent."""
    rows = helpers.vendors(*EVERY[:10])
    fake.answer = lambda _request: helpers.page(rows, count=35)
    config = {**fake_config, "page_size": 10}
    first = helpers.sync(config, catalog=helpers.only("APVendors"))
    assert first.keys() == EVERY[:10]
    assert len(fake.requests) <= 4
    assert "the same page came for different requests" in caplog.text
    assert "no headway" not in caplog.text
    assert part(first.state).keys() == {"context", "replication_key", "resume", "version"}
    state = first.state
    for _ in range(2):
        state = helpers.sync(config, state, helpers.only("APVendors")).state
    assert "APVendors of SAMINC: no headway in 2 runs in a row" in caplog.text
    fake.answer = helpers.Table(helpers.vendors(*EVERY))  # the cache is mended
    last = helpers.sync(config, state, helpers.only("APVendors"))
    assert last.keys() == EVERY[10:]
    assert "resume" not in part(last.state)


@pytest.mark.parametrize("cap", [1, 4, 10])
def test_a_cap_without_link_or_count(fake, read, helpers, cap):
    """Kind: a page shorter than requested, and no sign of the other rows."""
    fake.answer = helpers.Table(helpers.vendors(*EVERY), cap=cap, links=False, count=False)
    assert read(page_size=20).keys() == EVERY


class Caseless:
    """Orders by bytes, compares without regard to case: BIN order, and a CI comparison."""

    keys = (*"ABCDEFGHIJ", *"abcdefghij")

    @staticmethod
    def table(helpers, **changes):
        class Table(helpers.Table):
            @staticmethod
            def after(key, last):
                return key.upper() > last.upper()

        return Table(helpers.vendors(*Caseless.keys), **changes)


@pytest.mark.parametrize("count", [True, False])
@pytest.mark.parametrize("budget", [1, 2, 3, 50])
def test_a_comparison_other_than_the_order_loses_no_row(fake, fake_config, helpers, budget, count):
    """Kind: order and comparison differ, and the read is cut; the last part checks the whole."""
    fake.answer = Caseless.table(helpers, count=count)
    keys, state, _ = cut_and_go_on(fake_config, helpers, budget, page_size=4)
    assert set(keys) == set(Caseless.keys)
    assert part(state)["learned"] == {"doubts": 1}  # rows may have been inserted meanwhile
    config = {**fake_config, "page_size": 4, "full_sweep_days": 0}
    for _ in range(2):
        night = helpers.sync(config, state, helpers.only("APVendors"))
        state = night.state
        assert part(state)["learned"] == {"paging": "skip"}
    assert night.keys() == list(Caseless.keys)  # not twice


def test_a_proof_of_another_order_is_believed_at_once(fake, fake_config, helpers):
    """Kind: rows in the order of a case-insensitive collation."""
    keys = sorted(Caseless.keys, key=str.upper)
    fake.answer = helpers.Table(helpers.vendors(*keys))
    config = {**fake_config, "page_size": 4, "full_sweep_days": 0}
    state = helpers.sync(config, None, helpers.only("APVendors")).state
    assert part(state)["learned"] == {"paging": "skip"}
    assert helpers.sync(config, state, helpers.only("APVendors")).keys() == keys


@pytest.mark.parametrize("off", [3, -3, 1000])
def test_a_wrong_count_costs_one_call(fake, read, helpers, off, caplog):
    """Kind: a count of hidden rows, of all rows, or too low; it is no reason to read again."""

    class Counted(helpers.Table):
        def __call__(self, request):
            body = super().__call__(request).json
            if "@odata.count" in body:
                body["@odata.count"] = max(0, body["@odata.count"] + off)
            return helpers.Response(helpers.json(body), content_type="application/json")

    fake.answer = Counted(helpers.vendors(*EVERY))
    output = read(page_size=10)
    assert output.keys() == EVERY
    assert len(fake.requests) == 5
    assert "key order" not in caplog.text
    assert "replication_key_value" in part(output.state)


@pytest.mark.parametrize("budget", [1, 2, 50])
def test_a_row_deleted_ahead_is_no_reason_to_read_again(fake, fake_config, helpers, budget, caplog):
    """Kind: fewer rows received than expected, because one is no longer there."""
    table = helpers.Table(helpers.vendors(*EVERY))

    def answer(request):
        response = table(request)
        table.rows = helpers.vendors(*EVERY[:-2], EVERY[-1])
        return response

    fake.answer = answer
    keys, state, _ = cut_and_go_on(fake_config, helpers, budget)
    assert keys == [*EVERY[:-2], EVERY[-1]]
    assert len(fake.requests) == 5
    assert "key order" not in caplog.text
    assert "learned" not in part(state)


@pytest.mark.parametrize("budget", [1, 2, 50])
def test_rows_deleted_behind_a_read_by_skip_lose_no_other(fake, fake_config, helpers, budget):
    """Kind: five rows deleted behind move five others past the read."""
    table = helpers.Table(helpers.vendors(*EVERY))

    def answer(request):
        response = table(request)
        if len(fake.requests) == 2:
            table.rows = helpers.vendors(*EVERY[5:])
        return response

    fake.answer = answer
    keys, state, _ = cut_and_go_on(fake_config, helpers, budget, paging="skip")
    assert set(keys) == set(EVERY)
    assert "replication_key_value" in part(state)
    assert "learned" not in part(state)


def test_a_server_that_is_never_quiet_is_left_for_the_next_run(fake, read, helpers, caplog):
    """Kind: a row deleted behind each page; the read ends all the same, and the bookmark stays."""
    table = helpers.Table(helpers.vendors(*(f"W{number:03}" for number in range(200))))

    def answer(request):
        response = table(request)
        del table.rows[0]
        return response

    fake.answer = answer
    output = read(page_size=10, paging="skip")
    assert "rows were deleted during each of 4 attempts" in caplog.text
    assert "replication_key_value" not in part(output.state)
    assert len(fake.requests) == 8


@pytest.mark.parametrize("place", range(2, 5))
def test_one_failure_in_the_middle_loses_no_row(fake, fake_config, helpers, place):
    """Kind: order and comparison differ, and one failure cuts the read."""
    table = Caseless.table(helpers)
    fake.answer = lambda request: (
        helpers.refusal(418, "Teapot", "") if len(fake.requests) == place else table(request)
    )
    config = {**fake_config, "page_size": 4}
    first, failure = helpers.interrupted(config, catalog=helpers.only("APVendors"))
    assert failure is not None
    second = helpers.sync(config, first.state, helpers.only("APVendors"))
    assert {*first.keys(), *second.keys()} == set(Caseless.keys)


def test_runs_without_headway_are_reported(fake, fake_config, helpers, caplog):
    """Kind: a budget that ends before the first page comes, every night."""
    fake.answer = lambda _request: helpers.Response("", 500)
    config = {**fake_config, "max_retries": 5, "max_calls_per_run": 1}
    state = None
    for runs in range(1, 4):
        caplog.clear()
        state = helpers.sync(config, state, helpers.only("APVendors")).state
        assert part(state)["resume"] == {"read": "sweep", "waited": runs, "stalled": runs}
        assert (f"no headway in {runs} runs in a row" in caplog.text) is (runs > 1)


OPEN_BATCHES = {
    "bookmarks": {
        "APPaymentAndAdjustmentBatches": {
            "partitions": [
                {
                    "context": {"CompanyID": "SAMINC"},
                    "replication_key": "DateLastEdited",
                    "replication_key_value": "2026-11-20T00:00:00Z",
                    "not_final": [["PY", number] for number in range(1, 18)],
                }
            ]
        }
    }
}


def test_the_keys_that_a_filter_takes_are_learned(fake, read, helpers):
    """Kind: ASP.NET's OData refuses a filter of more than 100 nodes, or of fewer."""
    stream = "APPaymentAndAdjustmentBatches"

    def answer(request):
        wanted = re.findall(r"BatchNumber eq (\d+)", request.args.get("$filter", ""))
        if len(wanted) > 2:
            return helpers.refusal(400, "", "The node count limit of '100' has been exceeded.")
        rows = [
            {"PaymentType": "PY", "BatchSelector": "PY", "BatchNumber": int(number),
             "BatchStatus": "Open", "DateLastEdited": None}
            for number in wanted
        ]  # fmt: skip
        return helpers.page(rows, count=len(rows))

    fake.answer = answer
    state = read(stream, OPEN_BATCHES).state
    (found,) = state["bookmarks"][stream]["partitions"]
    assert found["learned"] == {"keys_per_filter": 2}
    assert len(found["not_final"]) == 17
    assert len(fake.requests) == 1 + 1 + 9
    fake.requests.clear()
    read(stream, state)
    assert len(fake.requests) == 1 + 9


def test_a_date_without_a_time_is_asked_for_as_one(fake, read, helpers):
    """Kind: Edm.Date; the first run works, and those after it must too."""
    rows = helpers.vendors("A", date="2026-11-20")

    def answer(request):
        wanted = request.args.get("$filter", "")
        if "ge" in wanted and not re.search(r"ge \d{4}-\d\d-\d\d(\)|$)", wanted):
            return helpers.refusal(400, "InvalidParameters", "incompatible types")
        return helpers.page(rows, count=1)

    fake.answer = answer
    state = read().state
    state = read(state=state).state
    assert part(state)["learned"] == {"date_literal": "date"}
    fake.requests.clear()
    assert read(state=state).keys() == ["A"]
    assert len(fake.requests) == 1  # not found out again
