"""How fast the sandbox itself is, so that benches on it measure tap and target instead.

python bench/sandbox.py

Each figure is printed beside its target. Rates are per second of processor time, the client's own
included, so that other work on the machine changes them little; `time` is wall time. A missed
target is marked and fails nothing.
"""

from __future__ import annotations

import base64
import gc
import json
import time
import tracemalloc
import typing as t
from contextlib import ExitStack, contextmanager

import requests

from sage300_servicenow_sandbox import Sandbox, SandboxOptions

if t.TYPE_CHECKING:
    from collections.abc import Iterator

GENERATED = 100_000
ROWS = 10_000
ITEMS = 200
CALLS = 3_000
MOST_GROWN = 100  # KiB; 35 bytes a call
SMALL_BATCH, LARGE_BATCH = 1_000, 10_000  # invoices
MOST_PER_INVOICE = 1.5
TABLE = "/api/now/table/proc_vendor"
JSON = {"Accept": "application/json", "Content-Type": "application/json"}


def main() -> None:
    """Print a small table; every figure is of this one run."""
    print(f"{'what':42}{'figure':>20}{'target':>20}{'time':>10}")
    options = SandboxOptions(
        sage_port=0, servicenow_port=0, vendors=GENERATED, accounts=44, batches=0, log_size=500
    )
    with ExitStack() as ending:
        with timed(f"generate {GENERATED:,} vendors", GENERATED, least=5_000):
            sandbox = ending.enter_context(Sandbox(options))
        with timed(f"read {ROWS:,} vendors, 100 a call", ROWS, least=5_000):
            read_vendors(sandbox)
        with timed(f"write {ROWS:,} rows, {ITEMS} a Batch call", ROWS, least=2_500):
            write_rows(sandbox)
        watch_memory(sandbox)
    serve_batches()


@contextmanager
def timed(what: str, rows: int, *, least: int) -> Iterator[None]:
    """Print the rows per processor second of the with block; `least` is the target."""
    begun, worked = time.perf_counter(), time.process_time()
    yield
    rate = rows / (time.process_time() - worked)
    seconds = time.perf_counter() - begun
    say(what, f"{rate:,.0f} rows/s", f"at least {least:,}", met=rate >= least, seconds=seconds)


def say(what: str, figure: str, target: str, *, met: bool, seconds: float) -> None:
    """Print one line of the table."""
    verdict = "" if met else "  MISSED"
    print(f"{what:42}{figure:>20}{target:>20}{seconds:>8.1f} s{verdict}", flush=True)


def read_vendors(sandbox: Sandbox) -> None:
    """Read vendors by key, as a careful client does."""
    session = requests.Session()
    session.auth = ("INTEGRATION", "SANDBOX")
    url = f"{sandbox.sage_url}/v1.0/-/SAMINC/AP/APVendors"
    last, count = "", 0
    while count < ROWS:
        answer = session.get(url, params={"$filter": f"VendorNumber gt '{last}'"})
        vendors = answer.json()["value"]
        count += len(vendors)
        last = vendors[-1]["VendorNumber"]


def write_rows(sandbox: Sandbox) -> None:
    """Create rows in Batch calls."""
    session = requests.Session()
    session.auth = ("integration", "sandbox")
    headers = [{"name": name, "value": value} for name, value in JSON.items()]
    for start in range(0, ROWS, ITEMS):
        items = [
            {
                "id": str(number),
                "method": "POST",
                "url": TABLE,
                "headers": headers,
                "exclude_response_headers": True,
                "body": base64.b64encode(row(number)).decode(),
            }
            for number in range(start, start + ITEMS)
        ]
        answer = session.post(
            sandbox.servicenow_url + "/api/now/v1/batch",
            json={"batch_request_id": str(start), "rest_requests": items},
            headers=JSON,
        )
        statuses = {item["status_code"] for item in answer.json()["serviced_requests"]}
        if statuses != {201}:
            raise SystemExit(f"A Batch call was answered with {statuses}.")


def row(number: int) -> bytes:
    """Return a vendor's row as JSON."""
    columns = {
        "correlation_id": f"bench:{number}",
        "name": f"Vendor {number}",
        "city": "Leeds",
        "street": f"{number} Mill Lane",
        "zip": "LS1 4AP",
        "country": "United Kingdom",
        "phone": "5551234567",
    }
    return json.dumps(columns).encode()


def serve_batches() -> None:
    """Serve a small and a large invoice batch; print how much longer each invoice takes in it."""
    spent = {}
    begun = time.perf_counter()
    for invoices in (SMALL_BATCH, LARGE_BATCH):
        options = SandboxOptions(
            sage_port=0,
            servicenow_port=0,
            vendors=50,
            accounts=50,
            batches=1,
            invoices_per_batch=invoices,
            lines_per_invoice=2,
        )
        with Sandbox(options) as sandbox:
            url = f"{sandbox.sage_url}/v1.0/-/SAMINC/AP/APInvoiceBatches"
            worked = time.process_time()
            with requests.get(
                url, auth=("INTEGRATION", "SANDBOX"), stream=True, timeout=600
            ) as answer:
                answer.raise_for_status()
                for _ in answer.iter_content(2**20):
                    pass
            spent[invoices] = (time.process_time() - worked) / invoices
    ratio = spent[LARGE_BATCH] / spent[SMALL_BATCH]
    what = f"a batch of {LARGE_BATCH:,}, beside one of {SMALL_BATCH:,}"
    seconds = time.perf_counter() - begun
    say(
        what,
        f"{ratio:.2f}",
        f"at most {MOST_PER_INVOICE:.2f}",
        met=ratio <= MOST_PER_INVOICE,
        seconds=seconds,
    )


def watch_memory(sandbox: Sandbox) -> None:
    """Call often, and print how much memory grew; tracing makes the calls slow."""
    session = requests.Session()
    session.auth = ("INTEGRATION", "SANDBOX")
    url = f"{sandbox.sage_url}/v1.0/-/SAMINC/AP/APVendors"
    tracemalloc.start()
    call(session, url, 2 * sandbox.options.log_size)  # so that the log of requests is full
    before, begun = allocated(), time.perf_counter()
    call(session, url, CALLS)
    seconds = time.perf_counter() - begun
    grown = (allocated() - before) / 2**10
    met = grown <= MOST_GROWN
    what = f"memory grown over {CALLS:,} calls, traced"
    say(what, f"{grown:,.1f} KiB", f"at most {MOST_GROWN}", met=met, seconds=seconds)


def call(session: requests.Session, url: str, times: int) -> None:
    """Ask for one record, often."""
    for number in range(times):
        session.get(url, params={"$top": 1, "$skip": number % 50}).raise_for_status()


def allocated() -> int:
    """Return the memory that Python objects take, in bytes, after what can be freed was freed."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


if __name__ == "__main__":
    main()
