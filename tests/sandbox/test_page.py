"""The sandbox's page in a real browser: edit one side, look at the other."""

from __future__ import annotations

import typing as t
from urllib.parse import urlsplit

import pytest
import requests

if t.TYPE_CHECKING:
    from playwright.sync_api import Page

MARKUP = "<img src=x onerror=console.error(1)>"


@pytest.fixture
def page(tab: Page, client) -> t.Iterator[Page]:
    """The page, on ServiceNow's port; it calls nobody but the sandbox."""
    called = set()
    tab.on("request", lambda request: called.add(urlsplit(request.url).netloc))
    tab.goto(client.sandbox.servicenow_url + "/")
    tab.wait_for_selector("#records tbody tr")
    yield tab
    assert called == {urlsplit(client.sandbox.servicenow_url).netloc}


def test_an_edit_reaches_sage_300_and_the_row_of_the_record_is_shown(page, client):
    client.control.insert_row(
        "proc_vendor", name="Somebody", city="York", correlation_id="sage300:SAMINC:Vendor:1020"
    )
    page.fill("#sage-search", "1020")
    page.click("#records button:text-is('1020')")
    page.wait_for_selector("#row dd:text-is('York')")
    page.fill("#p-City", "Leeds")
    page.fill("#p-CreditLimit", "12345678901.125")
    page.click("text=Save")
    page.wait_for_selector("#said:has-text('Saved')")
    (vendor,) = [v for v in client.records("APVendors") if v["VendorNumber"] == "1020"]
    assert (vendor["City"], str(vendor["CreditLimit"])) == ("Leeds", "12345678901.125")
    assert page.inner_text("#said") == (
        "Saved City, CreditLimit. The next run takes it to ServiceNow."
    )


def test_what_cannot_be_saved_is_said(page):
    page.click("#records button:text-is('1020')")
    page.fill("#p-CreditLimit", "much")
    page.click("text=Save")
    page.wait_for_selector("#said.error")
    assert page.inner_text("#said") == "CreditLimit must be a number"


def test_names_are_text_and_the_latest_requests_are_shown(page, client):
    client.edit("APVendors", "1020", VendorName=MARKUP)
    assert client.get("APVendors").status_code == 200
    page.wait_for_selector("#log code:has-text('GET /Sage300WebApi/v1.0/-/SAMINC/AP/APVendors')")
    page.fill("#sage-search", "onerror")
    page.wait_for_selector("#records tbody tr:only-child")
    assert page.inner_text("#records tbody td:nth-child(2)") == MARKUP


@pytest.mark.parametrize("width", [1280, 390])
def test_it_fits_the_screen(page, width):
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_only_browsers_get_it(client):
    address = client.sandbox.servicenow_url + "/"
    assert requests.get(address).status_code != 200
    answer = requests.get(address, headers={"Accept": "text/html"})
    assert answer.status_code == 200
    assert "<title>Sage 300 and ServiceNow sandbox</title>" in answer.text
    assert client.control.counters()["servicenow"]["calls"] == 1


def test_records_and_rows_can_be_searched(client):
    found = client.control.call("GET", "sage300/SAMINC/APVendors?contains=SUNFIELD&limit=5")
    assert [vendor["VendorNumber"] for vendor in found["records"]] == ["1000"]
    for name in ("Smith & Sons", "Jones"):
        client.control.insert_row("proc_vendor", name=name)
    found = client.control.call("GET", "servicenow/proc_vendor?contains=smith")
    assert [row["name"] for row in found["rows"]] == ["Smith & Sons"]
    assert len(client.control.call("GET", "servicenow/proc_vendor?limit=1")["rows"]) == 1
    refused = client.refused("GET", "servicenow/proc_vendor?limit=many")
    assert refused == (400, "limit=many is not a whole number of items")
