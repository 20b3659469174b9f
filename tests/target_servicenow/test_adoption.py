"""Rows typed in by hand: claimed by one record, once every record that may claim them has come."""

from __future__ import annotations

import typing as t

import pytest

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Instance, Singer

VENDOR = "proc_vendor"


def contested(sys_id: str, number: str) -> tuple[str, str]:
    reason = (
        f"2 records have name 'Acme' and could claim the row {sys_id} of proc_vendor: set its "
        f"correlation_id to sage300:SAMINC:Vendor:{number} if it belongs to this one"
    )
    return "held", reason


def in_batches(singer: Singer, *vendors: dict[str, t.Any]) -> Iterator[dict[str, t.Any]]:
    """Vendors, each settled before the next one comes."""
    yield singer.schema("APVendors")
    for number, vendor in enumerate(vendors):
        yield vendor
        yield singer.state(number)


@pytest.mark.parametrize("settings", [{"batch_size_rows": 1}, {"checkpoint_seconds": 0}])
def test_two_records_of_one_name_in_different_batches(
    instance: Instance, singer: Singer, settings: dict[str, t.Any]
) -> None:
    """Kind: the first of two claims settles before the second one comes."""
    sys_id = instance.insert_row(VENDOR, name="Acme")
    before = instance.rows(VENDOR)
    vendors = [singer.vendor(n, VendorName="Acme") for n in ("1", "2")]
    assert instance.run(in_batches(singer, *vendors), **settings).code == 0
    assert instance.rows(VENDOR) == before
    assert instance.rejects() == {n: contested(sys_id, n) for n in ("1", "2")}
    assert len(instance.logged("WARNING")) == 2


def test_one_of_two_held_records_that_comes_alone(instance: Instance, singer: Singer) -> None:
    """Kind: a claim of an earlier run is one still."""
    sys_id = instance.insert_row(VENDOR, name="Acme")
    before = instance.rows(VENDOR)
    vendors = [singer.vendor(n, VendorName="Acme") for n in ("1", "2")]
    assert instance.run(singer.vendors(*vendors)).code == 0
    assert instance.run(singer.vendors(vendors[0])).code == 0
    assert instance.rows(VENDOR) == before
    assert instance.rejects() == {n: contested(sys_id, n) for n in ("1", "2")}

    # A person decides; the other one has nothing left to claim.
    instance.update_row(VENDOR, sys_id, correlation_id="sage300:SAMINC:Vendor:2")
    assert instance.run(singer.vendors(vendors[0])).code == 0
    assert instance.by_source(VENDOR).keys() == {"1", "2"}
    assert instance.by_source(VENDOR)["2"]["sys_id"] == sys_id
    assert instance.rejects() == {}


def test_many_records_are_adopted_in_pages(
    instance: Instance, singer: Singer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: claims that are counted over more records than are held in memory at once."""
    monkeypatch.setattr("target_servicenow.loader.RETRIED_TOGETHER", 3)
    sys_ids = {str(n): instance.insert_row(VENDOR, name=f"Vendor {n}") for n in range(8)}
    twin = singer.vendor("twin", VendorName="Vendor 0")
    vendors = [*(singer.vendor(str(n)) for n in range(8)), singer.vendor("new"), twin]
    assert instance.run(singer.vendors(*vendors)).code == 0
    rows = {row["sys_id"]: row["correlation_id"] for row in instance.rows(VENDOR)}
    assert {n: rows[sys_id].rpartition(":")[2] for n, sys_id in sys_ids.items()} == {
        **{str(n): str(n) for n in range(1, 8)},
        "0": "",
    }
    assert instance.rejects().keys() == {"0", "twin"}
    assert instance.counts(VENDOR) == {"created": 1, "adopted": 7, "held": 2}


def test_a_row_of_another_company_is_no_candidate(instance: Instance, singer: Singer) -> None:
    """Kind: one name in two companies; the row says whose it is, and its company stays."""
    theirs = instance.insert_row(VENDOR, name="Acme", company_code="SAMLTD", city="Delft")
    assert instance.run(singer.vendors(singer.vendor("1", VendorName="Acme"))).code == 0
    rows = {row["sys_id"]: row for row in instance.rows(VENDOR)}
    assert (rows[theirs]["company_code"], rows[theirs]["correlation_id"]) == ("SAMLTD", "")
    assert instance.counts(VENDOR) == {"created": 1}

    other = singer.vendor("9", VendorName="Acme", CompanyID="SAMLTD")
    assert instance.run(singer.vendors(other)).code == 0
    rows = {row["sys_id"]: row for row in instance.rows(VENDOR)}
    assert rows[theirs]["correlation_id"] == "sage300:SAMLTD:Vendor:9"
    assert len(rows) == 2


def test_records_of_two_companies_and_rows_with_and_without_one(
    instance: Instance, singer: Singer
) -> None:
    """Kind: claims from several companies; only a row without a company is anyone's."""
    vendors = [
        singer.vendor("1", VendorName="Acme"),
        singer.vendor("2", VendorName="Acme", CompanyID="SAMLTD"),
    ]
    own = instance.insert_row(VENDOR, name="Acme", company_code="saminc")
    assert instance.run(singer.vendors(*vendors)).code == 0
    assert instance.counts(VENDOR) == {"created": 1, "adopted": 1}
    rows = {row["sys_id"]: row["correlation_id"] for row in instance.rows(VENDOR)}
    assert rows[own] == "sage300:SAMINC:Vendor:1"

    anyones = instance.insert_row(VENDOR, name="Bolts")
    bolts = [
        singer.vendor("3", VendorName="Bolts"),
        singer.vendor("4", VendorName="Bolts", CompanyID="SAMLTD"),
    ]
    assert instance.run(singer.vendors(*bolts)).code == 0
    assert instance.rejects().keys() == {"3", "4"}
    rows = {row["sys_id"]: row["correlation_id"] for row in instance.rows(VENDOR)}
    assert rows[anyones] == ""


@pytest.mark.parametrize(
    "name", ["^Acme", "A^B", "@home", "M@R", ",Co", "A, B", "a^ORname=b", "javascript:x", "50^%_"]
)
def test_names_that_a_query_cannot_hold(instance: Instance, singer: Singer, name: str) -> None:
    """Kind: names with separators of queries anywhere, also at their beginning."""
    sys_id = instance.insert_row(VENDOR, name=name)
    for other in ("Acme", "A", "B", "home", "b"):
        instance.insert_row(VENDOR, name=other)
    assert instance.run(singer.vendors(singer.vendor("1", VendorName=name.upper()))).code == 0
    claimed = [row["sys_id"] for row in instance.rows(VENDOR) if row["correlation_id"]]
    assert claimed == [sys_id]


def test_an_invoice_of_an_adopted_vendor(instance: Instance, singer: Singer) -> None:
    """Kind: what points at a row that is decided at the end is written in the same run."""
    sys_id = instance.insert_row(VENDOR, name="Vendor 5")
    messages = [
        *singer.vendors(singer.vendor("5")),
        *singer.batches(singer.batch(1, {"VendorNumber": "5"})),
    ]
    assert instance.run(messages).code == 0
    [invoice] = instance.rows("sn_apo_invoice")
    assert invoice["vendor"] == sys_id
    assert instance.rejects() == {}


def test_a_run_that_stops_before_its_end_adopts_in_the_next_one(
    instance: Instance, singer: Singer
) -> None:
    """Kind: a record that waits for the end of a run that never comes to it."""
    sys_id = instance.insert_row(VENDOR, name="Vendor 1")
    stopped = [*singer.vendors(singer.vendor("1")), singer.state(1), "no JSON\n"]
    assert instance.run(stopped, checkpoint_seconds=0).code == 1
    assert instance.rejects().keys() == {"1"}
    assert instance.run([]).code == 0
    assert instance.by_source(VENDOR)["1"]["sys_id"] == sys_id
    assert instance.rejects() == {}


@pytest.mark.parametrize(
    "waits", [{"City": "x" * 300}, {"GLAccount": "none"}], ids=["too long", "no account"]
)
def test_a_record_that_waits_for_something_else_claims_too(
    instance: Instance, singer: Singer, waits: dict[str, str]
) -> None:
    """Kind: a claim of a record that cannot be written yet."""
    sys_id = instance.insert_row(VENDOR, name="Acme")
    before = instance.rows(VENDOR)
    vendors = [
        singer.vendor("1", VendorName="Acme"),
        singer.vendor("2", VendorName="Acme", **waits),
    ]
    assert instance.run(singer.vendors(*vendors)).code == 0
    assert instance.rows(VENDOR) == before
    assert instance.rejects()["1"] == contested(sys_id, "1")
