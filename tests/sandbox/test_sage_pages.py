"""Servers that page, count and compare otherwise than a stock client."""

from __future__ import annotations

import pytest


def numbers(page):
    return [vendor["VendorNumber"] for vendor in page["value"]]


@pytest.fixture
def mixed(client):
    """A site with vendors whose order depends on the case of letters."""
    (first, *_) = client.records("APVendors")
    for number in ("zeta", "Zulu"):
        client.control.copy("SAMINC", "APVendors", first["VendorNumber"], VendorNumber=number)
    return client


def test_text_may_be_compared_without_regard_to_case(mixed):
    wanted = "VendorNumber gt 'Zeta'"
    assert numbers(mixed.page("APVendors", filter=wanted)) == ["Zulu", "zeta"]
    mixed.control.sage_behaviours(comparison="ignore_case")
    assert numbers(mixed.page("APVendors", filter=wanted)) == ["Zulu"]


def test_records_may_come_in_key_order_without_regard_to_case(mixed):
    mixed.control.sage_behaviours(key_order="ignore_case")
    assert numbers(mixed.page("APVendors", filter="VendorNumber ge 'Z'")) == ["zeta", "Zulu"]


def test_counts_may_be_wrong(client):
    every = len(client.records("APVendors"))
    wanted = {"count": "true", "top": "2", "filter": "VendorNumber ne '0'"}
    for kind, total in {"right": every, "of_page": 2, "of_all": every}.items():
        client.control.sage_behaviours(counts=kind)
        assert client.page("APVendors", **wanted)["@odata.count"] == total
    few = {**wanted, "filter": "VendorNumber eq '0'"}
    assert client.page("APVendors", **few)["@odata.count"] == every
    client.control.sage_behaviours(counts="absent")
    assert "@odata.count" not in client.page("APVendors", **wanted)


def test_links_may_never_end(client):
    client.control.sage_behaviours(links="always")
    page = client.page("APVendors", filter="VendorNumber eq '0'", top="5")
    assert page["value"] == []
    assert "skip=0" in page["@odata.nextLink"]


def test_pages_may_be_capped_without_a_link(client):
    client.control.sage_behaviours(page_cap=10)
    page = client.page("APVendors", top="50")
    assert numbers(page) == [vendor["VendorNumber"] for vendor in client.records("APVendors")][:10]
    assert "@odata.nextLink" not in page
