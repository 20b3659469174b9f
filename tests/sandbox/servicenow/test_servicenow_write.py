"""The Table API, writing: what is kept of what was sent."""

from datetime import datetime, timezone

import pytest
import requests

MISSING = "0" * 32
NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=timezone.utc)


def failure(message, detail):
    return {"error": {"message": message, "detail": detail}, "status": "failure"}


def test_post_inserts_and_says_where(instance, clock):
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


INVOICE_VALUES = [
    # column, sent, stored; None: left out, as if it had not been sent
    ("short_description", "Paper", "Paper"),
    ("short_description", " spaced ", " spaced "),
    ("short_description", "Žluťoučký 纸", "Žluťoučký 纸"),
    ("short_description", "x" * 161, "x" * 160),
    ("short_description", 12.50, "12.5"),
    ("short_description", True, "true"),
    ("short_description", {"a": 1}, None),
    ("short_description", ["a"], None),
    ("currency", "EURO", "EUR"),
    ("no_such_column", "x", None),
    ("invoice_type", "credit_note", "credit_note"),
    ("invoice_type", "Credit note", None),
    ("invoice_type", "", ""),
    ("state", "no_such_state", None),
    ("state", "", ""),
    ("on_hold", True, "true"),
    ("on_hold", "TRUE", "true"),
    ("on_hold", 1, "true"),
    ("on_hold", "0", "false"),
    ("on_hold", "", "false"),
    ("on_hold", "maybe", None),
    ("batch_number", 17, "17"),
    ("batch_number", "0017", "17"),
    ("batch_number", "-3", "-3"),
    ("batch_number", "17.5", None),
    ("batch_number", "17a", None),
    ("batch_number", "\uff11\uff17", None),
    ("batch_number", "9" * 5000, None),
    ("batch_number", "", ""),
    ("total_amount", "12.990", "12.99"),
    ("total_amount", "12.0005", "12.001"),
    ("total_amount", "-12.0005", "-12.001"),
    ("total_amount", "12.0004999", "12"),
    ("total_amount", "100", "100"),
    ("total_amount", "-0.0001", "0"),
    ("total_amount", "1e3", "1000"),
    ("total_amount", "+.5", "0.5"),
    ("total_amount", 9007199254740993, "9007199254740993"),
    ("total_amount", "9" * 61, None),
    ("total_amount", "123456789012345678901234567890.126", "123456789012345678901234567890.126"),
    ("total_amount", "1,000.00", None),
    ("total_amount", "USD;10.00", None),
    ("total_amount", "NaN", None),
    ("total_amount", "1e9999", None),
    ("total_amount", "", ""),
    ("exchange_rate", "1.23456785", "1.2345679"),
    ("invoice_date", "2026-02-28", "2026-02-28"),
    ("invoice_date", "2026-02-28 23:59:59", "2026-02-28"),
    ("invoice_date", "2026-02-30", None),
    ("invoice_date", "28/02/2026", None),
    ("invoice_date", "2026-02-28T00:00:00Z", None),
    ("invoice_date", "20260228", None),
    ("invoice_date", "", ""),
    ("invoice_date", None, ""),
    ("vendor", "no vendor", ""),
    ("vendor", MISSING, ""),
    ("vendor", "", ""),
    ("sys_created_by", "me", None),
    ("sys_updated_on", "2000-01-01 00:00:00", None),
    ("sys_mod_count", "99", None),
]


@pytest.mark.parametrize(("column", "sent", "stored"), INVOICE_VALUES)
def test_what_an_insert_keeps(instance, clock, column, sent, stored):
    clock.set(NOON)
    plain = instance.send("POST", "sn_apo_invoice", {"invoice_number": "INV-1"})
    made = instance.send("POST", "sn_apo_invoice", {"invoice_number": "INV-1", column: sent})
    expected = plain if stored is None else {**plain, column: stored}
    assert {**made, "sys_id": ""} == {**expected, "sys_id": ""}
    assert made in instance.app.rows("sn_apo_invoice")


@pytest.mark.parametrize(("column", "sent", "stored"), INVOICE_VALUES)
def test_what_an_update_keeps(instance, column, sent, stored):
    vendor = instance.app.insert("proc_vendor", {"name": "Copper Works"})
    before = instance.app.insert(
        "sn_apo_invoice",
        {
            "invoice_number": "INV-1",
            "vendor": vendor["sys_id"],
            "short_description": "Before",
            "invoice_type": "interest",
            "state": "posted",
            "on_hold": "true",
            "batch_number": "1",
            "total_amount": "1",
            "invoice_date": "2025-12-31",
        },
    )
    stamps = {"sys_mod_count", "sys_updated_on", "sys_updated_by"}
    instance.send("PATCH", f"sn_apo_invoice/{before['sys_id']}", {column: sent})
    [after] = instance.app.rows("sn_apo_invoice")
    changed = {name: after[name] for name in after if after[name] != before[name]}
    expected = {} if stored is None or stored == before[column] else {column: stored}
    assert {name: value for name, value in changed.items() if name not in stamps} == expected
    assert after["sys_mod_count"] == str(len(expected))


def test_numbers_keep_every_digit_they_were_written_with(instance):
    body = '{"invoice_number": "INV-1", "total_amount": 90071992547409.915, "po_number": 1.10}'
    response = instance.call("POST", "/api/now/table/sn_apo_invoice", data=body)
    row = response.json()["result"]
    assert (row["total_amount"], row["po_number"]) == ("90071992547409.915", "1.10")


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


def test_a_sys_id_of_the_callers_own(instance):
    chosen = "AB" * 16
    row = instance.send("POST", "proc_vendor", {"name": "Copper Works", "sys_id": chosen})
    assert row["sys_id"] == chosen.lower()
    again = instance.call(
        "POST", "/api/now/table/proc_vendor", json={"name": "Tin Works", "sys_id": chosen}
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


def test_the_answer_to_a_write_can_be_limited_or_left_out(instance):
    path = "/api/now/table/cmn_cost_center"
    limited = instance.call("POST", f"{path}?sysparm_fields=name,code", json={"name": "Plant"})
    assert limited.json() == {"result": {"name": "Plant", "code": ""}}
    silent = instance.call(
        "POST", path, json={"name": "Depot"}, headers={"X-no-response-body": "true"}
    )
    assert (silent.status_code, silent.content) == (201, b"")
    sys_id = silent.headers["Location"].rpartition("/")[2]
    assert instance.send("PATCH", f"cmn_cost_center/{sys_id}", {})["name"] == "Depot"


def test_a_post_may_stand_for_another_method(instance):
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


@pytest.mark.parametrize(
    "body",
    ["", "{'name': 'Plant'}", '{"name": NaN}', '"name"', "[]", "[1]", "\xff", "[" * 100_000],
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
