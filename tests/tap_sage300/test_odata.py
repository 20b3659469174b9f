"""Literals, filters, query strings and pages."""

from __future__ import annotations

import datetime as dt
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_sage300.api import odata

DAY = dt.date(2026, 11, 18)
NOW = dt.datetime(2026, 11, 18, 12, tzinfo=dt.UTC)


def parse(content):
    return odata.parse_page(content, DAY, NOW)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("plain", "DateLastEdited ge 2026-11-18T00:00:00Z"),
        ("quoted", "DateLastEdited ge '2026-11-18T00:00:00Z'"),
        ("v3", "DateLastEdited ge datetime'2026-11-18T00:00:00'"),
    ],
)
def test_dates_in_three_forms(form, text):
    assert odata.changed_since("DateLastEdited", DAY, form) == text


@pytest.mark.parametrize(
    ("value", "text"), [("1200", "'1200'"), ("O'BR", "'O''BR'"), (58, "58"), ("", "''")]
)
def test_literals(value, text):
    assert odata.literal(value) == text


def test_filters_join_in_parentheses_so_that_or_keeps_to_itself():
    keys = odata.one_of(["BatchNumber"], [3, 5])
    assert keys == "BatchNumber eq 3 or BatchNumber eq 5"
    assert odata.all_of(keys, "", odata.after(["BatchNumber"], 2)) == (
        "(BatchNumber eq 3 or BatchNumber eq 5) and (BatchNumber gt 2)"
    )
    assert odata.all_of("", odata.after(["VendorNumber"], "12")) == "VendorNumber gt '12'"
    assert odata.all_of("", "") == ""


def test_a_key_of_two_properties_goes_on_after_both():
    names = ["BatchSelector", "BatchNumber"]
    assert odata.after(names, ("PY", 7)) == (
        "(BatchSelector gt 'PY') or (BatchSelector eq 'PY' and BatchNumber gt 7)"
    )
    assert odata.one_of(names, [("AD", 1), ("PY", 2)]) == (
        "(BatchSelector eq 'AD' and BatchNumber eq 1) or "
        "(BatchSelector eq 'PY' and BatchNumber eq 2)"
    )
    assert odata.all_of("D ge 1", odata.after(["A", "B"], ("x", "y"))) == (
        "(D ge 1) and ((A gt 'x') or (A eq 'x' and B gt 'y'))"
    )


def test_query_string_keeps_dollars_and_writes_blanks_as_percent_20():
    query = odata.query_string(
        20, filters="VendorNumber gt 'A&B #+%'", skip=40, select=("A", "B"), count=True
    )
    assert query == (
        "$filter=VendorNumber%20gt%20'A%26B%20%23%2B%25'&$top=20&$skip=40&$select=A,B&$count=true"
    )
    assert odata.query_string(5) == "$top=5"


def test_select_is_omitted_where_it_would_be_too_long_for_iis():
    names = [f"Property{number:04}" for number in range(200)]
    assert odata.worth_selecting(names) == ()
    assert odata.worth_selecting(names[:20]) == tuple(names[:20])


@given(st.text(min_size=1).filter(lambda text: text.isprintable()))
def test_any_key_survives_the_query_string(key):
    sent = odata.query_string(1, filters=odata.after(["VendorNumber"], key))
    (received,) = parse_qs(sent)["$filter"]
    assert received == "VendorNumber gt '" + key.replace("'", "''") + "'"


def test_resource_address_quotes_the_company():
    vendors = odata.Resource("A/B", "AP", "APVendors")
    assert vendors.address("http://h/Sage300WebApi") == (
        "http://h/Sage300WebApi/v1.0/-/A%2FB/AP/APVendors"
    )


def test_page_keeps_numbers_to_the_digit():
    page = parse(
        b'{"@odata.count": 250, "value": [{"a": 0.000, "b": 12345678901234567.89, "c": 7}],'
        b'"@odata.nextLink": "https://wrong.example/x?$count=true&$skip=100&$select=a%2Cb"}'
    )
    (row,) = page.records
    assert [str(row[name]) for name in "abc"] == ["0.000", "12345678901234567.89", "7"]
    assert (page.count, page.more, page.next_skip) == (250, True, 100)


@pytest.mark.parametrize(
    ("count", "read"),
    [("350", 350), ('"350"', 350), ("{}", None), ("[1]", None), ("-1", None), ("1.5", None),
     ("9" * 30, None), ('"\u00b2"', None), ("null", None)],
)  # fmt: skip
def test_a_count_that_is_none_is_not_used(count, read):
    assert parse(f'{{"value": [], "@odata.count": {count}}}'.encode()).count == read


@pytest.mark.parametrize("link", ["5", '{"a": 1}', '"http://[bad?$skip=3"', '"x?$skip=-1"', "true"])
def test_a_link_that_is_none_announces_a_page_and_no_more(link):
    page = parse(f'{{"value": [], "@odata.nextLink": {link}}}'.encode())
    assert (page.more, page.next_skip) == (True, None)


@pytest.mark.parametrize("lead", ['"', '"\\ud800'])
def test_json_nested_too_deep_is_no_page(lead):
    text = lead + '": ' + "[" * 200_000 + "]" * 200_000
    with pytest.raises(ValueError):  # noqa: PT011 - msgspec's or ours
        parse(b'{"value": [], ' + text.encode() + b"}")


def test_a_byte_order_mark_is_accepted():
    assert parse(b'\xef\xbb\xbf{"value": [{"City": "Gouda"}]}').records == [{"City": "Gouda"}]


def test_page_without_link_or_count():
    page = parse(b'{"value": []}')
    assert (page.records, page.count, page.more, page.next_skip) == ([], None, False, None)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>sign on</html>",
        b'{"value": [{"a": 1}',
        b'{"error": {}}',
        b"[]",
        b'{"value": ["text"]}',
        b'{"value": [{"a": NaN}]}',
        b"",
    ],
)
def test_anything_else_is_not_a_page(body):
    with pytest.raises(ValueError):  # noqa: PT011 - json's own error is one too
        parse(body)
