"""How fast the sandbox itself is, so that benches on it measure tap and target instead.

python bench/sandbox.py
"""

from __future__ import annotations

import base64
import gc
import json
import time
import tracemalloc
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import requests

from sage300_servicenow_sandbox import Sandbox, SandboxOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

GENERATED = 100_000
ROWS = 10_000
ITEMS = 200
CALLS = 3_000
TABLE = "/api/now/table/proc_vendor"
JSON = {"Accept": "application/json", "Content-Type": "application/json"}


def main() -> None:
    """Print a small table; every figure is of this one run."""
    print(f"{'what':44}{'rate':>18}{'time':>10}")
    options = SandboxOptions(
        sage_port=0, servicenow_port=0, vendors=GENERATED, accounts=44, batches=0, log_size=500
    )
    with ExitStack() as ending:
        with timed(f"generate {GENERATED:,} vendors", GENERATED, "rows/s"):
            sandbox = ending.enter_context(Sandbox(options))
        with timed(f"read {ROWS:,} vendors, 100 a call", ROWS, "rows/s"):
            read_vendors(sandbox)
        with timed(f"write {ROWS:,} rows, {ITEMS} a Batch call", ROWS, "rows/s"):
            write_rows(sandbox)
        watch_memory(sandbox)


@contextmanager
def timed(what: str, count: int, unit: str) -> Iterator[None]:
    """Print how long the with block took and what that is per second."""
    begun = time.perf_counter()
    yield
    seconds = time.perf_counter() - begun
    print(f"{what:44}{count / seconds:>9,.0f} {unit:8}{seconds:>8.1f} s", flush=True)


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


def watch_memory(sandbox: Sandbox) -> None:
    """Call often, and print what the memory grew by meanwhile; tracing makes the calls slow."""
    session = requests.Session()
    session.auth = ("INTEGRATION", "SANDBOX")
    url = f"{sandbox.sage_url}/v1.0/-/SAMINC/AP/APVendors"
    tracemalloc.start()
    call(session, url, 2 * sandbox.options.log_size)  # so that the log of requests is full
    before = allocated()
    with timed(f"{CALLS:,} calls for one record, traced", CALLS, "calls/s"):
        call(session, url, CALLS)
    print(f"{'memory grown over those calls':44}{(allocated() - before) / 2**10:>9,.1f} KiB")


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
