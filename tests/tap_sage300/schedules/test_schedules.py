"""Whatever users do and however runs end, after a quiet cycle a target holds what Sage 300 holds.

Each schedule is drawn from a seed: edits, new records, deletions, postings, session dates before
and after the server's, midnights, budgets, page sizes, and runs killed at any request or with any
part of their output lost. The server is drawn too: in what order rows come and keys are compared,
whether it counts right, where it caps pages, whether links end, and until the last runs a record
that fails its page and a company that is locked. ``NIGHTLY=1`` draws 2,000.

Besides, a run that has calls left leaves nothing unread without a word about it, and a window that
a run leaves where it was is counted as such.

Two things no client can know are not drawn: that a page is capped where each page announces itself
as the whole, and that as many rows were deleted behind a read as its server left out.
"""

from __future__ import annotations

import copy
import datetime as dt
import itertools
import json
import logging
import os
import random
from decimal import Decimal

import pytest

from tap_sage300.client import STALLED_RUNS
from tap_sage300.errors import TapError
from tap_sage300.tap import TapSage300

SCHEDULES = 2000 if os.environ.get("NIGHTLY") == "1" else 200
GROUPS = 20
STREAMS = [
    "GLSegmentCodes",
    "GLAccounts",
    "APVendors",
    "ICItems",
    "POPurchaseOrders",
    "APInvoiceBatches",
    "APPaymentAndAdjustmentBatches",
]
LETTERS = "VvAzÖöß-İıσςЯж中अع٣😀'&"
NATURES = {
    "key_order": ["on", "on", "on", "ignore_case", "none"],
    "comparison": ["binary", "binary", "ignore_case"],
    "counts": ["right", "right", "absent", "of_page", "of_all"],
    "page_cap": [0, 0, 1, 3],
    "links": ["when_more", "when_more", "always"],
}
HEALTHY = {"unreadable_records": {}, "locked_companies": []}
TEXT = {
    "GLSegmentCodes": "SegmentCodeDescription",
    "APVendors": "City",
}


def written(number):
    """Return a key in one of many scripts."""
    return f"{LETTERS[number % len(LETTERS)]}{number:03}"


NEW_KEY = {
    "GLSegmentCodes": ("SegmentCode", written),
    "GLAccounts": ("UnformattedAccount", written),
    "APVendors": ("VendorNumber", written),
    "ICItems": ("UnformattedItemNumber", written),
    "POPurchaseOrders": ("PurchaseOrderSequenceKey", int),
    "APInvoiceBatches": ("BatchNumber", int),
    "APPaymentAndAdjustmentBatches": ("BatchNumber", int),
}
DATES = {
    "APVendors": "DateLastMaintained",
    "ICItems": "DateLastMaintained",
    "APInvoiceBatches": "DateLastEdited",
    "APPaymentAndAdjustmentBatches": "DateLastEdited",
}


COUNTERS = ("waited", "stalled")
"""What state counts of a window that did not come further."""


class Said(logging.Handler):
    """Keeps what a run warned of."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())

    def __enter__(self):
        logging.getLogger().addHandler(self)
        return self

    def __exit__(self, *_exc):
        logging.getLogger().removeHandler(self)

    def names(self, stream, company):
        """Whether a line or the failure of the run says why something was not read."""
        return any(
            line.startswith(f"{stream} of {company}: ") or f"ompany {company}" in line
            for line in self.lines
        )


class Schedule:
    """One drawn course of events."""

    def __init__(self, seed, site, wire, helpers):
        self.draw = random.Random(f"schedule {seed}")
        self.site, self.wire, self.helpers = site, wire, helpers
        self.sage, self.clock = site.sandbox.sage, site.sandbox.clock
        chosen = self.draw.sample(STREAMS, self.draw.randint(1, 3))
        self.streams = [stream for stream in STREAMS if stream in chosen]
        catalog = helpers.only(*self.streams)["streams"]
        self.catalog = {"streams": [e for e in catalog if e["tap_stream_id"] in chosen]}
        self.companies = self.draw.choice([["SAMINC"], ["SAMINC"], ["SAMLTD", "SAMINC"]])
        self.lookback = self.draw.choice([0, 1, 2])
        self.slow = self.draw.random() < 0.3  # windows stay open for days
        is_odd = self.draw.random() < 0.5
        self.nature = {
            name: self.draw.choice(choices) if is_odd else choices[0]
            for name, choices in NATURES.items()
        }
        if self.nature["counts"] == "of_page":
            self.nature["page_cap"] = 0
        if is_odd and self.draw.random() < 0.5:
            self.nature |= self.ailments()
        self.ends = (wire.killed, TapError) if self.nature.keys() & HEALTHY else (wire.killed,)
        site.behave(**self.nature)
        kinds = {self.nature["key_order"], self.nature["comparison"]}
        is_plain = kinds == {"on", "binary"}
        ways = ["auto", "auto", "keyset", "skip"] if is_plain else ["auto"]
        self.paging = self.draw.choice(ways)
        self.may_delete = is_plain and self.paging != "skip"
        self.held, self.state, self.log = {}, None, []

    def ailments(self):
        """Draw a record that fails its page, and perhaps a company that is locked."""
        company, stream = self.draw.choice(self.companies), self.draw.choice(self.streams)
        rows = self.site.records(stream, company)
        if not rows:
            return {}
        row = self.draw.choice(rows)
        key = ",".join(str(row[name]) for name in self.sage.resources[stream].keys)
        locked = [company] if self.draw.random() < 0.3 else []
        return {"unreadable_records": {stream: [key]}, "locked_companies": locked}

    def run(self, budget, *, kill=False):
        """Let the tap run; a target holds what came out of it, and keeps its last state."""
        config = {
            **self.site.config,
            "companies": self.companies,
            "lookback_days": self.lookback,
            "page_size": self.draw.choice([2, 3] if self.slow else [2, 5, 40]),
            "document_page_size": self.draw.choice([1, 4, 20]),
            "paging": self.paging,
            "max_calls_per_run": budget,
        }
        self.wire.start(
            kill_at=self.draw.randint(1, 12) if kill else None,
            is_answered=self.draw.random() < 0.5,
        )
        before, state = self.state, copy.deepcopy(self.state)
        with self.helpers.captured() as text, Said() as said:
            try:
                tap = TapSage300(config=config, state=state, catalog=copy.deepcopy(self.catalog))
                tap.sync_all()
            except self.ends as end:
                said.lines.append(str(end))
        assert self.wire.calls <= budget
        lines = text().splitlines()
        if kill:  # what was written last never arrives
            del lines[self.draw.randint(0, len(lines)) :]
        for line in lines:
            message = json.loads(line, parse_float=Decimal)
            if message["type"] == "STATE":
                self.state = message["value"]
            elif message["type"] == "RECORD":
                record, stream = message["record"], message["stream"]
                key = self.helpers.key(stream, record)
                self.held[stream, record["CompanyID"], key] = record
        if not kill:
            self.check_headway(before, said, calls_left=self.wire.calls < budget)

    def check_headway(self, before, said, *, calls_left):
        """Check that nothing was left unread in silence."""
        for stream, company in itertools.product(self.streams, self.companies):
            old, new = part(before, stream, company), part(self.state, stream, company)
            if (new and "resume" not in new) or said.names(stream, company):
                continue
            assert not calls_left, (stream, company, new, said.lines)
            if new and bare(old) == bare(new):
                assert counted(old) < counted(new), (stream, company, new, said.lines)
                told, stalled = (counted(one, "stalled") for one in (old, new))
                assert stalled < STALLED_RUNS or stalled == told, (stream, company, new)

    def edit(self):
        """Do something in Sage 300, under some session date."""
        company, stream = self.draw.choice(self.companies), self.draw.choice(self.streams)
        resource = self.sage.resources[stream]
        rows = self.site.records(stream, company)
        if not rows:
            return
        row = self.draw.choice(rows)
        key = tuple(row[name] for name in resource.keys)
        today = self.clock.now().date()
        values = {TEXT.get(stream, "Description"): f"text {self.draw.random():.6f}"}
        if stream in DATES:
            days = self.draw.choice([0, 0, 0, -min(1, self.lookback), -self.lookback, 1, 30])
            values[DATES[stream]] = f"{today + dt.timedelta(days)}T00:00:00Z"
        is_open = row.get("BatchStatus") in {"Open", "ReadyToPost"}
        kind = self.draw.choice(["edit", "edit", "new", "post", "delete", "status"])
        self.log.append((str(today), kind, company, stream, key))
        if kind == "new" and len(rows) < 30:
            name, make = NEW_KEY[stream]
            taken = {other[name] for other in rows}
            fresh = self.draw.choice([n for n in range(1, 200) if make(n) not in taken])
            same = {part: row[part] for part in resource.keys}
            self.sage.copy(company, resource, key, {**same, name: make(fresh), **values})
        elif kind == "delete" and not self.may_delete:
            return
        elif kind == "delete" and len(rows) > 4 and (is_open or "BatchStatus" not in row):
            self.sage.delete(company, resource, key)
        elif kind == "post" and stream == "APInvoiceBatches" and is_open:
            self.sage.post_batch(company, key[0])
        elif kind == "status" and stream in DATES and "BatchStatus" in row:
            self.sage.edit(company, resource, key, {**values, "BatchStatus": "Open"})
        else:
            self.sage.edit(company, resource, key, values)

    def unfold(self):
        runs, budget, kills = (12, 3, 0.1) if self.slow else (4, 25, 0.4)
        for _ in range(self.draw.randint(1, runs)):
            for _ in range(self.draw.randint(0, 4)):
                self.edit()
            self.run(self.draw.randint(1, budget), kill=self.draw.random() < kills)
            if self.draw.random() < 0.5:
                self.clock.advance(self.draw.choice([3600, 40_000, 86_400, 3 * 86_400]))
        self.site.behave(**HEALTHY)
        self.ends = (self.wire.killed,)
        for _ in range(2):  # windows that were cut, then what changed behind them
            self.run(1000)

    def differences(self):
        return {
            (stream, company, key): row
            for company in self.companies
            for stream in self.streams
            for key, row in self.site.expected(stream, company).items()
            if self.helpers.bare(self.held.get((stream, company, key))) != row
        }


def part(state, stream, company):
    """Return what a state holds of a stream in a company."""
    parts = (state or {}).get("bookmarks", {}).get(stream, {}).get("partitions", [])
    return next((one for one in parts if one["context"] == {"CompanyID": company}), {})


def bare(one):
    """Return a part of a state without what counts the runs that did not come further."""
    window = one.get("resume") or {}
    return one | {"resume": {name: v for name, v in window.items() if name not in COUNTERS}}


def counted(one, *counters):
    return sum((one.get("resume") or {}).get(name, 0) for name in counters or COUNTERS)


@pytest.mark.parametrize("group", range(GROUPS))
def test_nothing_is_lost(sandbox_site, wire, helpers, group):
    for seed in range(group, SCHEDULES, GROUPS):
        schedule = Schedule(seed, sandbox_site, wire, helpers)
        schedule.unfold()
        found = schedule.differences()
        assert found == {}, f"schedule {seed} of {schedule.nature}: {schedule.log}"
