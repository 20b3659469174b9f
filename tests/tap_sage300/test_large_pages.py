"""Pages of many megabytes: the same records as of small ones, in little more memory."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tap_sage300.api import lazy, odata

AT = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
COMMAND = str(Path(sys.executable).with_name("tap-sage300"))
MEBIBYTE = 1 << 20
INVOICES = 3_000
WORDS = "Many words, so that there is more text than objects. " * 6


@pytest.fixture
def small_is_large(monkeypatch):
    """Take every page and everything in it for large."""

    def apply(limit):
        monkeypatch.setattr(lazy, "LARGE", limit)

    return apply


def lines(output):
    """What was written, but for the time it was written at and the version made of it."""
    varying = re.compile(r'"time_extracted":"[^"]*"|"(?:swept_)?version":\d+')
    return [varying.sub("", line) for line in output.text.splitlines()]


@pytest.mark.parametrize("limit", [0, 300, 3_000])
def test_a_site_reads_the_same(site, served, helpers, small_is_large, limit):
    """Kind: what is parsed part by part, at every size of the parts."""
    site.behave(site_properties={"APVendors": {"PartnerRating": "decimal 3"}})
    number = site.records("APVendors")[0]["VendorNumber"]
    site.edit("APVendors", number, VendorName="Zo\u00eb \U0001f69a", PartnerRating=4.25)
    config = {**site.config, "document_page_size": 5}
    expected = lines(helpers.sync(config, catalog=helpers.only(*served)))
    small_is_large(limit)
    assert lines(helpers.sync(config, catalog=helpers.only(*served))) == expected


def test_stream_maps_see_whole_records(site, helpers, small_is_large):
    """Kind: a large record that the SDK maps."""
    config = {**site.config, "stream_maps": {"APInvoiceBatches": {"Total": "BatchTotal"}}}
    expected = lines(helpers.sync(config, catalog=helpers.only("APInvoiceBatches")))
    small_is_large(100)
    assert lines(helpers.sync(config, catalog=helpers.only("APInvoiceBatches"))) == expected


def batch(**more):
    return {"BatchNumber": 1, "BatchStatus": "Posted", "DateLastEdited": None, **more}


def page(*rows, **more):
    return json.dumps({"value": rows, **more}, ensure_ascii=False).encode()


def parse(content):
    return odata.parse_page(content, AT.date(), AT)


HALF = [{"EntryNumber": 1, "Invoices@odata.nextLink": "x"}, {"EntryNumber": 2}]


def test_a_nested_list_that_goes_on_elsewhere_is_seen(small_is_large):
    small_is_large(20)
    found = parse(page(batch(Invoices=[{"InvoiceDetails": HALF}]), batch(Invoices=[])))
    assert found.incomplete == {0}


@pytest.mark.parametrize(
    "content",
    [
        page(batch())[:-3],
        page(batch(Description="x")).replace(b"x", b"\xff"),
        page(batch(Description="x")).replace(b'"x"', b"NaN"),
        page(batch(Invoices=[{"A": "x"}])).replace(b'"x"', b"01"),
        page(batch(Invoices=[{"A": "x"}])).replace(b'"x"', b"9" * 8_000),
        page(batch(), "x"),
        b'{"value": {"a": ' + b"1" * 100 + b"}}",
        b'{"count": ' + b"1" * 100 + b"}",
        b"[" * 100_000,
    ],
)
def test_what_is_no_page_is_found_at_once(small_is_large, content):
    """Kind: a page that breaks off or is garbled, of which no part is written before it is seen."""
    small_is_large(20)
    with pytest.raises(ValueError, match=r"."):
        parse(content)


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("0.10", None),
        ("1E+5", None),
        ("9" * 300, None),
        (f'"{"9" * 5_000}"', None),
        (r'"cut \ud83d"', None),
        ('"\u540d\u53e4\u5c4b"', r'"\u540d\u53e4\u5c4b"'),
        ('{"A":[1,{"B":[]}],"C":""}', None),
        ("null", None),
    ],
    ids=lambda value: str(value)[:12],
)
def test_values_pass_as_they_came(fake, read, helpers, small_is_large, value, sent):  # noqa: PLR0917
    """Kind: digits, half a surrogate pair, or a shape that no schema knows."""
    small_is_large(20)
    row = json.dumps(batch(Invoices=[{"EntryNumber": 1, "Odd": "ODD"}, None, "x"]))
    body = b"\xef\xbb\xbf" + f'{{"value": [{row}]}}'.replace('"ODD"', value).encode()
    fake.answer = lambda _request: helpers.Response(body)
    text = read("APInvoiceBatches").text.replace(", ", ",").replace(": ", ":")
    assert f'"Invoices":[{{"EntryNumber":1,"Odd":{sent or value}}},null,"x"]' in text


@pytest.fixture
def huge():
    """A server with pages of one batch each, and the size of such a page."""
    details = {f"Property{n:02}": f"{WORDS}{n}" for n in range(40)}
    invoices = [{"EntryNumber": n, "Amount": 1.5, **details} for n in range(INVOICES)]
    pages = {
        number: page(batch(BatchNumber=number, Invoices=invoices), **{"@odata.count": 2})
        for number in (1, 2)
    }
    pages[3] = page(batch(BatchNumber=3, Invoices=[]), **{"@odata.count": 1})

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            last = re.search(r"gt%20(\d)", self.path)
            body = pages[int(last[1]) + 1 if last else 3 if "/SMALL/" in self.path else 1]
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/Sage300WebApi", len(pages[1])
        server.shutdown()


# A process begins with the peak of memory of the one that made it, so a small one makes it.
RUN = """
import os, subprocess, sys
with open(sys.argv[1], "wb") as file:
    process = subprocess.Popen(sys.argv[2:], stdout=file)
    _, status, used = os.wait4(process.pid, 0)
print(used.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(os.name != "posix", reason="the peak of memory as POSIX tells it")
def test_memory_stays_near_the_largest_page(huge, helpers, tmp_path):
    """Kind: one batch that fills a page; before, it took six times the memory of its text."""
    url, size = huge
    (tmp_path / "catalog.json").write_text(json.dumps(helpers.only("APInvoiceBatches")))
    settings = {"api_url": url, "username": "u", "password": "p", "min_call_interval_ms": 0}
    peaks = {}
    for company in ("SMALL", "LARGE"):
        config = tmp_path / f"{company}.json"
        config.write_text(json.dumps({**settings, "companies": [company]}), encoding="utf-8")
        command = [COMMAND, "--config", config, "--catalog", tmp_path / "catalog.json"]
        ran = helpers.measured(RUN, tmp_path / "out.jsonl", *command)
        peaks[company] = int(ran.stdout)
    written = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line)["record"] for line in written if line.startswith('{"type":"REC')]
    assert [len(record["Invoices"]) for record in records] == [INVOICES, INVOICES]
    assert size > 32 * MEBIBYTE  # which the C library takes from the system, and gives back
    assert peaks["LARGE"] - peaks["SMALL"] < 2 * size
