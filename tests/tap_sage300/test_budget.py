"""Runs cut by the call budget: together they read what one run would have read."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

KEYS = {
    "APVendors": "VendorNumber",
    "APInvoiceBatches": "BatchNumber",
    "GLAccounts": "UnformattedAccount",
}
SMALL_PAGES = {"page_size": 7, "batch_page_size": 3, "companies": ["SAMINC", "SAMLTD"]}
CALLS_OF_ONE_RUN = 2 * (6 + 8 + 5)
FEW = settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


class Warehouse:
    """What a target that upserts on the key would hold."""

    def __init__(self):
        self.rows = {stream: {} for stream in KEYS}

    def load(self, output):
        for stream, key in KEYS.items():
            for record in output.records(stream):
                self.rows[stream][record["CompanyID"], record[key]] = record


def waiting(state):
    return [
        part
        for stream in state["bookmarks"].values()
        for part in stream.get("partitions", [])
        if "resume" in part
    ]


def all_swept(state):
    parts = [
        part
        for stream in (state or {}).get("bookmarks", {}).values()
        for part in stream["partitions"]
        if "last_sweep" in part
    ]
    return len(parts) == len(KEYS) * 2


def run(site, helpers, warehouse, state, budget):
    before = site.calls()
    output = helpers.sync({**site.config, **SMALL_PAGES, "max_calls_per_run": budget}, state)
    assert site.calls() - before <= budget
    warehouse.load(output)
    return output.state


def one_run(site, helpers):
    whole = Warehouse()
    whole.load(helpers.sync({**site.config, **SMALL_PAGES}))
    return whole.rows


@FEW
@given(budgets=st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_many_small_runs_read_what_one_run_reads(sandbox_site, helpers, budgets):
    site = sandbox_site.fresh()
    warehouse, state, runs = Warehouse(), None, 0
    while not all_swept(state):
        state = run(site, helpers, warehouse, state, budgets[runs % len(budgets)])
        runs += 1
        assert runs <= CALLS_OF_ONE_RUN + 2
    assert warehouse.rows == one_run(site, helpers)


edits = st.tuples(st.sampled_from(["vendor", "batch", "post"]), st.integers(0, 11))


@FEW
@given(script=st.lists(st.tuples(st.integers(1, 25), st.lists(edits, max_size=3)), max_size=6))
def test_edits_between_cut_runs_are_not_lost(sandbox_site, helpers, script):
    site = sandbox_site.fresh()
    warehouse, state = Warehouse(), None
    for number, (budget, changes) in enumerate(script):
        state = run(site, helpers, warehouse, state, budget)
        site.now(f"2026-11-{20 + number}T12:00:00Z")
        for kind, index in changes:
            change(site, kind, index, f"edit {number}")
    # the cut windows first, then one run that sees what was changed behind them
    for _ in range(2):
        state = run(site, helpers, warehouse, state, 10 * CALLS_OF_ONE_RUN)
    assert waiting(state) == []
    assert warehouse.rows == one_run(site, helpers)


def change(site, kind, index, text):
    if kind == "vendor":
        number = site.records("APVendors")[index]["VendorNumber"]
        site.edit("APVendors", number, City=text)
    elif kind == "batch":
        site.edit("APInvoiceBatches", index + 1, Description=text)
    elif site.records("APInvoiceBatches")[index]["BatchStatus"] in {"Open", "ReadyToPost"}:
        site.post(index + 1)


@pytest.mark.parametrize("budget", [1, 2])
def test_the_smallest_budget_starves_no_stream(site, helpers, budget):
    config = {**site.config, "max_calls_per_run": budget}
    state, streams = None, []
    for _ in range(8):
        output = helpers.sync(config, state)
        state = output.state
        streams += {m["stream"] for m in output.messages if m["type"] == "RECORD"}
    counts = [streams.count(stream) for stream in KEYS]
    assert min(counts) >= 2


def test_what_waited_comes_first_then_the_usual_order(site, helpers):
    cut = helpers.sync({**site.config, "max_calls_per_run": 1})
    assert cut.part("APVendors")["resume"] == {"read": "sweep", "waited": 1}
    assert "resume" not in cut.part("GLAccounts")
    rest = helpers.sync(site.config, cut.state)
    assert list(rest.schemas) == ["APVendors", "APInvoiceBatches", "GLAccounts"]
    assert waiting(rest.state) == []
    again = helpers.sync(site.config, rest.state)
    assert list(again.schemas) == ["GLAccounts", "APVendors", "APInvoiceBatches"]
