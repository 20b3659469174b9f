"""The switches of the Sage 300 site, each seen through the Web API."""

from __future__ import annotations

import threading
import time
from xml.etree import ElementTree

import pytest
import requests

from sage300_servicenow_sandbox.declared import as_json
from sage300_servicenow_sandbox.sage.behaviours import Behaviours

EDM = "{http://docs.oasis-open.org/odata/ns/edm}"


@pytest.fixture(scope="module")
def shared(start, client_of):
    with start(companies=("SAMINC", "SAMLTD"), vendors=230, accounts=44, batches=4) as sandbox:
        client = client_of(sandbox)
        yield client
        client.session.close()


@pytest.fixture
def site(shared):
    """A client of a stock server, made one again after each test."""
    yield shared
    shared.control.sage_behaviours(**as_json(Behaviours()))
    shared.get("APVendors", top=0)  # a pool that cannot be exhausted forgets its calls


def behave(client, **changes):
    return client.control.sage_behaviours(**changes)


def numbers(page):
    return [vendor["VendorNumber"] for vendor in page["value"]]


def test_switches_are_read_set_and_reset(start, client_of):
    with start(vendors=1, accounts=1, batches=0) as sandbox:
        client = client_of(sandbox)
        stock = client.control.sage_behaviours()
        assert stock["page_size"] == 100
        changed = behave(client, page_size=200, forbidden_modules={"SAMINC": ["GL"]})
        assert changed == {**stock, "page_size": 200, "forbidden_modules": {"SAMINC": ["GL"]}}
        assert client.control.sage_behaviours() == changed
        client.control.reset()
        assert client.control.sage_behaviours() == stock
        client.session.close()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"pagesize": 100}, "Invalid behaviours: object contains unknown field `pagesize`"),
        ({"page_size": 99}, "Invalid behaviours at page_size: expected `int` >= 100"),
        ({"page_size": 1001}, "Invalid behaviours at page_size: expected `int` <= 1000"),
        ({"orderby": True}, "at orderby: expected `str`, got `bool`"),
        (
            {"site_properties": {"APBills": {}}},
            "at site_properties.APBills: there is no such resource",
        ),
        ({"site_properties": {"APVendors": {"X": "money"}}}, "'money' is not a type"),
        ({"site_properties": {"APVendors": {"X'": "date"}}}, "a name consists of letters"),
    ],
)
def test_an_invalid_behaviour_is_refused_and_nothing_changes(site, changes, sentence):
    before = site.control.sage_behaviours()
    status, refusal = site.refused("PATCH", "sage300/behaviours", changes)
    assert status == 400
    assert sentence in refusal
    assert site.control.sage_behaviours() == before


def test_page_size_caps_every_answer(site):
    assert len(site.page("APVendors")["value"]) == 100
    behave(site, page_size=200)
    assert len(site.page("APVendors")["value"]) == 200
    capped = site.page("APVendors", top=1000)
    assert len(capped["value"]) == 200
    assert "%24skip=200" in capped["@odata.nextLink"].replace("$", "%24")
    assert len(site.page("APVendors", top=150)["value"]) == 150


def test_orderby_where_a_site_takes_it(site):
    assert site.refusal("APVendors", orderby="VendorName")[:2] == (400, "InvalidParameters")
    behave(site, orderby="accepted")
    vendors = site.page("APVendors", orderby="Status desc, DateLastMaintained")["value"]
    keys = [(v["Status"] != "Inactive", v["DateLastMaintained"] or "") for v in vendors]
    assert keys == sorted(keys)
    assert len({key[0] for key in keys}) == 2
    link = site.page("APVendors", orderby="VendorName")["@odata.nextLink"]
    following = [v["VendorName"] for v in site.session.get(link).json()["value"]]
    assert following == sorted(following)
    for wrong in ("Nonsense", "VendorName up", "VendorContactSelection", ""):
        assert site.refusal("APVendors", orderby=wrong)[0] == 400


@pytest.mark.parametrize("form", ["v4", "quoted", "v3"])
def test_one_form_of_dates_is_taken_and_the_others_are_not(site, form):
    stock = site.get("APVendors", filter="DateLastMaintained ge 2026-01-01T00:00:00Z")
    assert stock.status_code == 200
    behave(site, date_literals=form)
    for other in ("2026-01-01", "2026-01-01T00:00:00", "2026-01-01T00:00:00.5Z"):
        assert site.refusal("APVendors", filter=f"DateLastMaintained ge {other}")[0] == 400
    literals = {
        "v4": "2026-01-01T00:00:00Z",
        "quoted": "'2026-01-01'",
        "v3": "datetime'2026-01-01T00:00:00'",
    }
    wanted = [
        vendor["VendorNumber"]
        for vendor in site.records("APVendors")
        if (vendor["DateLastMaintained"] or "") >= "2026-01-01"
    ]
    for name, literal in literals.items():
        answer = site.get("APVendors", filter=f"DateLastMaintained ge {literal}")
        if name == form:
            assert numbers(answer.json()) == wanted[:100] != []
        else:
            assert answer.status_code == 400
            assert answer.json()["error"]["code"] == "InvalidParameters"


def test_a_quoted_date_may_have_its_midnight(site):
    behave(site, date_literals="quoted")
    short, long = (
        numbers(site.page("APVendors", filter=f"DateLastMaintained ge '{text}'"))
        for text in ("2026-01-01", "2026-01-01T00:00:00Z")
    )
    assert short == long != []
    assert site.refusal("APVendors", filter="DateLastMaintained ge 'today'")[0] == 400


def test_without_key_order_every_record_is_still_read_once(site):
    behave(site, key_order="none")
    read, link = [], site.url("APVendors")
    while link:
        page = site.session.get(link).json()
        read += numbers(page)
        link = page.get("@odata.nextLink")
    assert read != sorted(read)
    assert sorted(read) == sorted(v["VendorNumber"] for v in site.records("APVendors"))
    assert numbers(site.page("APVendors")) == read[:100]


def test_links_may_name_another_host_as_behind_a_proxy(site):
    own = site.page("APVendors")["@odata.nextLink"]
    root = site.sandbox.sage_url.removesuffix("/Sage300WebApi")
    behave(site, next_link_host="https://sage.internal:8443")
    page = site.page("APVendors")
    assert own.startswith(root)
    assert page["@odata.nextLink"] == own.replace(root, "https://sage.internal:8443")
    assert page["@odata.context"].startswith("https://sage.internal:8443/")


def _properties(client, module, type_name):
    url = client.url(module).removesuffix(module) + "$metadata"
    root = ElementTree.fromstring(client.session.get(url).content)
    entity = root.find(f".//{EDM}EntityType[@Name='{type_name}']")
    return {prop.get("Name"): prop.get("Type") for prop in entity.iter(f"{EDM}Property")}


def test_a_site_has_properties_of_its_own(site):
    stock = _properties(site, "AP", "Vendor")
    behave(site, site_properties={"APVendors": {"Rating": "string 4", "Bonus": "decimal 3"}})
    assert _properties(site, "AP", "Vendor") == {
        **stock,
        "Rating": "Edm.String",
        "Bonus": "Edm.Decimal",
    }
    assert list(site.page("APVendors('1010')"))[-3:] == ["UpdateOperation", "Rating", "Bonus"]
    edited = site.edit("APVendors", "1010", Rating="AAA")
    assert edited["Rating"] == "AAA"
    texts = ("Rating eq 'AAA'", "Rating eq '' and VendorNumber le '1020'")
    found = [numbers(site.page("APVendors", filter=text)) for text in texts]
    assert found == [["1010"], ["1000", "1020"]]
    selected = site.page("APVendors", select="VendorNumber,Rating,Bonus", top=2)["value"]
    assert selected == [
        {"VendorNumber": "1000", "Rating": "", "Bonus": 0},
        {"VendorNumber": "1010", "Rating": "AAA", "Bonus": 0},
    ]
    assert list(site.page("APVendors('1010')"))[-3:] == ["UpdateOperation", "Rating", "Bonus"]
    behave(site, site_properties={})
    assert "Rating" not in site.page("APVendors('1020')")


def test_accounts_may_have_a_change_date(site):
    text = "DateLastMaintained ge 2026-11-20T00:00:00Z"
    assert site.refusal("GLAccounts", filter=text)[0] == 400
    behave(site, account_change_date=True)
    assert "DateLastMaintained" in _properties(site, "GL", "Account")
    assert site.page("GLAccounts", filter=text)["value"] == []
    site.edit("GLAccounts", "6000", Description="Stationery")
    [account] = site.page("GLAccounts", filter=text)["value"]
    assert account["UnformattedAccount"] == "6000"
    assert account["DateLastMaintained"] == "2026-11-20T00:00:00Z"


def test_admin_has_no_rights(site):
    refused = requests.get(site.url("APVendors"), auth=("ADMIN", "SANDBOX"))
    assert refused.status_code == 403
    assert refused.json()["error"]["message"]["value"] == "Insufficient security rights for user."


def test_a_module_is_forbidden_while_others_and_other_companies_work(site):
    behave(site, forbidden_modules={"SAMINC": ["GL", "PO"]})
    for path in ("GLAccounts", "GLSegmentCodes", "POPurchaseOrders"):
        assert site.refusal(path)[:2] == (403, "Forbidden")
    metadata = site.url("GLAccounts").removesuffix("GLAccounts") + "$metadata"
    assert site.session.get(metadata).status_code == 403
    assert site.get("APVendors").status_code == 200
    assert site.session.get(site.url("GLAccounts", "SAMLTD")).status_code == 200


@pytest.mark.parametrize(
    ("policy", "accepted"),
    [
        ("before_2022_2", [("INTEGRATION", "SANDBOX")]),
        ("simple", [("INTEGRATION", "SANDBOX"), ("integration", "sandbox")]),
        ("complex", [("integration", "SandBox"), ("INTEGRATION", "SandBox")]),
    ],
)
def test_how_passwords_are_compared(site, policy, accepted):
    behave(site, password_policy=policy)
    for user in ("INTEGRATION", "integration"):
        for password in ("SANDBOX", "sandbox", "SandBox", ""):
            answer = requests.get(site.url("APVendors"), auth=(user, password))
            right = (user, password) in accepted or (policy == "simple" and password)
            assert answer.status_code == (200 if right else 401)


def test_a_locked_company_says_so(site):
    behave(site, locked_companies=["SAMINC"])
    assert site.refusal("APVendors") == (
        403,
        "Forbidden",
        "The company database SAMINC is locked by another program.",
    )
    assert site.session.get(site.url("APVendors", "SAMLTD")).status_code == 200


def test_an_unreadable_record_fails_its_page(site):
    (first, second) = numbers(site.page("APVendors", top=2))
    behave(site, unreadable_records={"APVendors": [second]})
    assert site.refusal("APVendors", top=2)[:2] == (500, "General")
    assert numbers(site.page("APVendors", top=1)) == [first]
    assert numbers(site.page("APVendors", top=2, select="VendorNumber")) == [first, second]


def test_lists_inside_a_record_can_be_paged(site):
    whole = site.page("APInvoiceBatches")["value"]
    behave(site, detail_page=2)
    paged = site.page("APInvoiceBatches")["value"]
    assert any(len(batch["Invoices"]) > 2 for batch in whole)
    for batch, cut in zip(whole, paged, strict=True):
        assert cut["Invoices"] == batch["Invoices"][:2]
        assert ("Invoices@odata.nextLink" in cut) == (len(batch["Invoices"]) > 2)


def test_a_401_is_a_page_of_iis_and_a_403_is_sages_own(site):
    behave(site, forbidden_modules={"SAMINC": ["GL"]})
    unknown, forbidden = requests.get(site.url("APVendors")), site.get("GLAccounts")
    assert (unknown.status_code, forbidden.status_code) == (401, 403)
    assert unknown.headers["WWW-Authenticate"].startswith("Basic ")
    assert unknown.headers["Content-Type"].startswith("text/html")
    assert unknown.text.startswith("<!DOCTYPE")
    assert forbidden.headers["Content-Type"].startswith("application/json")
    assert forbidden.json()["error"]["code"] == "Forbidden"


def test_more_requests_at_once_than_the_limit_are_too_many(site):
    assert site.get("APVendors").status_code == 200
    behave(site, concurrent_limit=1)
    hang = {"fault": "hang", "path": "GL", "seconds": 0.5}
    site.control.follow_faults({"rules": [hang]})
    slow = threading.Thread(target=_ignoring_its_end, args=(site.url("GLAccounts"),))
    slow.start()
    while not site.control.call("GET", "faults")["rules"][0]["struck"]:
        time.sleep(0.01)
    assert site.refusal("APVendors")[:2] == (429, "TooManyRequests")
    slow.join()
    site.control.clear_faults()
    assert site.get("APVendors").status_code == 200


def _ignoring_its_end(url):
    with pytest.raises(requests.ConnectionError):
        requests.get(url)


def test_an_exhausted_pool_hangs_and_refuses_until_it_has_rested(site):
    behave(
        site,
        pool_calls=3,
        pool_hang_seconds=0.2,
        pool_rest_seconds=100,
    )
    assert [site.get("APVendors").status_code for _ in range(3)] == [200] * 3
    refused = site.get("APVendors")
    assert refused.status_code == 503
    assert refused.headers["Content-Type"] == "text/html"
    assert refused.elapsed.total_seconds() >= 0.2
    site.control.advance_clock(99)
    assert site.get("GLAccounts").status_code == 503
    site.control.advance_clock(1)
    assert [site.get("APVendors").status_code for _ in range(4)] == [200, 200, 200, 503]


def test_calls_outside_the_window_do_not_exhaust_the_pool(site):
    behave(site, pool_calls=3)
    for _ in range(6):
        assert site.get("APVendors", top=1).status_code == 200
        site.control.advance_clock(125)
