"""Runs cut short by the call budget: no stream is starved."""

from __future__ import annotations

import pytest

STREAMS = ["GLAccounts", "APVendors", "APInvoiceBatches"]


def waiting(state):
    return [
        part
        for stream in state["bookmarks"].values()
        for part in stream.get("partitions", [])
        if "resume" in part
    ]


@pytest.mark.parametrize("budget", [1, 2])
def test_the_smallest_budget_starves_no_stream(site, helpers, budget):
    config = {**site.config, "max_calls_per_run": budget}
    state, streams = None, []
    for _ in range(8):
        output = helpers.sync(config, state)
        state = output.state
        streams += {m["stream"] for m in output.messages if m["type"] == "RECORD"}
    counts = [streams.count(stream) for stream in STREAMS]
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
