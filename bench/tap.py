"""What tap-sage300 costs: time compared with the shortest loop over the same pages, memory, calls.

The loop asks for the same pages with requests, reads them with json.loads and writes each record
as a line with json.dumps; it keeps no state, checks nothing and cannot be resumed where it was cut.
Calls are what the sandbox counted.
"""

from __future__ import annotations

import datetime as dt
import http.server
import json
import sys
import tempfile
import threading
import typing as t
from collections import Counter
from contextlib import contextmanager
from importlib.resources import files
from math import ceil
from pathlib import Path

from measure import (
    MEBIBYTE,
    Cost,
    Systems,
    cost,
    median,
    row,
    start_up,
    systems,
    until_written,
    written,
)

if t.TYPE_CHECKING:
    from collections.abc import Iterator

SMALL, MIDDLE, LARGE = 20_000, 50_000, 200_000
ROUNDS = 5
PAGE, BATCH_PAGE = 100, 20
EDITS = 50
SPARE_CALLS = 5
DAY_CALLS = 10
OPEN = 10
DAYS = (30, 1)
INVOICES = 10_000
PROPERTIES = 60
INVOICES_PER_BATCH = (25, 100, 400, 1_600, INVOICES)
SIZES = {"AP/APVendors": (20_000, PAGE), "GL/GLAccounts": (5_000, PAGE)}
BATCHES = ("AP/APInvoiceBatches", 2_000, BATCH_PAGE)

LOOP = """
import json, sys, requests
session = requests.Session()
session.auth = ("INTEGRATION", "SANDBOX")
session.headers["Content-Type"] = "application/json"
asked, rows = {"$top": "100"}, [None]
while rows:
    rows = json.loads(session.get(sys.argv[1], params=asked).content)["value"]
    for one in rows:
        sys.stdout.write(json.dumps(one) + "\\n")
    if rows:
        asked["$filter"] = f"VendorNumber gt '{rows[-1]['VendorNumber']}'"
"""


def first_record(folder: Path) -> None:
    """Measure the time until the first record is written."""
    with systems(vendors=PAGE, accounts=1, batches=0) as at:
        command = at.tap(folder)
        start_up(
            "time to the first record, beside the import of the SDK",
            lambda: until_written(command, b'{"type":"RECORD"'),
        )


def throughput(folder: Path) -> None:
    """Measure the time of a whole read, compared with the loop's."""
    with systems(vendors=MIDDLE, accounts=1, batches=0) as at:
        loop = [sys.executable, "-c", LOOP, f"{at.sage}/v1.0/-/SAMINC/AP/APVendors"]
        reading, looping = [], []
        for _ in range(ROUNDS):
            looping.append(cost(loop))
            reading.append(cost(at.tap(folder)))
        tap, least = median(reading), median(looping)
        for what, ratio, most in (
            ("time", tap.wall / least.wall, 1.05),
            ("processor", tap.processor / least.processor, 1.25),
        ):
            row(
                f"{what}: {MIDDLE:,} vendors, beside the shortest loop",
                f"{ratio:.2f}",
                f"<= {most:.2f}",
                met=ratio <= most,
            )


def memory(folder: Path) -> None:
    """Measure the peak of memory as rows grow."""
    peaks = []
    for rows in (SMALL, LARGE):
        with systems(vendors=rows, accounts=1, batches=0) as at:
            peaks.append(cost(at.tap(folder)).peak)
    small, large = peaks
    row(
        f"memory: {LARGE:,} vendors beside {SMALL:,} ({small / MEBIBYTE:.0f} MiB)",
        f"{large / small:.2f}",
        "<= 1.15",
        met=large <= 1.15 * small,
    )


def calls(folder: Path) -> None:
    """Count the calls of a first load, and of the day after with some edits."""
    (vendors, _), (accounts, _) = SIZES.values()
    # The bookmark never passes this machine's own day, so the sandbox has its days before it.
    start = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=sum(DAYS))
    with systems(vendors=vendors, accounts=accounts, batches=BATCHES[1], start=start) as at:
        printed = folder / "printed.jsonl"
        counted = calls_of(at, folder, printed)
        for resource, (rows, page) in {**SIZES, BATCHES[0]: BATCHES[1:]}.items():
            most = ceil(rows / page) + SPARE_CALLS
            found = counted[resource]
            what = resource.partition("/")[2]
            row(f"calls: first load, {rows:,} {what}", f"{found}", f"<= {most}", met=found <= most)
        state = folder / "state.json"
        settle(at)
        for days in DAYS:
            written(state, last_state(printed))
            at.control.advance_clock(days * 86_400)
            work(at)
            counted = calls_of(at, folder, printed, "--state", state)
        found = sum(n for resource, n in counted.items() if resource != "GL/GLAccounts")
        row(
            f"calls: a day, {EDITS} edits, {OPEN} open batches, besides the accounts",
            f"{found}",
            f"<= {DAY_CALLS}",
            met=found <= DAY_CALLS,
        )


def calls_of(at: Systems, folder: Path, printed: Path, *options: str | Path) -> Counter[str]:
    """Return the calls of a run of the tap, by resource."""
    at.control.reset_counters()
    cost([*at.tap(folder, page_size=PAGE, document_page_size=BATCH_PAGE), *options], writes=printed)
    return Counter(at.control.counters()["sage300"]["by_path"])


def last_state(printed: Path) -> t.Any:
    """Return the state that a run ended with."""
    with printed.open(encoding="utf-8") as lines:
        *_, state = (line for line in lines if line.startswith('{"type":"STATE"'))
    return json.loads(state)["value"]


def settle(at: Systems) -> None:
    """Post all batches but the few that are open on an ordinary day."""
    batches = at.control.records("SAMINC", "APInvoiceBatches")
    unposted = [b for b in batches if b["BatchStatus"] in {"Open", "ReadyToPost"}]
    for batch in unposted[OPEN:]:
        at.control.post_batch("SAMINC", batch["BatchNumber"])


def work(at: Systems) -> None:
    """Do what people do in a day: edit the open batches, and some vendors."""
    vendors = at.control.records("SAMINC", "APVendors")
    batches = at.control.records("SAMINC", "APInvoiceBatches")
    opened = [b for b in batches if b["BatchStatus"] in {"Open", "ReadyToPost"}]
    for batch in opened:
        at.control.edit("SAMINC", "APInvoiceBatches", batch["BatchNumber"], Description="Edited")
    for vendor in vendors[:: len(vendors) // EDITS][: EDITS - len(opened)]:
        at.control.edit("SAMINC", "APVendors", vendor["VendorNumber"], City="Elsewhere")


def large_records(folder: Path) -> None:
    """Measure processor time and memory as batches grow; each run reads one page of 10,000."""
    pages = {size: page(size, INVOICES // size) for size in INVOICES_PER_BATCH}
    pages[0] = page(0, 1)
    taken: dict[int, list[Cost]] = {size: [] for size in pages}
    settings = {"document_page_size": INVOICES, "max_retries": 0}  # it serves no $metadata
    with serving(pages) as at:
        for _ in range(ROUNDS):
            for size, costs in taken.items():
                costs.append(cost(at.tap(folder, companies=[str(size)], **settings)))
    start = median(taken.pop(0))
    each = {
        size: (median(costs).processor - start.processor) / (size * (INVOICES // size))
        for size, costs in taken.items()
    }
    smallest = each[INVOICES_PER_BATCH[0]]
    for size in INVOICES_PER_BATCH[1:]:
        ratio = each[size] / smallest
        row(
            f"processor an invoice: batches of {size:,} beside {INVOICES_PER_BATCH[0]} "
            f"({each[size] * 1e6:.0f} beside {smallest * 1e6:.0f} us)",
            f"{ratio:.2f}",
            "<= 1.30",
            met=ratio <= 1.3,  # noqa: PLR2004
        )
    for size in (INVOICES_PER_BATCH[0], INVOICES):
        text = len(pages[size])
        ratio = (median(taken[size]).peak - start.peak) / text
        row(
            f"memory: a page of batches of {size:,} ({text / MEBIBYTE:.0f} MiB), beside its text",
            f"{ratio:.2f}",
            "<= 2.00",
            met=ratio <= 2,  # noqa: PLR2004
        )


def page(invoices: int, batches: int) -> bytes:
    """Return a page of invoice batches of the shipped schema, with two lines in each invoice."""
    source = files("tap_sage300") / "schemas" / "APInvoiceBatches.json"
    schema = json.loads(source.read_text(encoding="utf-8"))
    batch = example(schema)
    (invoice,) = batch["Invoices"]
    invoice["InvoiceDetails"] *= 2
    rows = [
        {**batch, "BatchNumber": number, "Invoices": [invoice] * invoices}
        for number in range(1, batches + 1)
    ]
    return json.dumps({"@odata.count": len(rows), "value": rows}).encode()


def example(schema: dict[str, t.Any]) -> t.Any:
    """Return a value that a schema allows, with one item in a list and not too many properties."""
    kinds = schema["type"]
    kind = kinds if isinstance(kinds, str) else kinds[0]
    if kind == "object":
        parts = schema["properties"]
        plain = [name for name, part in parts.items() if "items" not in part][:PROPERTIES]
        inner = [name for name in ("Invoices", "InvoiceDetails") if name in parts]
        return {name: example(parts[name]) for name in plain + inner}
    if kind == "array":
        return [example(schema["items"])]
    if schema.get("format") == "date-time":
        return "2026-11-20T00:00:00Z"
    return {"string": "Text of a usual length", "number": 1234.5, "integer": 58, "boolean": True}[
        kind
    ]


@contextmanager
def serving(pages: dict[int, bytes]) -> Iterator[Systems]:
    """Serve pages from memory: the company in the address says which; other modules are empty."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            _, company, module, resource = self.path.partition("?")[0].rsplit("/", 3)
            is_known = module == "AP" and resource == "APInvoiceBatches"
            body = pages[int(company)] if is_known else b'{"value": []}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/Sage300WebApi"
        yield Systems(sage=address, servicenow="")
        server.shutdown()


def main() -> None:
    """Print the table."""
    for measured in (first_record, large_records, calls, throughput, memory):
        with tempfile.TemporaryDirectory() as folder:
            measured(Path(folder))


if __name__ == "__main__":
    main()
