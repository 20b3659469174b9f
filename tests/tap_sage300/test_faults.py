"""Every fault of the sandbox's Sage 300: a run ends complete, or the next one completes it."""

from __future__ import annotations

import typing as t

import pytest

from sage300_servicenow_sandbox.faults import Fault
from tap_sage300.api import patience, session
from tap_sage300.errors import TapError

STREAMS = ["GLAccounts", "APVendors", "APInvoiceBatches"]
AT = [{"nth": 2}, {"every": 4}, {"first": 3}]
FAULTS = [
    {"fault": "delay", "seconds": 0.05},
    {"fault": "hang", "seconds": 3.0, "times": 2},
    {"fault": "reset"},
    {"fault": "drop"},
    {"fault": "cut"},
    {"fault": "trickle", "seconds": 0.2},
    {"fault": "html"},
    {"fault": "unparsable"},
    *({"fault": "error", "status": status} for status in (408, 409, 423, 429, 500, 502, 503, 504)),
    {"fault": "error", "status": 503, "body": "html"},
    {"fault": "error", "status": 429, "retry_after": 1},
]
BREAKING = [fault for fault in FAULTS if fault["fault"] not in {"delay", "hang", "trickle"}]


def test_every_kind_of_fault_is_here():
    kinds = set(t.get_args(Fault)) - {"expire_token", "partial"}  # of ServiceNow only
    assert {fault["fault"] for fault in FAULTS} == kinds


@pytest.fixture
def patient(site, monkeypatch):
    """Return settings for a server with faults; waits take no time."""
    monkeypatch.setattr(patience, "LONGEST_BACKOFF", 0.01)
    monkeypatch.setattr(patience, "LONGEST_RETRY_AFTER", 0.01)
    return {
        **site.config,
        "page_size": 7,
        "document_page_size": 3,
        "max_retries": 5,
        "read_timeout_seconds": 2,
        "pool_rest_seconds": 0,
    }


def held(outputs, stream):
    return {
        output.key(stream, record): output.bare(record)
        for output in outputs
        for record in output.records(stream)
    }


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: "-".join(map(str, f.values())))
@pytest.mark.parametrize("at", AT, ids=str)
def test_a_passing_fault_costs_nothing_but_time(site, patient, helpers, fault, at):
    site.follow({"side": "sage300", **at, **fault})
    output = helpers.sync(patient, catalog=helpers.only(*STREAMS))
    for stream in STREAMS:
        assert held([output], stream) == site.expected(stream)
    assert sum(rule["struck"] for rule in site.sandbox.faults.report()["rules"]) > 0


@pytest.mark.parametrize("fault", BREAKING, ids=lambda f: "-".join(map(str, f.values())))
def test_a_lasting_fault_ends_the_run_and_the_next_one_completes_it(site, patient, helpers, fault):
    site.follow({"side": "sage300", "nth": 5, **fault})
    config = {**patient, "max_retries": 0}
    output, failure = helpers.interrupted(config, catalog=helpers.only(*STREAMS))
    # What may be the fault of one record is asked for again in smaller pages.
    halved = fault["fault"] in {"html", "unparsable"} or fault.get("status") == 500
    assert isinstance(failure, TapError) is not halved
    assert "\n" not in str(failure)
    rest = helpers.sync(config, output.state, helpers.only(*STREAMS))
    for stream in STREAMS:
        assert held([output, rest], stream) == site.expected(stream)
    if not halved:  # the stream that failed is resumed at the exact row
        name = STREAMS[0]
        written = [output.key(name, r) for o in (output, rest) for r in o.records(name)]
        assert len(written) == len(set(written)) == len(site.expected(name))


def test_a_site_that_recovers_from_every_kind_of_fault(site, patient, helpers):
    rules = [
        {"side": "sage300", "probability": 0.02, **fault}
        for fault in FAULTS
        if "seconds" not in fault
    ]
    site.follow(*rules)
    output = helpers.sync(patient, catalog=helpers.only(*STREAMS))
    for stream in STREAMS:
        assert held([output], stream) == site.expected(stream)


def test_an_exhausted_pool_is_waited_for(site, helpers, caplog, monkeypatch):
    site.behave(pool_calls=4, pool_hang_seconds=0.05, pool_rest_seconds=300)
    waits = []

    def rest(seconds):
        waits.append(seconds)
        site.sandbox.clock.advance(seconds)

    monkeypatch.setattr(session.SageSession.__init__, "__kwdefaults__", {"sleep": rest})
    config = {**site.config, "page_size": 7, "max_retries": 2}
    output = helpers.sync(config, catalog=helpers.only("APVendors"))
    assert held([output], "APVendors") == site.expected("APVendors")
    assert {wait for wait in waits if wait > 1} == {300}
    assert "the IIS application pool is exhausted (pool_rest_seconds)" in caplog.text


def test_an_exhausted_pool_that_stays_so_is_reported(site, patient, helpers):
    site.behave(pool_calls=4, pool_hang_seconds=0.01)
    site.now(None)
    config = {**patient, "max_calls_per_run": 200, "max_retries": 1}
    output, failure = helpers.interrupted(config, catalog=helpers.only("APVendors"))
    assert str(failure) == (
        f"The IIS application pool of Sage 300 at {site.url} is exhausted or stopped and still "
        "answered HTTP 503 for APVendors of company SAMINC after 2 tries: lower max_calls_per_run, "
        "now 200, or have the pool checked; what was read so far is kept"
    )
    site.behave(pool_calls=0)
    rest = helpers.sync(config, output.state, helpers.only("APVendors"))
    assert held([output, rest], "APVendors") == site.expected("APVendors")


@pytest.mark.parametrize(
    "behaviour",
    [
        {"key_order": "none"},
        {"date_literals": "quoted"},
        {"date_literals": "v3"},
        {"next_link_host": "https://elsewhere.example"},
        {"page_size": 1000},
        {"concurrent_limit": 1},
        {"orderby": "accepted"},
    ],
    ids=str,
)
def test_a_site_that_behaves_otherwise(site, helpers, behaviour):
    site.behave(**behaviour)
    config = {**site.config, "page_size": 300, "document_page_size": 5}
    first = helpers.sync(config, catalog=helpers.only(*STREAMS))
    number = site.records("APVendors")[7]["VendorNumber"]
    site.edit("APVendors", number, City="Otherwise")
    second = helpers.sync(config, first.state, helpers.only(*STREAMS))
    assert (number,) in held([second], "APVendors")
    for stream in STREAMS:
        assert held([first, second], stream) == site.expected(stream)
