"""The Table API, writing."""

import datetime as dt

import pytest
import requests

MISSING = "0" * 32
NOON = dt.datetime(2026, 3, 1, 12, 0, 0, tzinfo=dt.UTC)


def failure(message, detail):
    return {"error": {"message": message, "detail": detail}, "status": "failure"}


def test_post_inserts_and_returns_the_location(instance, clock):
    clock.set(NOON)
    response = instance.call(
        "POST", "/api/now/table/cmn_cost_center", json={"name": "Plant", "code": "10"}
    )
    assert response.status_code == 201
    row = response.json()["result"]
    sys_id = row["sys_id"]
    assert response.headers["Location"] == f"{instance.url}/api/now/table/cmn_cost_center/{sys_id}"
    assert instance.call("GET", f"/api/now/table/cmn_cost_center/{sys_id}").json()["result"] == row
    assert instance.app.rows("cmn_cost_center") == [row]
    assert len(sys_id) == 32
    assert row == {
        "sys_id": sys_id,
        "sys_created_on": "2026-03-01 12:00:00",
        "sys_created_by": "integration",
        "sys_updated_on": "2026-03-01 12:00:00",
        "sys_updated_by": "integration",
        "sys_mod_count": "0",
        "name": "Plant",
        "code": "10",
        "account_number": "",
        "valid_from": "",
        "valid_to": "",
        "company_code": "",
        "correlation_id": "",
        "correlation_display": "",
    }


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_put_and_patch_change_only_what_was_sent(instance, clock, method):
    clock.set(NOON)
    before = instance.app.insert("cmn_cost_center", {"name": "Plant", "code": "10"})
    clock.advance(60)
    path = f"cmn_cost_center/{before['sys_id']}"
    after = instance.send(method, path, {"code": "20", "no_such": "x"})
    assert after == {
        **before,
        "code": "20",
        "sys_updated_on": "2026-03-01 12:01:00",
        "sys_updated_by": "integration",
        "sys_mod_count": "1",
    }
    assert before["sys_created_by"] == "admin"
    clock.advance(60)
    assert instance.send(method, path, {"code": "20", "name": "Plant"}) == after
    assert instance.app.rows("cmn_cost_center") == [after]


def test_delete(instance):
    keep = instance.app.insert("cmn_cost_center", {"name": "Plant"})
    drop = instance.app.insert("cmn_cost_center", {"name": "Depot"})
    path = f"/api/now/table/cmn_cost_center/{drop['sys_id']}"
    response = instance.call("DELETE", path)
    assert (response.status_code, response.content) == (204, b"")
    assert instance.app.rows("cmn_cost_center") == [keep]
    assert instance.call("DELETE", path).status_code == 404


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_row_that_is_not_there_is_not_made(instance, method):
    response = instance.call(method, f"/api/now/table/proc_vendor/{MISSING}", json={"name": "X"})
    assert response.status_code == 404
    assert response.json() == failure(
        "No Record found", "Record doesn't exist or ACL restricts the record retrieval"
    )
    assert instance.app.rows("proc_vendor") == []
    hidden = instance.app.insert("proc_vendor", {"name": "Hidden"})
    instance.app.behave(
        access=[{"table": "proc_vendor", "operation": "read", "when": "name=Hidden"}]
    )
    path = f"/api/now/table/proc_vendor/{hidden['sys_id']}"
    assert instance.call(method, path, json={"name": "X"}).status_code == 404
    assert instance.app.rows("proc_vendor") == [hidden]


def test_defaults(instance):
    vendor = instance.send("POST", "proc_vendor", {"name": "Copper Works"})
    assert (vendor["active"], vendor["on_hold"], vendor["city"]) == ("true", "false", "")
    invoice = instance.send("POST", "sn_apo_invoice", {"invoice_number": "1"})
    assert (invoice["state"], invoice["on_hold"], invoice["invoice_type"]) == ("open", "false", "")


def test_a_reference_that_resolves(instance):
    vendor = instance.app.insert("proc_vendor", {"name": "Copper Works"})["sys_id"]
    values = {"invoice_number": "INV-1", "vendor": vendor}
    assert instance.send("POST", "sn_apo_invoice", values)["vendor"] == vendor


@pytest.mark.parametrize("empty", [{}, {"name": ""}, {"name": None}])
def test_a_mandatory_column_must_not_be_empty(instance, empty):
    refusal = failure(
        "Operation Failed", "Data Policy Exception: The following fields are mandatory: Name"
    )
    inserted = instance.call("POST", "/api/now/table/proc_vendor", json={**empty, "city": "Ulm"})
    assert (inserted.status_code, inserted.json()) == (403, refusal)
    assert instance.app.rows("proc_vendor") == []


def test_a_mandatory_column_must_not_be_emptied(instance):
    before = instance.app.insert("sn_apo_invoice", {"invoice_number": "INV-1"})
    path = f"/api/now/table/sn_apo_invoice/{before['sys_id']}"
    response = instance.call("PATCH", path, json={"invoice_number": "", "state": "posted"})
    assert response.status_code == 403
    assert response.json()["error"]["detail"] == (
        "Data Policy Exception: The following fields are mandatory: Invoice number"
    )
    assert instance.app.rows("sn_apo_invoice") == [before]


def test_a_sys_id_chosen_by_the_caller(instance):
    chosen = "AB" * 16
    row = instance.send("POST", "proc_vendor", {"name": "Copper Works", "sys_id": chosen})
    assert row["sys_id"] == chosen
    assert instance.call("GET", f"/api/now/table/proc_vendor/{chosen.lower()}").status_code == 200
    again = instance.call(
        "POST", "/api/now/table/proc_vendor", json={"name": "Tin Works", "sys_id": chosen.lower()}
    )
    assert again.status_code == 403
    assert again.json() == failure(
        "Operation Failed", "Error during insert of proc_vendor (Tin Works)"
    )
    assert instance.app.rows("proc_vendor") == [row]
    other = instance.send("POST", "proc_vendor", {"name": "Tin Works", "sys_id": "1200"})
    assert len(other["sys_id"]) == 32
    moved = instance.send("PATCH", f"proc_vendor/{chosen}", {"sys_id": MISSING})
    assert moved == row


def test_of_an_array_the_first_row_is_written(instance):
    row = instance.send("POST", "cmn_cost_center", [{"name": "First"}, {"name": "Second"}])
    assert row["name"] == "First"
    assert instance.app.rows("cmn_cost_center") == [row]


def test_the_answer_to_a_write_can_be_limited_or_omitted(instance):
    path = "/api/now/table/cmn_cost_center"
    limited = instance.call("POST", f"{path}?sysparm_fields=name,code", json={"name": "Plant"})
    assert limited.json() == {"result": {"name": "Plant", "code": ""}}
    silent = instance.call(
        "POST", path, json={"name": "Depot"}, headers={"X-no-response-body": "true"}
    )
    assert (silent.status_code, silent.content) == (201, b"")
    sys_id = silent.headers["Location"].rpartition("/")[2]
    assert instance.send("PATCH", f"cmn_cost_center/{sys_id}", {})["name"] == "Depot"


def test_a_post_may_override_its_method(instance):
    row = instance.app.insert("cmn_cost_center", {"name": "Plant"})
    response = instance.call(
        "POST",
        f"/api/now/table/cmn_cost_center/{row['sys_id']}",
        json={"code": "9"},
        headers={"X-HTTP-Method-Override": "PATCH"},
    )
    assert response.json()["result"]["code"] == "9"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Accept": None}, 400),
        ({"Content-Type": None}, 400),
        ({"Content-Type": "text/plain"}, 415),
        ({"Accept": "application/xml"}, 406),
    ],
)
def test_a_write_needs_its_headers(instance, headers, status):
    session = requests.Session()
    session.headers = {"Accept": "application/json", "Content-Type": "application/json", **headers}
    with session:
        response = session.post(
            f"{instance.url}/api/now/table/cmn_cost_center",
            data='{"name": "Plant"}',
            auth=instance.session.auth,
            timeout=10,
        )
    assert response.status_code == status
    assert response.json()["status"] == "failure"
    assert instance.app.rows("cmn_cost_center") == []


@pytest.mark.parametrize(("method", "status"), [("POST", 201), ("PATCH", 200)])
def test_a_write_without_a_body(instance, method, status):
    """It is a write without values."""
    row = instance.app.insert("sn_apo_invoice_line", {})
    path = "/api/now/table/sn_apo_invoice_line"
    url = f"{instance.url}{path}" + ("" if method == "POST" else f"/{row['sys_id']}")
    headers = {"Accept": "application/json"}
    answer = requests.request(method, url, auth=instance.session.auth, headers=headers, timeout=10)
    assert answer.status_code == status
    rows = instance.app.rows("sn_apo_invoice_line")
    assert len(rows) == (2 if method == "POST" else 1)
    assert row in rows


@pytest.mark.parametrize(
    "body",
    [
        "{'name': 'Plant'}",
        '{"name": NaN}',
        '"name"',
        "[]",
        "[1]",
        "\xff",
        '{"name": "\\ud83d"}',
        "[" * 100_000,
    ],
)
def test_a_body_that_cannot_be_read(instance, body):
    response = instance.call("POST", "/api/now/table/cmn_cost_center", data=body.encode("latin-1"))
    assert response.status_code == 400
    assert response.json()["error"]["message"] == "Exception while reading request"
    assert instance.app.rows("cmn_cost_center") == []


def test_a_body_over_ten_megabytes(instance):
    limit = 10_485_760
    shell = len('{"name":""}')
    fits = instance.call(
        "POST", "/api/now/table/cmn_cost_center", data='{"name":"%s"}' % ("x" * (limit - shell))
    )
    assert fits.status_code == 201
    large = instance.call("POST", "/api/now/v1/batch", data="x" * (limit + 1))
    assert large.status_code == 400
    assert large.json() == failure(
        "Exception while reading request",
        f"Rejected large REST payload with content-length = {limit + 1} bytes."
        f" Max allowed: {limit} bytes.",
    )


@pytest.mark.parametrize("table", ["sys_dictionary", "sys_db_object", "sys_choice"])
def test_system_tables_are_not_written(instance, table):
    before = instance.app.rows(table)
    sys_id = before[0]["sys_id"]
    for method, path, operation in (
        ("POST", table, "Insert"),
        ("PATCH", f"{table}/{sys_id}", "Update"),
        ("DELETE", f"{table}/{sys_id}", "Delete"),
    ):
        response = instance.call(method, f"/api/now/table/{path}", json={"name": "x"})
        assert response.status_code == 403
        assert response.json() == failure(
            "Operation Failed", f"ACL Exception {operation} Failed due to security constraints"
        )
    assert instance.app.rows(table) == before


def test_a_row_typed_in_by_hand(instance):
    row = instance.app.insert("proc_vendor", {"name": "x" * 101, "active": "false"})
    assert (len(row["name"]), row["active"], row["sys_created_by"]) == (100, "false", "admin")
    assert instance.app.rows("proc_vendor") == [row]
    with pytest.raises(KeyError, match="no column colour"):
        instance.app.insert("proc_vendor", {"name": "Copper Works", "colour": "red"})
    with pytest.raises(KeyError):
        instance.app.rows("no_such_table")
