"""Lines, as a target on any system reads them."""

from __future__ import annotations

import datetime as dt
import json
import sys
from decimal import Decimal

import pytest
from singer_sdk.singerlib import StateMessage

from tap_sage300.api import odata
from tap_sage300.message_writer import Envelope, MessageWriter

AT = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)


def line_of(stream, record):
    return b"".join(Envelope(stream, AT).line(record))


def page(content):
    return odata.parse_page(content, AT.date(), AT)


def test_a_line_is_a_whole_record_message():
    line = line_of("APVendors", {"VendorNumber": "1", "ShortName": None})
    assert line == (
        b'{"type":"RECORD","stream":"APVendors","record":{"VendorNumber":"1","ShortName":null},'
        b'"time_extracted":"2026-11-20T12:00:00+00:00"}\n'
    )


@pytest.mark.parametrize(
    "text", ["Müller & Söhne", "名古屋", "\U0001f69a", "\u2028", '"\\\u0000\x7f', "Ünï 🚚 \u0000é"]
)
def test_every_character_arrives_and_the_line_is_ascii(text):
    line = line_of("APVendors", {"VendorName": text, text: 1})
    assert line.isascii()
    assert json.loads(line)["record"] == {"VendorName": text, text: 1}


@pytest.mark.parametrize(
    "digits", ["0.000", "-0.10", "132800", "99999999999999999.99", "0.0000001", "1E+5"]
)
def test_amounts_pass_from_page_to_line_to_the_digit(digits):
    received = page(f'{{"value": [{{"Amount": {digits}}}]}}'.encode())
    line = line_of("APInvoiceBatches", received.records[0])
    amount = json.loads(line, parse_float=Decimal)["record"]["Amount"]
    assert Decimal(amount).as_tuple() == Decimal(digits).as_tuple()


def test_half_a_surrogate_pair_passes_as_it_came():
    received = page(rb'{"value": [{"VendorName": "cut \ud83d", "Amount": 0.10}]}')
    line = line_of("APVendors", received.records[0])
    assert b'"cut \\ud83d"' in line
    assert json.loads(line, parse_float=str)["record"]["Amount"] == "0.10"


def test_messages_and_text_stay_in_order(helpers):
    writer = MessageWriter()
    with helpers.captured() as text:
        sys.stdout.write("first\n")
        writer.hold(b"second\n")
        writer.write_message(StateMessage(value={"name": "Åbo"}))
        sys.stdout.write("last\n")
    assert text().splitlines() == [
        "first",
        "second",
        r'{"type":"STATE","value":{"name":"\u00c5bo"}}',
        "last",
    ]
