"""The Table API, reading."""

import pytest
import requests

MISSING = "0" * 32
NO_RECORD = {
    "error": {
        "message": "No Record found",
        "detail": "Record doesn't exist or ACL restricts the record retrieval",
    },
    "status": "failure",
}
ALL_COLUMNS = {
    *("name", "code", "account_number", "valid_from", "valid_to", "company_code"),
    *("correlation_id", "correlation_display"),
    *("sys_id", "sys_created_on", "sys_created_by"),
    *("sys_updated_on", "sys_updated_by", "sys_mod_count"),
}


@pytest.fixture
def invoice(instance):
    account = instance.app.insert("itfm_gl_accounts", {"name": "Rent", "account_number": "5000"})
    vendor = instance.app.insert(
        "proc_vendor", {"name": "Copper Works", "gl_account": account["sys_id"]}
    )
    return instance.app.insert(
        "sn_apo_invoice", {"invoice_number": "INV-1", "vendor": vendor["sys_id"]}
    )


def test_every_value_of_every_column_is_a_string(instance):
    instance.app.insert("cmn_cost_center", {"name": "Plant", "valid_from": "2026-01-31"})
    [row] = instance.list("cmn_cost_center")
    assert set(row) == ALL_COLUMNS
    assert all(isinstance(value, str) for value in row.values())
    assert (row["name"], row["valid_from"], row["valid_to"]) == ("Plant", "2026-01-31", "")
    assert [row] == instance.app.rows("cmn_cost_center")


@pytest.mark.parametrize("version", ["", "v1/", "v2/"])
def test_one_row(instance, version):
    row = instance.app.insert("cmn_cost_center", {"name": "Plant"})
    path = f"/api/now/{version}table/cmn_cost_center"
    assert instance.call("GET", path).json() == {"result": [row]}
    assert instance.call("GET", f"{path}/{row['sys_id']}").json() == {"result": row}
    missing = instance.call("GET", f"{path}/{MISSING}")
    assert (missing.status_code, missing.json()) == (404, NO_RECORD)


def test_only_version_1_calls_an_empty_list_an_error(instance):
    first = instance.call("GET", "/api/now/v1/table/proc_vendor")
    assert (first.status_code, first.json()) == (404, NO_RECORD)
    for path in ("/api/now/v2/table/proc_vendor", "/api/now/table/proc_vendor"):
        later = instance.call("GET", path)
        assert (later.status_code, later.json()) == (200, {"result": []})


def test_a_table_that_does_not_exist(instance):
    for method in ("GET", "POST"):
        response = instance.call(method, "/api/now/table/x_casemgmt_case", json={})
        assert response.status_code == 400
        assert response.json() == {
            "error": {"message": "Invalid table x_casemgmt_case", "detail": None},
            "status": "failure",
        }


def test_a_reference_is_a_link_unless_that_is_excluded_and_empty_if_empty(instance, invoice):
    instance.app.insert("sn_apo_invoice", {"invoice_number": "INV-2"})
    vendor = invoice["vendor"]
    link = {"link": f"{instance.url}/api/now/table/proc_vendor/{vendor}", "value": vendor}
    query = "ORDERBYinvoice_number"
    linked = instance.list("sn_apo_invoice", query=query)
    assert [row["vendor"] for row in linked] == [link, ""]
    bare = instance.list("sn_apo_invoice", query=query, exclude_reference_link="true")
    assert [row["vendor"] for row in bare] == [vendor, ""]
    assert instance.session.get(link["link"], timeout=10).json()["result"]["name"] == "Copper Works"


def test_fields_are_chosen_dot_walked_and_ignored_when_unknown(instance, invoice):
    fields = (
        "invoice_number, vendor.name,vendor.gl_account.account_number,no_such,state.name,sys_id"
    )
    assert instance.list("sn_apo_invoice", fields=fields) == [
        {
            "invoice_number": "INV-1",
            "vendor.name": "Copper Works",
            "vendor.gl_account.account_number": "5000",
            "sys_id": invoice["sys_id"],
        }
    ]
    assert instance.list("sn_apo_invoice", fields="no_such") == [{}]


def test_display_values(instance, invoice):
    vendor = invoice["vendor"]
    link = f"{instance.url}/api/now/table/proc_vendor/{vendor}"
    shown = {"fields": "vendor,state,invoice_number"}
    assert instance.list("sn_apo_invoice", display_value="true", **shown) == [
        {
            "vendor": {"display_value": "Copper Works", "link": link},
            "state": "Open",
            "invoice_number": "INV-1",
        }
    ]
    assert instance.list("sn_apo_invoice", display_value="all", **shown) == [
        {
            "vendor": {"display_value": "Copper Works", "link": link, "value": vendor},
            "state": {"display_value": "Open", "value": "open"},
            "invoice_number": {"display_value": "INV-1", "value": "INV-1"},
        }
    ]
    [row] = instance.list(
        "sn_apo_invoice", display_value="true", exclude_reference_link="true", fields="vendor"
    )
    assert row == {"vendor": "Copper Works"}


def numbers(instance, **params):
    query = {"sysparm_query": "ORDERBYname", **{f"sysparm_{k}": v for k, v in params.items()}}
    response = instance.call("GET", "/api/now/table/cmn_cost_center", params=query)
    return [row["name"] for row in response.json()["result"]], response


def test_pages_with_their_total_and_links(instance):
    for number in range(5):
        instance.app.insert("cmn_cost_center", {"name": f"C{number}"})
    names, response = numbers(instance, limit="2", offset="2", fields="name")
    assert names == ["C2", "C3"]
    assert response.headers["X-Total-Count"] == "5"
    assert set(response.links) == {"first", "prev", "next", "last"}
    pages = {
        name: [row["name"] for row in instance.session.get(link["url"]).json()["result"]]
        for name, link in response.links.items()
    }
    assert pages == {
        "first": ["C0", "C1"],
        "prev": ["C0", "C1"],
        "next": ["C4"],
        "last": ["C4"],
    }
    _, fourth = numbers(instance, limit="1", offset="3", fields="name")
    assert instance.session.get(fourth.links["prev"]["url"]).json() == {"result": [{"name": "C2"}]}
    _, first = numbers(instance, limit="2")
    assert set(first.links) == {"first", "next", "last"}
    _, last = numbers(instance, limit="2", offset="4")
    assert set(last.links) == {"first", "prev", "last"}
    _, whole = numbers(instance)
    assert set(whole.links) == {"first", "last"}
    beyond, response = numbers(instance, offset="50")
    assert (beyond, response.headers["X-Total-Count"]) == ([], "5")


def test_count_and_links_can_be_omitted(instance):
    instance.app.insert("cmn_cost_center", {"name": "C0"})
    _, response = numbers(instance, no_count="true")
    assert "X-Total-Count" not in response.headers
    _, response = numbers(instance, suppress_pagination_header="true")
    assert "Link" not in response.headers
    assert response.headers["X-Total-Count"] == "1"


def test_a_list_ends_at_ten_thousand_rows(instance):
    for start in range(0, 10_001, 2_000):
        items = [
            instance.item(
                str(number),
                "POST",
                "/api/now/table/cmn_cost_center?sysparm_fields=sys_id",
                {"name": f"C{number:05}"},
                exclude_response_headers=True,
            )
            for number in range(start, min(start + 2_000, 10_001))
        ]
        assert len(instance.batch(*items)["serviced_requests"]) == len(items)
    names, response = numbers(instance, fields="name")
    assert (len(names), names[-1]) == (10_000, "C09999")
    assert response.headers["X-Total-Count"] == "10001"


def test_rows_without_an_order_are_ordered_by_sys_id(instance, clock):
    clock.set(clock.now())
    for digit in "c0a9":
        clock.advance(1)
        instance.app.insert("cmn_cost_center", {"name": "Same", "sys_id": digit * 32})
    for query in ("", "ORDERBYname", "ORDERBYDESCname"):
        found = instance.list("cmn_cost_center", fields="sys_id", query=query)
        assert [row["sys_id"][0] for row in found] == ["0", "9", "a", "c"]


def test_name_and_value_in_the_url_are_a_query(instance):
    for name in ("North", "South"):
        instance.app.insert("cmn_cost_center", {"name": name, "code": "7"})
    path = "/api/now/table/cmn_cost_center?code=7&name=South&sysparm_fields=name"
    assert instance.call("GET", path).json() == {"result": [{"name": "South"}]}


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/api/now/table/proc_vendor?sysparm_offset=-1", 400, "sysparm_offset"),
        ("GET", "/api/now/table/proc_vendor?sysparm_limit=many", 400, "sysparm_limit"),
        (
            "GET",
            "/api/now/table/proc_vendor?sysparm_input_display_value=true",
            400,
            "sysparm_input_display_value",
        ),
        ("GET", "/api/now/nothing", 400, "/api/now/nothing"),
        ("POST", f"/api/now/table/proc_vendor/{MISSING}", 405, "POST"),
        ("PATCH", "/api/now/table/proc_vendor", 405, "PATCH"),
        ("DELETE", "/api/now/table/proc_vendor", 405, "DELETE"),
        ("GET", "/api/now/v1/batch", 405, "GET"),
    ],
)
def test_requests_that_cannot_be_served(instance, method, path, status, words):
    response = instance.call(method, path)
    assert response.status_code == status
    body = response.json()
    assert (set(body), body["status"]) == ({"error", "status"}, "failure")
    assert set(body["error"]) == {"message", "detail"}
    assert words in response.text


def test_a_caller_that_wants_no_json(instance):
    refused = instance.call("GET", "/api/now/table/proc_vendor", headers={"Accept": "text/csv"})
    assert refused.status_code == 406
    anything = instance.call("GET", "/api/now/table/proc_vendor", headers={"Accept": "*/*"})
    assert anything.headers["Content-Type"] == "application/json;charset=UTF-8"


def test_a_url_of_more_than_8192_bytes(instance):
    """The path and the query count, as they are sent: percent-encoded, without the host."""
    path = "/api/now/table/proc_vendor?sysparm_query=nameIN"
    room = 8192 - len(path) - len("%2C")
    for number, status in ((room, 200), (room + 1, 414)):
        url = f"{instance.url}{path}%2C{'x' * number}"
        answer = requests.get(url, auth=instance.session.auth, timeout=10)
        assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.text.startswith("<!DOCTYPE html>")
