"""Paging against a server that misbehaves: what is requested and what comes out."""

from __future__ import annotations

import json

import pytest

from tap_sage300.errors import TapError


def test_paging_by_key(fake, read, helpers):
    fake.answer = helpers.Table(helpers.vendors(*"ABCDEFG"))
    output = read(page_size=3)
    assert output.keys() == list("ABCDEFG")
    assert fake.queries() == [
        {"$top": "3", "$count": "true"},
        {"$filter": "VendorNumber gt 'C'", "$top": "3"},
        {"$filter": "VendorNumber gt 'F'", "$top": "3"},
    ]


def test_a_row_inserted_while_reading_is_neither_lost_nor_shifts_others(fake, read, helpers):
    table = helpers.Table(helpers.vendors(*"BCDEFG"))

    def answer(request):
        response = table(request)
        if len(fake.requests) == 1:
            table.rows = helpers.vendors(*"ABCDEFGH")  # one before, one behind
        return response

    fake.answer = answer
    assert read(page_size=3).keys() == list("BCDEFGH")


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("paging", ["auto", "skip"])
def test_a_server_that_sends_fewer_rows_than_requested(fake, read, helpers, links, paging):
    fake.answer = helpers.Table(helpers.vendors(*"ABCDEFG"), cap=2, links=links)
    assert read(page_size=5, paging=paging).keys() == list("ABCDEFG")


def test_rows_out_of_order_are_read_again_by_skip(fake, read, helpers, caplog):
    fake.answer = helpers.Table(helpers.vendors(*"ACBDGFE"))
    output = read(page_size=2)
    assert set(output.keys()) == set("ABCDEFG")
    assert [query.get("$skip") for query in fake.queries()[-3:]] == ["2", "4", "6"]
    assert "APVendors of SAMINC: the rows do not come in key order" in caplog.text
    assert "resume" not in output.part("APVendors")


@pytest.mark.parametrize("size", [1, 2])
def test_a_full_page_that_counts_only_itself_does_not_prove_that_it_is_all(
    fake, read, helpers, size
):
    """An odd server: no order, counts of the page, and the highest keys on the first page."""

    class CountsThePage(helpers.Table):
        def __call__(self, request):
            whole, self.count = self.count, False
            response = super().__call__(request)
            if whole and request.args.get("$count") == "true":
                body = response.get_json()
                response.set_data(json.dumps({"@odata.count": len(body["value"]), **body}))
            self.count = whole
            return response

    fake.answer = CountsThePage(helpers.vendors(*"FGABCDE"))
    assert set(read(page_size=size).keys()) == set("ABCDEFG")


def test_keys_that_compare_otherwise_on_the_server_are_missed_by_nobody(
    fake, read, helpers, caplog
):
    # rows come in order, but `gt` there ignores the hyphen: A-3 is taken to stand after A2
    class Hyphenless(helpers.Table):
        @staticmethod
        def after(key, last):
            return key.replace("-", "") > last.replace("-", "")

    fake.answer = Hyphenless(helpers.vendors("A-1", "A-9", "A2", "A3"))
    assert set(read(page_size=2).keys()) == {"A-1", "A-9", "A2", "A3"}
    assert "$skip" in caplog.text


def test_order_may_be_demanded(fake, read, helpers):
    fake.answer = helpers.Table(helpers.vendors(*"ACB"))
    with pytest.raises(
        TapError, match=r"APVendors of company SAMINC cannot be read: .* set paging to auto"
    ):
        read(paging="keyset")


def test_missing_rows_are_logged(fake, read, helpers, caplog):
    fake.answer = lambda _request: helpers.page(
        helpers.vendors(*"AB")[: 2 if len(fake.requests) in {1, 3} else 0], count=5
    )
    assert set(read().keys()) == {"A", "B"}
    assert "expected 5 rows, received 2" in caplog.text


def test_without_a_count_the_end_is_asked_for(fake, read, helpers):
    """Kind: absent counts. What the server leaves out shows by $skip alone."""
    fake.answer = helpers.Table(helpers.vendors(*"ABC"), count=False)
    assert read(page_size=2).keys() == list("ABC")
    assert len(fake.requests) == 3
    assert fake.queries()[-1] == {"$top": "2", "$skip": "3", "$count": "true"}


def test_load_halves_the_page_and_calm_doubles_it_back(fake, read, helpers, monkeypatch):
    monkeypatch.setattr("tap_sage300.api.patience.seconds_to_wait", lambda *_: 0)
    table = helpers.Table(helpers.vendors(*(f"{n:03}" for n in range(100))))
    fake.answer = lambda r: helpers.Response("", 502) if len(fake.requests) in {2, 3} else table(r)
    assert len(read(page_size=8, max_retries=2).keys()) == 100
    tops = [int(query["$top"]) for query in fake.queries()]
    assert tops[:14] == [8, 8, 4, 2] + [2] * 10
    assert tops[14] == 4


def test_a_page_of_one_row_that_times_out_is_reported(fake, read, helpers, monkeypatch):
    monkeypatch.setattr("tap_sage300.api.patience.seconds_to_wait", lambda *_: 0)
    fake.answer = lambda _request: helpers.Response("", 504)
    with pytest.raises(TapError, match=r"even in smaller pages .HTTP 504, tries: 4"):
        read(page_size=3, max_retries=3)
    assert [query["$top"] for query in fake.queries()] == ["3", "1", "1", "1"]
