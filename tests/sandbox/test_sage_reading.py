"""Pages, single records and the options that shape them."""

from __future__ import annotations

import json
import re

import pytest


def _walk(client, first):
    """Follow next links to their end; return the pages."""
    pages = [first]
    while "@odata.nextLink" in pages[-1]:
        answer = client.session.get(pages[-1]["@odata.nextLink"])
        pages.append(answer.json())
    return pages


@pytest.mark.parametrize("resource", ["APVendors", "GLAccounts", "APInvoiceBatches"])
def test_next_links_lead_through_every_record_once_in_key_order(reader, resource):
    key = {
        "APVendors": "VendorNumber",
        "GLAccounts": "UnformattedAccount",
        "APInvoiceBatches": "BatchNumber",
    }[resource]
    pages = _walk(reader, reader.page(resource, select=key))
    keys = [record[key] for page in pages for record in page["value"]]
    assert keys == [record[key] for record in reader.records(resource)]
    assert keys == sorted(keys)
    assert len(keys) == {"APVendors": 240, "GLAccounts": 180, "APInvoiceBatches": 40}[resource]
    assert all(len(page["value"]) == 100 for page in pages[:-1])


def test_text_is_ordered_byte_by_byte_and_numbers_by_value(client):
    numbers = ["ZZ", "abc", "Zz", "a_1"]
    for number in numbers:
        client.control.copy("SAMINC", "APVendors", "1010", VendorNumber=number)
    vendors = client.page("APVendors", select="VendorNumber")["value"]
    assert [vendor["VendorNumber"] for vendor in vendors][-4:] == ["ZZ", "Zz", "a_1", "abc"]
    batches = client.page("APInvoiceBatches", select="BatchNumber")["value"]
    assert [batch["BatchNumber"] for batch in batches] == list(range(1, 13))


def test_text_keys_are_ordered_as_text_not_as_numbers(start, client_of):
    with start(vendors=950, accounts=1, batches=0) as sandbox:
        client = client_of(sandbox)
        first = client.page("APVendors", select="VendorNumber")["value"]
        client.session.close()
    assert [record["VendorNumber"] for record in first[:3]] == ["1000", "10000", "10010"]


def test_a_read_by_key_returns_what_the_next_links_return(reader):
    keys, last = [], ""
    while page := reader.page("APVendors", filter=f"VendorNumber gt '{last}'", top=37)["value"]:
        keys += [record["VendorNumber"] for record in page]
        last = keys[-1]
    assert keys == [record["VendorNumber"] for record in reader.records("APVendors")]


def test_a_page_holds_100_records_however_many_are_asked_for(reader):
    page = reader.page("APVendors", top=1000)
    assert len(page["value"]) == 100
    assert sum(len(page["value"]) for page in _walk(reader, page)) == 240


def test_top_above_the_page_size_goes_on_until_it_is_reached(reader):
    pages = _walk(reader, reader.page("APVendors", top=150, skip=20, select="VendorNumber"))
    keys = [record["VendorNumber"] for page in pages for record in page["value"]]
    everything = [record["VendorNumber"] for record in reader.records("APVendors")]
    assert keys == everything[20:170]
    assert [len(page["value"]) for page in pages] == [100, 50]


def test_top_within_the_page_size_has_no_next_link(reader):
    page = reader.page("APVendors", top=100)
    assert len(page["value"]) == 100
    assert "@odata.nextLink" not in page


def test_the_next_link_carries_the_other_options_and_counts_skip_up(reader):
    page = reader.page("APVendors", count="true", select="VendorNumber,City", skip=7)
    link = reader.url("APVendors") + "?$count=true&$select=VendorNumber%2CCity&$skip=107"
    assert page["@odata.nextLink"] == link


def test_no_next_link_when_the_last_page_is_full(start, client_of):
    with start(vendors=200, accounts=1, batches=0) as sandbox:
        client = client_of(sandbox)
        pages = _walk(client, client.page("APVendors"))
        client.session.close()
    assert [len(page["value"]) for page in pages] == [100, 100]


def test_count_is_of_everything_that_meets_the_filter(reader):
    canadian = [r for r in reader.records("APVendors") if r["CurrencyCode"] == "CAD"]
    page = reader.page("APVendors", filter="CurrencyCode eq 'CAD'", count="true", top=3, skip=1)
    assert page["@odata.count"] == len(canadian) > 3
    assert page["value"] == canadian[1:4]
    assert "@odata.count" not in reader.page("APVendors", count="false", top=1)


def test_select_returns_the_chosen_properties_and_no_others(reader):
    page = reader.page("APVendors", select="VendorName,CreditLimit", top=2)
    assert [list(record) for record in page["value"]] == [["VendorName", "CreditLimit"]] * 2
    assert page["@odata.context"].endswith("/SAMINC/AP/$metadata#APVendors(VendorName,CreditLimit)")


def test_select_keeps_the_digits_of_an_amount(reader):
    text = reader.get("APInvoiceBatches", select="BatchTotal").text
    amounts = re.findall(r'"BatchTotal":([^}]+)', text)
    assert amounts
    assert all(re.fullmatch(r"\d+\.\d{3}", amount) for amount in amounts)


def test_a_single_record_comes_without_a_wrapper(reader):
    record = reader.page("APInvoiceBatches(3)")
    context = record.pop("@odata.context")
    assert context == reader.url("$metadata#APInvoiceBatches/$entity").replace("/$m/", "/AP/")
    assert record == reader.records("APInvoiceBatches")[2]


@pytest.mark.parametrize("path", ["APVendors('1010')", "APVendors(VendorNumber='1010')"])
def test_a_text_key_is_quoted(reader, path):
    assert reader.page(path, select="VendorNumber")["VendorNumber"] == "1010"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("APVendors('9')", 404, "RecordNotFound"),
        ("APVendors('O''NEILL')", 404, "RecordNotFound"),
        ("APInvoiceBatches(4711)", 404, "RecordNotFound"),
        ("APVendors(1010)", 400, "InvalidEntityKey"),
        ("APVendors('10'10')", 400, "InvalidEntityKey"),
        ("APVendors()", 400, "InvalidEntityKey"),
        ("APInvoiceBatches('3')", 400, "InvalidEntityKey"),
        ("APInvoiceBatches(99999999999999999999)", 400, "InvalidEntityKey"),
    ],
)
def test_a_key_that_leads_nowhere(reader, path, status, code):
    assert reader.refusal(path)[:2] == (status, code)


@pytest.mark.parametrize(
    "options",
    [
        {"orderby": "VendorNumber"},
        {"expand": "VendorOptionalFieldValues"},
        {"search": "Leeds"},
        {"inlinecount": "allpages"},
        {"format": "json"},
        {"top": "-1"},
        {"top": "ten"},
        {"top": "99999999999"},
        {"skip": "1.5"},
        {"count": "yes"},
        {"filter": ""},
    ],
)
def test_options_that_the_server_does_not_take(reader, options):
    assert reader.refusal("APVendors", **options)[:2] == (400, "InvalidParameters")


def test_an_option_given_twice_is_refused(reader):
    answer = reader.session.get(reader.url("APVendors?$top=1&%24top=2"))
    assert answer.status_code == 400


def test_collection_options_are_refused_on_a_single_record(reader):
    assert reader.refusal("APVendors('1010')", top=1)[:2] == (400, "InvalidParameters")


def test_an_unknown_property_is_named_as_the_real_server_names_it(reader):
    message = (
        "Could not find a property named 'Nonsense' on type "
        "'Sage.CA.SBS.ERP.Sage300.AP.WebApi.Models.Vendor'."
    )
    for option in ({"select": "VendorNumber,Nonsense"}, {"filter": "Nonsense eq 'x'"}):
        assert reader.refusal("APVendors", **option) == (400, "InvalidParameters", message)
    for option in ({"select": "vendornumber"}, {"filter": "vendornumber eq '1010'"}):
        assert "'vendornumber'" in reader.refusal("APVendors", **option)[2]


def test_an_empty_answer_is_complete(reader):
    page = json.loads(reader.get("APVendors", filter="City eq 'Nowhere'", count="true").text)
    assert page.pop("@odata.context")
    assert page == {"@odata.count": 0, "value": []}
