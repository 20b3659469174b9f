"""Many runs under a call budget read what one run without it reads, row for row."""

from __future__ import annotations

import itertools
import json
import random

import pytest

from sage300_servicenow_sandbox import Sandbox, SandboxOptions

COMPANIES = ("AAA", "BBB", "CCC")


@pytest.fixture(scope="module")
def three_companies(site_class):
    options = SandboxOptions(
        sage_port=0, servicenow_port=0, companies=COMPANIES, vendors=9, accounts=8, batches=7
    )
    with Sandbox(options) as sandbox:
        site = site_class(sandbox)
        site.now("2026-11-20T12:00:00Z")
        yield site


@pytest.fixture
def three(three_companies, carried):
    return three_companies, carried(three_companies)


def rows(helpers, outputs, streams):
    return {
        (stream, record["CompanyID"], helpers.key(stream, record)): json.dumps(record, default=str)
        for output in outputs
        for stream in streams
        for record in output.records(stream)
    }


def swept(state):
    return sum(
        "last_sweep" in part
        for stream in state["bookmarks"].values()
        for part in stream["partitions"]
    )


@pytest.mark.parametrize("budgets", [[1], [3, 1, 8], [13], [34]], ids=str)
def test_many_small_runs_read_what_one_run_reads(three, served, helpers, budgets):
    site, wire = three
    catalog = helpers.only(*served)
    config = {
        **site.config,
        "companies": list(COMPANIES),
        "page_size": 6,
        "document_page_size": 4,
        "undated_sweep_days": 1,
    }
    whole = helpers.sync(config, catalog=catalog)
    calls_of_one_run = wire.calls
    assert swept(whole.state) == len(served) * len(COMPANIES)
    outputs, state = [], None
    for budget in itertools.cycle(budgets):
        wire.start()
        outputs.append(helpers.sync({**config, "max_calls_per_run": budget}, state, catalog))
        assert wire.calls <= budget
        state = outputs[-1].state
        if swept(state) == len(served) * len(COMPANIES):
            break
        # A batch that could still change is read once more by a run that did not read it itself.
        assert len(outputs) <= calls_of_one_run + 2 * len(COMPANIES)
    assert rows(helpers, outputs, served) == rows(helpers, [whole], served)
    assert len(rows(helpers, [whole], served)) == sum(
        len(site.expected(stream, company)) for stream in served for company in COMPANIES
    )


@pytest.mark.parametrize("seed", range(4))
def test_a_stream_without_a_date_goes_on_at_the_exact_key(three, helpers, seed):
    site, wire = three
    draw = random.Random(f"budget {seed}")
    catalog = helpers.only("GLSegmentCodes", "POPurchaseOrders")
    config = {**site.config, "companies": ["BBB"], "page_size": 3, "document_page_size": 3}
    outputs, state = [], None
    while swept(state or {"bookmarks": {}}) < 2:
        wire.start()
        budget = draw.randint(1, 2)
        outputs.append(helpers.sync({**config, "max_calls_per_run": budget}, state, catalog))
        state = outputs[-1].state
    keys = [
        helpers.key("GLSegmentCodes", record)
        for output in outputs
        for record in output.records("GLSegmentCodes")
    ]
    first_sweep = keys[: len(site.expected("GLSegmentCodes", "BBB"))]
    assert first_sweep == sorted(site.expected("GLSegmentCodes", "BBB"))
    cut = outputs[0].state["bookmarks"]["GLSegmentCodes"]["partitions"][0]["resume"]
    assert cut["last_key"] == list(keys[len(outputs[0].records("GLSegmentCodes")) - 1])
