"""Bounds: of the time and size of an answer, of what waits in the ledger, and of a damaged one."""

from __future__ import annotations

import gzip
import json
import sqlite3
import time
import tracemalloc
import typing as t
from contextlib import closing
from decimal import Decimal

import pytest
from click.testing import CliRunner

from target_servicenow import loader
from target_servicenow.api import transport
from target_servicenow.api.errors import StopRunError, UnknownOutcomeError
from target_servicenow.api.oauth import BasicAuth
from target_servicenow.api.session import Session
from target_servicenow.api.wire import Connection
from target_servicenow.commands.group import ledger
from target_servicenow.ledger.entries import Entry
from target_servicenow.ledger.reader import LedgerReader
from target_servicenow.ledger.writer import LedgerWriter
from target_servicenow.mapping.types import ColumnType, render

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

    from conftest import Instance, Server, Singer

PATH = "/api/now/table/proc_vendor"
HEADERS = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 14\r\n"
BODY = b'{"result": []}'


def open_session(server: Server, seconds: float = 1) -> Session:
    connection = Connection(server.url, read_timeout_seconds=seconds, max_retries=0)
    return Session(connection, BasicAuth("u", "p"))


def drip(handler: BaseHTTPRequestHandler, pieces: list[bytes]) -> None:
    """Write pieces, each in less time than a timeout between two bytes would notice."""
    try:
        for piece in pieces:
            handler.wfile.write(piece)
            time.sleep(0.2)
    except OSError:  # the target has hung up
        handler.close_connection = True


SLOW = {
    "header": [HEADERS, *(b"X-Slow: %d\r\n" % n for n in range(20)), b"\r\n" + BODY],
    "body": [HEADERS + b"\r\n", *(BODY[n : n + 1] for n in range(len(BODY)))],
}


@pytest.mark.parametrize("part", SLOW)
def test_one_deadline_for_a_whole_answer(serve: Callable[..., Server], part: str) -> None:
    """Kind: an answer that comes byte by byte, and would keep a run for days."""
    server = serve(lambda handler: drip(handler, SLOW[part]))
    started = time.monotonic()
    with pytest.raises(UnknownOutcomeError):
        open_session(server).call("POST", PATH, what="writing x", body=b"{}", repeatable=False)
    assert time.monotonic() - started < 2


def test_a_kept_connection_has_a_new_deadline_for_each_answer(
    serve: Callable[..., Server],
) -> None:
    pieces = [HEADERS + b"\r\n", BODY[:5], BODY[5:]]
    session = open_session(serve(lambda handler: drip(handler, pieces)))
    for _ in range(3):
        assert session.call("GET", PATH, what="reading x").body == {"result": []}


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_an_answer_that_is_too_large(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    """Kind: an answer that fills the memory, most of all one that is small before it is read."""
    monkeypatch.setattr(transport, "MAX_ANSWER_BYTES", 1_000_000)
    content = b'"' + b"x" * 20_000_000 + b'"'
    body = gzip.compress(content, compresslevel=1) if encoding == "gzip" else content

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Encoding", encoding)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        drip(handler, [body])

    server = serve(answer)
    tracemalloc.start()
    with pytest.raises(StopRunError) as caught:
        open_session(server, seconds=30).call("GET", PATH, what="reading x")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert str(caught.value) == (
        f"The answer from {server.url} while reading x is larger than any of ServiceNow's: check "
        "instance_url, and whether a proxy answers instead"
    )
    assert peak < 10_000_000


@pytest.mark.parametrize("kind", ["string", "integer", "decimal"])
@pytest.mark.parametrize("text", ["1e99999999", "1e-99999999", "-7e999999999"])
def test_a_huge_number_is_rejected_cheaply(kind: str, text: str) -> None:
    """Kind: ten characters that are a hundred million when they are written out."""
    value = json.loads(text, parse_float=Decimal)
    tracemalloc.start()
    with pytest.raises(Exception, match=f"is not a valid {kind}"):
        render(value, ColumnType(kind))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_waiting_rows_are_read_in_pages(
    instance: Instance, singer: Singer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: memory that grows with what waits, each row with its whole record."""
    monkeypatch.setattr(loader, "RETRIED_TOGETHER", 20)
    rows, length = 200, 100_000
    with closing(LedgerWriter(instance.ledger)) as run:
        run.start(mode="apply", mapping="default")
        for number in range(rows):
            vendor = singer.vendor(number, Status=["none"], Comment="x" * length)["record"]
            name = f"sage300:SAMINC:Vendor:{number}"
            entry = Entry("proc_vendor", name, "rejected", stream="APVendors", payload=vendor)
            run.record([entry])
    tracemalloc.start()
    assert instance.run([singer.state(1)]).code == 0
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert instance.counts("proc_vendor") == {"created": rows}
    assert instance.rejects() == {}
    assert peak < rows * length / 2


def test_a_damaged_page_ends_in_one_sentence(
    instance: Instance, singer: Singer, tmp_path: Path
) -> None:
    """Kind: a ledger that is damaged anywhere, read by runs and by its command."""
    vendors = [singer.vendor(n, City="Delft") for n in range(20)]
    waiting = [singer.vendor(f"x{n}", StartDate="soon", Comment="y" * 900) for n in range(9)]
    assert instance.run(singer.vendors(*vendors, *waiting)).code == 0
    with closing(LedgerReader(instance.ledger)):
        whole = instance.ledger.read_bytes()
    size = 4096
    told = 0
    for page in range(1, len(whole) // size):
        damaged = whole[: page * size] + b"\xa5" * size + whole[(page + 1) * size :]
        instance.ledger.write_bytes(damaged)
        result = instance.run([*singer.vendors(vendors[0], waiting[0]), singer.state(1)])
        if result.code:
            [sentence] = result.errors
            assert sentence.startswith("The ledger "), sentence
            told += 1
        path = tmp_path / "copy.sqlite"
        path.write_bytes(damaged)
        for command in (["runs"], ["rejects"], ["export"], ["explain", "1"]):
            shown = CliRunner().invoke(ledger, ["--ledger", str(path), *command])
            assert shown.exception is None or isinstance(shown.exception, SystemExit), page
    assert told


@pytest.mark.parametrize("column", ["payload", "schema"])
def test_content_that_no_run_wrote(instance: Instance, singer: Singer, column: str) -> None:
    """Kind: a page that SQLite reads, but that holds something else."""
    bad = singer.vendor("1", StartDate="soon")
    assert instance.run(singer.vendors(bad)).code == 0
    table = "rejects" if column == "payload" else "schemas"
    with closing(sqlite3.connect(instance.ledger, isolation_level=None)) as db:
        db.execute(f"UPDATE {table} SET {column} = 'hush'")
    shown = CliRunner().invoke(ledger, ["--ledger", str(instance.ledger), "export"])
    assert shown.exit_code == 1
    assert shown.stderr.startswith("Error: The ledger (ledger_path) cannot be read (")
    if column == "payload":
        [sentence] = instance.run(singer.vendors()).errors
        assert sentence.startswith("The ledger (ledger_path) cannot be read (")
