"""Whole sweeps, and only they, say what is no longer in Sage 300 (ACTIVATE_VERSION)."""

from __future__ import annotations

import copy

import pytest

from tap_sage300.reading import versions
from tap_sage300.reading.state import CHANGES, NOT_FINAL, SWEEP, Progress, Window

BOTH = {"companies": ["SAMINC", "SAMLTD"]}
EVERY_RUN = {"full_sweep_days": 0}


def activated(output, stream="APVendors"):
    """The versions that were activated."""
    return [
        message["version"]
        for message in output.messages
        if message["type"] == "ACTIVATE_VERSION" and message["stream"] == stream
    ]


def under(output, company=None, stream="APVendors"):
    """The versions that records came under."""
    return {
        message.get("version")
        for message in output.messages
        if message["type"] == "RECORD"
        and message["stream"] == stream
        and company in {None, message["record"]["CompanyID"]}
    }


@pytest.fixture
def both(site, helpers):
    """Read the vendors of both companies."""

    def run(state=None, **changes):
        config = {**site.config, **BOTH, **changes}
        return helpers.interrupted(config, state, helpers.only("APVendors"))[0]

    return run


def test_one_version_for_all_companies(both):
    """Kind: a version that is activated when the first company was read."""
    output = both()
    (version,) = activated(output)
    assert under(output) == {version}
    kinds = [message["type"] for message in output.messages]
    assert kinds.count("RECORD") == 100
    end = kinds.index("ACTIVATE_VERSION")
    assert "RECORD" not in kinds[end:]
    assert kinds[end + 1] == "STATE", "a kill before this state announces it again"
    assert output.messages[end]["partitions"] == [{"CompanyID": "SAMINC"}, {"CompanyID": "SAMLTD"}]
    assert version < 2**53, "a number with a fraction holds it"


def test_versions_rise_from_run_to_run(both):
    state, seen = None, []
    for _ in range(3):
        output = both(state, **EVERY_RUN)
        seen += activated(output)
        assert under(output) == {seen[-1]}
        state = output.state
    assert len(seen) == 3
    assert seen == sorted(set(seen))


def test_a_new_version_passes_one_from_the_future(both):
    """Kind: a clock that was wrong once."""
    state = both().state
    for part in state["bookmarks"]["APVendors"]["partitions"]:
        part["version"] = part["swept_version"] = 2**52
    assert activated(both(state, **EVERY_RUN)) == [2**52 + 1]


@pytest.mark.parametrize("budget", [3, 4, 7])
def test_a_sweep_over_several_runs(both, budget):
    """Kind: a call budget smaller than a sweep; the companies wait for each other."""
    state, outputs = None, []
    while not outputs or not activated(outputs[-1]):
        outputs.append(both(state, page_size=6, max_calls_per_run=budget))
        state = outputs[-1].state
        assert len(outputs) < 9
    (version,) = activated(outputs[-1])
    assert len(outputs) > 1
    for output in outputs[:-1]:
        assert under(output) <= {version}
    records = [record for output in outputs for record in output.records("APVendors")]
    keys = {(record["CompanyID"], record["VendorNumber"]) for record in records}
    assert len(keys) == 100


@pytest.mark.parametrize("budget", [3, 5])
def test_sweeps_of_every_run_under_a_small_budget_still_end(both, budget):
    """Kind: companies that begin anew for ever, so that no version is ever whole."""
    state, ends = None, 0
    for _ in range(24):
        output = both(state, page_size=12, max_calls_per_run=budget, **EVERY_RUN)
        ends += len(activated(output))
        state = output.state
    assert ends >= 3


def test_a_window_of_changes_keeps_the_version(both, site):
    """Kind: an ordinary window makes a swept record look unseen, or has none itself."""
    first = both()
    (version,) = activated(first)
    site.edit("APVendors", "1100", VendorName="Changed")
    site.copy("APVendors", "1100", VendorNumber="1101")
    second = both(first.state)
    assert {"1100", "1101"} <= set(second.keys())
    assert under(second) == {version}
    assert activated(second) == []


@pytest.mark.parametrize("bad", ["locked", "start_date", "poison", "off"])
def test_what_is_not_whole_is_not_announced(both, site, bad):
    """Kind: a company not read, a bound, a record left out, a target that would delete."""
    settings = {
        "start_date": {"start_date": "2020-01-01"},
        "off": {"emit_activate_version_messages": False},
    }.get(bad, {})
    if bad == "locked":
        site.behave(locked_companies=["SAMLTD"])
    if bad == "poison":
        site.behave(unreadable_records={"APVendors": ["1230"]})
    output = both(**settings)
    assert output.records("APVendors", "SAMINC")
    assert activated(output) == []
    assert (under(output) == {None}) == (bad in {"off", "start_date"})
    if bad in {"locked", "poison"}:
        site.behave(locked_companies=[], unreadable_records={})
        assert len(activated(both(output.state, **EVERY_RUN))) == 1


def test_a_sweep_begun_again_after_one_that_was_not_whole(both, site):
    """Kind: what came under a version that is not whole must come again under another."""
    site.behave(unreadable_records={"APVendors": ["1230"]})
    first = both()
    site.behave(unreadable_records={})
    second = both(first.state, **EVERY_RUN)
    (version,) = activated(second)
    assert under(second) == {version}
    assert version not in under(first)


def test_switched_off_and_on_again(both, site):
    """Kind: records that came without a version while it was off must not look unseen."""
    first = both()
    site.copy("APVendors", "1100", VendorNumber="1101")
    off = both(first.state, emit_activate_version_messages=False)
    assert "version" not in off.part("APVendors")
    config = {"companies": ["SAMINC"], "emit_activate_version_messages": True}
    again = both(off.state, **config)
    assert activated(again) == []
    assert len(activated(both(again.state, **config, **EVERY_RUN))) == 1


def test_a_new_company_joins(both):
    """Kind: a company added to the settings must not keep the others from being announced."""
    first = both(companies=["SAMINC"])
    second = both(first.state)
    assert activated(second) == activated(first)
    assert under(second, "SAMLTD") == set(activated(first))


def test_only_master_data_is_announced(site, helpers, served):
    """Kind: batches and orders that were cleared from Sage 300's history are not deleted."""
    output = helpers.sync({**site.config, **EVERY_RUN}, catalog=helpers.only(*served))
    names = {m["stream"] for m in output.messages if m["type"] == "ACTIVATE_VERSION"}
    assert {"GLAccounts", "APVendors", "ICItems"} <= names
    documents = {"APInvoiceBatches", "APPaymentAndAdjustmentBatches", "POPurchaseOrders"}
    assert not names & documents
    for stream in documents:
        assert under(output, stream=stream) == {None}


def test_mapped_streams_have_versions_too(both):
    """Kind: ``stream_maps``, which rename a stream and write its records another way."""
    output = both(
        stream_maps={"APVendors": {"__alias__": "Suppliers", "VendorNumber": "VendorNumber"}}
    )
    (version,) = activated(output, "Suppliers")
    assert under(output, stream="Suppliers") == {version}


def test_a_catalog_that_demands_whole_reads(site, helpers):
    """Kind: FULL_TABLE, where the SDK would announce a version before anything was read."""
    catalog = copy.deepcopy(helpers.only("APVendors"))
    for entry in catalog["streams"]:
        if entry["tap_stream_id"] == "APVendors":
            entry["replication_method"] = "FULL_TABLE"
    output = helpers.sync(site.config, catalog=catalog)
    (version,) = activated(output)
    assert under(output) == {version}


# The decisions


def sweep(**facts):
    return Progress(window=Window(SWEEP), **facts)


@pytest.mark.parametrize(
    ("begun", "latest", "version"),
    [
        (sweep(), 0, 900),
        (sweep(version=500), 500, 900),
        (sweep(version=400), 500, 500),
        (sweep(), 500, 500),
        (sweep(version=900), 900, 901),
        (sweep(version=950), 950, 951),
    ],
)
def test_the_version_of_a_sweep(begun, latest, version):
    assert versions.opened(begun, latest, 900).window.version == version


@pytest.mark.parametrize("window", [None, Window(CHANGES), Window(NOT_FINAL)], ids=str)
def test_other_windows_have_no_version_of_their_own(window):
    begun = Progress(window=window, version=5)
    assert versions.opened(begun, 7, 900) == begun


@pytest.mark.parametrize(
    ("window", "swept"),
    [
        (Window(SWEEP), 5),
        (Window(SWEEP, has_gap=True), None),
        (Window(SWEEP, left_out=1), None),
        (Window(CHANGES), None),
        (Window(SWEEP, skip=40), None),
        (Window(SWEEP, skip=40, expected=40), 5),
    ],
    ids=str,
)
def test_when_a_sweep_is_whole(window, swept):
    """Kind: under ``$skip`` and without a count, rows can be missing without a word."""
    assert versions.swept(Progress(version=5), window).swept == swept
