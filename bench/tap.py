"""What tap-sage300 costs: time beside the shortest loop over the same pages, memory, calls.

The loop asks for the same pages with requests, reads them with json.loads and writes each record
as a line with json.dumps; it keeps no state, checks nothing and could not go on where it was cut.
Calls are what the sandbox counted.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measure import MEBIBYTE, cost, median, row, systems, written

if TYPE_CHECKING:
    from measure import Systems

SMALL, MIDDLE, LARGE = 20_000, 50_000, 200_000
ROUNDS = 5
PAGE, BATCH_PAGE = 100, 20
EDITS = 50
SPARE_CALLS = 5
DAY_CALLS = 10
OPEN = 10
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


def throughput(folder: Path) -> None:
    """Time of a whole read, beside the loop's."""
    with systems(vendors=MIDDLE, accounts=1, batches=0) as at:
        loop = [sys.executable, "-c", LOOP, f"{at.sage}/v1.0/-/SAMINC/AP/APVendors"]
        reading, looping = [], []
        for _ in range(ROUNDS):
            looping.append(cost(loop))
            reading.append(cost(at.tap(folder)))
        tap, least = median(reading), median(looping)
        for what, ratio, most in (
            ("time", tap.wall / least.wall, 1.25),
            ("processor", tap.processor / least.processor, 2.0),
        ):
            row(
                f"{what}: {MIDDLE:,} vendors, beside the shortest loop",
                f"{ratio:.2f}",
                f"<= {most:.2f}",
                met=ratio <= most,
            )


def memory(folder: Path) -> None:
    """The peak of memory as rows grow."""
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
    """Calls of a first load, and of the day after with some edits."""
    (vendors, _), (accounts, _) = SIZES.values()
    with systems(vendors=vendors, accounts=accounts, batches=BATCHES[1]) as at:
        printed = folder / "printed.jsonl"
        counted = calls_of(at, folder, printed)
        for resource, (rows, page) in {**SIZES, BATCHES[0]: BATCHES[1:]}.items():
            most = ceil(rows / page) + SPARE_CALLS
            found = counted[resource]
            what = resource.partition("/")[2]
            row(f"calls: first load, {rows:,} {what}", f"{found}", f"<= {most}", met=found <= most)
        state = folder / "state.json"
        settle(at)
        for days in (30, 1):
            written(state, last_state(printed))
            at.control("POST", "clock", {"advance_seconds": days * 86_400})
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
    """Calls of a run of the tap, by resource."""
    at.control("POST", "counters/reset")
    cost([*at.tap(folder, page_size=PAGE, batch_page_size=BATCH_PAGE), *options], writes=printed)
    return Counter(at.control("GET", "counters")["sage300"]["by_path"])


def last_state(printed: Path) -> Any:
    """The state a run ended with."""
    with printed.open(encoding="utf-8") as lines:
        *_, state = (line for line in lines if line.startswith('{"type":"STATE"'))
    return json.loads(state)["value"]


def settle(at: Systems) -> None:
    """Post all batches but the few that are open on an ordinary day."""
    batches = at.control("GET", "sage300/SAMINC/APInvoiceBatches")["records"]
    unposted = [b for b in batches if b["BatchStatus"] in {"Open", "ReadyToPost"}]
    for batch in unposted[OPEN:]:
        at.control("POST", f"sage300/SAMINC/APInvoiceBatches/{batch['BatchNumber']}/post")


def work(at: Systems) -> None:
    """What people do in a day: the open batches are edited, and some vendors."""
    vendors = at.control("GET", "sage300/SAMINC/APVendors")["records"]
    batches = at.control("GET", "sage300/SAMINC/APInvoiceBatches")["records"]
    opened = [b for b in batches if b["BatchStatus"] in {"Open", "ReadyToPost"}]
    for batch in opened:
        place = f"sage300/SAMINC/APInvoiceBatches/{batch['BatchNumber']}/edit"
        at.control("POST", place, {"Description": "Edited"})
    for vendor in vendors[:: len(vendors) // EDITS][: EDITS - len(opened)]:
        place = f"sage300/SAMINC/APVendors/{vendor['VendorNumber']}/edit"
        at.control("POST", place, {"City": "Elsewhere"})


def main() -> None:
    """Print the table."""
    for measured in (calls, throughput, memory):
        with tempfile.TemporaryDirectory() as folder:
            measured(Path(folder))


if __name__ == "__main__":
    main()
