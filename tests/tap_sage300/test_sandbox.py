"""The tap against the sandbox: it reads what Sage 300 holds."""

from __future__ import annotations

import pytest

from tap_sage300.streams import STREAMS

ALL = [stream.entity.name for stream in STREAMS]
SMALL_PAGES = {"page_size": 7, "document_page_size": 3}


def expected(site, stream, company="SAMINC"):
    """Return what Sage 300 holds, as records by key; a key of one property is its value."""
    return {alone(key): row for key, row in site.expected(stream, company).items()}


def read(output, stream, company="SAMINC"):
    """Return what the tap read, as records by key, each once."""
    records = output.records(stream, company)
    found = {alone(output.key(stream, record)): output.bare(record) for record in records}
    assert len(found) == len(records)
    return found


def alone(key):
    return key[0] if len(key) == 1 else key


@pytest.mark.parametrize("pages", [{}, SMALL_PAGES], ids=["full", "small"])
@pytest.mark.parametrize("stream", ALL)
def test_the_first_run_reads_all_there_is(site, served, helpers, stream, pages):
    if stream not in served:
        pytest.skip("the sandbox does not serve it")
    config = {**site.config, **pages, "companies": ["SAMINC", "SAMLTD"]}
    output = helpers.sync(config, catalog=helpers.only(stream))
    for company in config["companies"]:
        assert read(output, stream, company) == expected(site, stream, company)


def test_all_streams_come_in_order_of_dependency(site, served, helpers):
    output = helpers.sync(site.config, catalog=helpers.only(*served))
    assert list(output.schemas) == served
    assert site.calls() == len(served)


def test_streams_come_in_order_of_dependency(site, helpers):
    output = helpers.sync(site.config)
    default = [stream.entity for stream in STREAMS if stream.selected_by_default]
    assert list(output.schemas) == [entity.name for entity in default]
    modules = {entity.module for entity in default}
    assert site.calls() == len(modules) + len(default)  # metadata, then a page of each
    assert output.schemas["APInvoiceBatches"]["key_properties"] == ["CompanyID", "BatchNumber"]


def test_the_second_run_reads_little(site, helpers):
    first = helpers.sync(site.config)
    before = site.calls()
    second = helpers.sync(site.config, first.state)
    assert 0 < len(second.records("APVendors")) < 20
    assert read(second, "GLAccounts") == expected(site, "GLAccounts")
    assert site.calls() - before <= 2 + 4


def test_between_sweeps_only_new_accounts_are_read(site, helpers):
    config = {**site.config, "undated_sweep_days": 7}
    catalog = helpers.only("GLAccounts")
    first = helpers.sync(config, catalog=catalog)
    bookmark = first.part("GLAccounts")["replication_key_value"]
    second = helpers.sync(config, first.state, catalog)
    dates = [record["DateCreated"] for record in second.records("GLAccounts")]
    assert 0 < len(dates) < 40
    assert max(dates) == bookmark


def test_an_edit_later_on_the_same_day_comes_out(site, helpers):
    catalog = helpers.only("APVendors")
    number = site.records("APVendors")[7]["VendorNumber"]
    site.edit("APVendors", number, VendorName="Morning Supplies")
    first = helpers.sync({**site.config, "lookback_days": 0}, catalog=catalog)
    assert first.part("APVendors")["replication_key_value"] == "2026-11-20T00:00:00Z"
    site.edit("APVendors", number, VendorName="Evening Supplies")
    second = helpers.sync({**site.config, "lookback_days": 0}, first.state, catalog)
    assert read(second, "APVendors")[number]["VendorName"] == "Evening Supplies"


def test_an_edit_under_an_earlier_session_date_comes_out(site, helpers):
    catalog = helpers.only("APVendors")
    number = site.records("APVendors")[7]["VendorNumber"]
    first = helpers.sync(site.config, catalog=catalog)
    site.edit("APVendors", number, City="Yesterdayton", DateLastMaintained="2026-11-19T00:00:00Z")
    second = helpers.sync(site.config, first.state, catalog)
    assert read(second, "APVendors")[number]["City"] == "Yesterdayton"


def test_a_future_date_hides_nothing_that_comes_after_it(site, helpers):
    catalog = helpers.only("APVendors")
    early, late = (site.records("APVendors")[n]["VendorNumber"] for n in (3, 9))
    site.edit("APVendors", early, DateLastMaintained="2027-06-30T00:00:00Z")
    first = helpers.sync(site.config, catalog=catalog)
    assert early in read(first, "APVendors")
    assert first.part("APVendors")["replication_key_value"] == "2026-11-20T00:00:00Z"
    site.now("2026-12-24T12:00:00Z")
    site.edit("APVendors", late, City="Winterton")
    second = helpers.sync(site.config, first.state, catalog)
    assert {early, late} <= read(second, "APVendors").keys()


def test_records_without_a_date_are_read(site, helpers):
    catalog = helpers.only("APVendors")
    number = site.records("APVendors")[3]["VendorNumber"]
    site.edit("APVendors", number, DateLastMaintained=None)
    first = helpers.sync(site.config, catalog=catalog)
    assert read(first, "APVendors")[number]["DateLastMaintained"] is None
    later = helpers.sync({**site.config, "full_sweep_days": 0}, first.state, catalog)
    assert number in read(later, "APVendors")


def test_posting_is_found_though_the_date_stays(site, helpers):
    catalog = helpers.only("APInvoiceBatches")
    site.now("2027-02-01T12:00:00Z")  # long after the last edit
    number = site.edit("APInvoiceBatches", 5, BatchStatus="Open")["BatchNumber"]
    site.now("2027-03-01T12:00:00Z")
    site.edit("APInvoiceBatches", 3, Description="newest")
    first = helpers.sync(site.config, catalog=catalog)
    assert number in first.part("APInvoiceBatches")["not_final"]

    quiet = helpers.sync(site.config, first.state, catalog)
    assert read(quiet, "APInvoiceBatches")[number]["BatchStatus"] == "Open"

    date = site.post(number)["DateLastEdited"]
    assert date == "2027-02-01T00:00:00Z"
    posted = helpers.sync(site.config, quiet.state, catalog)
    assert read(posted, "APInvoiceBatches")[number]["BatchStatus"] == "Posted"
    assert number not in posted.part("APInvoiceBatches").get("not_final", [])

    after = helpers.sync(site.config, posted.state, catalog)
    assert number not in read(after, "APInvoiceBatches")


def test_state_holds_texts_and_integers_only(site, helpers):
    output = helpers.sync({**site.config, "companies": ["SAMINC", "SAMLTD"], "page_size": 7})
    assert len(output.states) > 3

    def check(value):
        if isinstance(value, dict):
            assert not value.keys() & {"progress_markers", "starting_replication_value"}
            for item in value.values():
                check(item)
        elif isinstance(value, list):
            for item in value:
                check(item)
        else:
            assert type(value) in {str, int}

    for state in output.states:
        check(state)
    assert [part["context"] for part in output.state["bookmarks"]["APVendors"]["partitions"]] == [
        {"CompanyID": "SAMINC"},
        {"CompanyID": "SAMLTD"},
    ]


def test_a_company_added_later_is_read_whole(site, helpers):
    catalog = helpers.only("APVendors")
    first = helpers.sync(site.config, catalog=catalog)
    both = {**site.config, "companies": ["SAMINC", "SAMLTD"]}
    second = helpers.sync(both, first.state, catalog)
    assert len(second.records("APVendors", "SAMINC")) < 20
    assert read(second, "APVendors", "SAMLTD") == expected(site, "APVendors", "SAMLTD")


def test_header_only_batches(site, helpers):
    catalog = helpers.only("APInvoiceBatches", APInvoiceBatches={"Invoices"})
    output = helpers.sync(site.config, catalog=catalog)
    assert len(output.records("APInvoiceBatches")) == len(site.records("APInvoiceBatches"))
    assert all("Invoices" not in record for record in output.records("APInvoiceBatches"))


def test_stream_maps_apply(site, helpers):
    maps = {"APVendors": {"VendorName": "VendorName.lower()", "City": None}}
    config = {**site.config, "stream_maps": maps}
    output = helpers.sync(config, catalog=helpers.only("APVendors"))
    names = {record["VendorName"] for record in output.records("APVendors")}
    assert names == {row["VendorName"].lower() for row in site.records("APVendors")}
    assert all("City" not in record for record in output.records("APVendors"))
