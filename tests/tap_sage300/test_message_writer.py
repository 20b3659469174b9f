"""Record lines, as a target on any system reads them."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import pytest

from tap_sage300 import odata
from tap_sage300.lines import Envelope

AT = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)


def test_a_line_is_a_whole_record_message():
    line = Envelope("APVendors", AT).line({"VendorNumber": "1", "ShortName": None})
    assert line == (
        '{"type":"RECORD","stream":"APVendors","record":{"VendorNumber":"1","ShortName":null},'
        '"time_extracted":"2026-11-20T12:00:00+00:00"}\n'
    )


@pytest.mark.parametrize(
    "text", ["Müller & Söhne", "名古屋", "\U0001f69a", "\u2028", '"\\\u0000\x7f', "Ünï 🚚 \u0000é"]
)
def test_every_letter_arrives_and_the_line_is_ascii(text):
    line = Envelope("APVendors", AT).line({"VendorName": text, text: 1})
    assert line.isascii()
    assert json.loads(line)["record"] == {"VendorName": text, text: 1}


@pytest.mark.parametrize(
    "digits", ["0.000", "-0.10", "132800", "99999999999999999.99", "0.0000001", "1E+5"]
)
def test_amounts_pass_from_page_to_line_to_the_digit(digits):
    page = odata.parse_page(f'{{"value": [{{"Amount": {digits}}}]}}'.encode())
    line = Envelope("APInvoiceBatches", AT).line(page.records[0])
    amount = json.loads(line, parse_float=Decimal)["record"]["Amount"]
    assert Decimal(amount).as_tuple() == Decimal(digits).as_tuple()


def test_half_a_letter_passes_as_it_came():
    page = odata.parse_page(rb'{"value": [{"VendorName": "cut \ud83d", "Amount": 0.10}]}')
    line = Envelope("APVendors", AT).line(page.records[0])
    assert '"cut \\ud83d"' in line
    assert json.loads(line, parse_float=str)["record"]["Amount"] == "0.10"
