"""The Batch API, against the shapes that were recorded."""

import base64
import json

import pytest

TABLE = "/api/now/table/cmn_cost_center"
# An answer recorded from an instance, its body shortened.
RECORDED = {
    "batch_request_id": "1",
    "serviced_requests": [
        {
            "id": "1",
            "body": "eyJyZXN1bHQiOnsibnVtYmVyIjoiUkNTMDEwOTk3OCJ9fQ==",
            "status_code": 201,
            "status_text": "Created",
            "headers": [],
            "execution_time": 8,
        }
    ],
    "unserviced_requests": [],
}


def shape(value):
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value)


@pytest.mark.parametrize("path", ["/api/now/v1/batch", "/api/now/batch"])
def test_an_insert_has_the_recorded_shape(instance, path):
    item = instance.item("1", "POST", TABLE, {"name": "Plant"}, exclude_response_headers=True)
    body = {"batch_request_id": "1", "rest_requests": [item]}
    response = instance.call("POST", path, json=body)
    assert response.status_code == 200
    answer = response.json()
    assert shape(answer) == shape(RECORDED)
    [serviced] = answer["serviced_requests"]
    assert (
        serviced["id"],
        serviced["status_code"],
        serviced["status_text"],
        serviced["headers"],
    ) == (
        "1",
        201,
        "Created",
        [],
    )
    assert instance.opened(serviced) == {"result": instance.app.rows("cmn_cost_center")[0]}


def test_an_item_answers_as_the_call_alone_does(instance):
    row = instance.app.insert("cmn_cost_center", {"name": "Plant"})
    url = f"{TABLE}?sysparm_query=name%3DPlant&sysparm_fields=name,sys_id"
    alone = instance.call("GET", url)
    [serviced] = instance.batch(instance.item("7", "GET", url))["serviced_requests"]
    assert instance.opened(serviced) == alone.json()
    assert alone.json() == {"result": [{"name": "Plant", "sys_id": row["sys_id"]}]}
    headers = {pair["name"]: pair["value"] for pair in serviced["headers"]}
    assert headers == {
        name: alone.headers[name] for name in ("Content-Type", "X-Total-Count", "Link")
    }


def test_items_run_in_order_and_fail_alone(instance):
    mine = "1" * 32
    answer = instance.batch(
        instance.item("first", "POST", TABLE, {"name": "Plant", "sys_id": mine}),
        instance.item("twice", "POST", TABLE, {"name": "Plant", "sys_id": mine}),
        instance.item("change", "PATCH", f"{TABLE}/{mine}", {"code": "9"}),
        instance.item("nameless", "POST", TABLE, {"code": "9"}),
        instance.item("read", "GET", f"{TABLE}/{mine}?sysparm_fields=code,sys_mod_count"),
        instance.item("gone", "PATCH", f"{TABLE}/{'0' * 32}", {"code": "9"}),
        instance.item("no table", "GET", "/api/now/table/nothing"),
        instance.item("delete", "DELETE", f"{TABLE}/{mine}"),
        instance.item("last", "POST", TABLE, {"name": "Depot"}),
    )
    serviced = answer["serviced_requests"]
    assert [(item["id"], item["status_code"], item["status_text"]) for item in serviced] == [
        ("first", 201, "Created"),
        ("twice", 403, "Forbidden"),
        ("change", 200, "OK"),
        ("nameless", 403, "Forbidden"),
        ("read", 200, "OK"),
        ("gone", 404, "Not Found"),
        ("no table", 400, "Bad Request"),
        ("delete", 204, "No Content"),
        ("last", 201, "Created"),
    ]
    assert instance.opened(serviced[4]) == {"result": {"code": "9", "sys_mod_count": "1"}}
    assert instance.opened(serviced[1])["error"]["detail"] == (
        "Error during insert of cmn_cost_center (Plant)"
    )
    assert instance.opened(serviced[3])["error"]["detail"] == (
        "Data Policy Exception: The following fields are mandatory: Name"
    )
    assert serviced[7]["body"] == ""
    assert [row["name"] for row in instance.app.rows("cmn_cost_center")] == ["Depot"]
    location = {pair["name"]: pair["value"] for pair in serviced[0]["headers"]}["Location"]
    assert location == f"{instance.url}{TABLE}/{mine}"


def good(**changes):
    body = base64.b64encode(json.dumps({"name": "Plant"}).encode()).decode()
    headers = [
        {"name": "Accept", "value": "application/json"},
        {"name": "Content-Type", "value": "application/json"},
    ]
    item = {"id": "bad", "method": "POST", "url": TABLE, "headers": headers, "body": body}
    return {name: value for name, value in {**item, **changes}.items() if value is not None}


@pytest.mark.parametrize(
    ("item", "status", "words"),
    [
        (good(method=None), 400, "method"),
        (good(method="TRACE"), 400, "method"),
        (good(method=["POST"]), 400, "method"),
        (good(url=None), 400, "url"),
        (good(url="http://127.0.0.1/api/now/table/cmn_cost_center"), 400, "url"),
        (good(url="api/now/table/cmn_cost_center"), 400, "url"),
        (good(url="/api/now/v1/batch"), 400, "/api/now/v1/batch"),
        (good(url="/oauth_token.do"), 400, "/oauth_token.do"),
        (good(headers={"Accept": "application/json"}), 400, "headers"),
        (good(headers=[{"name": "Accept"}]), 400, "headers"),
        (good(headers=5), 400, "headers"),
        (good(headers=[]), 400, "Content-Type"),
        (good(body='{"name": "Plant"}'), 400, "Base64"),
        (good(body={"name": "Plant"}), 400, "Base64"),
        (good(body="é"), 400, "Base64"),
        (good(body=base64.b64encode(b"{'name': 'x'}").decode()), 400, "JSON"),
        (good(body=None), 403, "mandatory"),
    ],
)
def test_a_malformed_item_fails_alone(instance, item, status, words):
    answer = instance.batch(item, instance.item("good", "POST", TABLE, {"name": "Depot"}))
    bad, fine = answer["serviced_requests"]
    assert (bad["id"], bad["status_code"], fine["status_code"]) == ("bad", status, 201)
    assert instance.opened(bad)["status"] == "failure"
    assert words in json.dumps(instance.opened(bad))
    assert [row["name"] for row in instance.app.rows("cmn_cost_center")] == ["Depot"]


@pytest.mark.parametrize("item", [good(id=None), good(id=""), "text", None, 5])
def test_an_item_without_an_id_fails_alone(instance, item):
    answer = instance.batch(item)
    [bad] = answer["serviced_requests"]
    assert (bad["id"], bad["status_code"]) == ("", 400)
    assert instance.app.rows("cmn_cost_center") == []


def test_an_item_accepts_what_its_batch_does(instance):
    [row] = [instance.app.insert("cmn_cost_center", {"name": "Plant"})]
    json_body = [{"name": "Content-Type", "value": "application/json"}]
    xml = [{"name": "Accept", "value": "application/xml"}]
    url = f"{TABLE}/{row['sys_id']}"
    answer = instance.batch(
        instance.item("1", "PATCH", url, {"code": "1"}, headers=json_body),
        instance.item("2", "PATCH", url, {"code": "2"}, headers=json_body + xml),
        instance.item("3", "DELETE", url, headers=[]),
    )
    assert [item["status_code"] for item in answer["serviced_requests"]] == [200, 406, 204]
    assert instance.opened(answer["serviced_requests"][0])["result"]["code"] == "1"


def test_numbers_come_back_as_text(instance):
    body = {"batch_request_id": 42, "rest_requests": [instance.item(7, "GET", TABLE)]}
    answer = instance.call("POST", "/api/now/v1/batch", json=body).json()
    assert answer["batch_request_id"] == "42"
    assert answer["serviced_requests"][0]["id"] == "7"


@pytest.mark.parametrize("body", ["not JSON", "[]", "{}", '{"rest_requests": {}}', '"text"'])
def test_a_batch_that_cannot_be_read(instance, body):
    response = instance.call("POST", "/api/now/v1/batch", data=body)
    assert response.status_code == 400
    assert response.json()["error"]["message"] == "Exception while reading request"


def test_an_empty_batch(instance):
    assert instance.batch() == {
        "batch_request_id": "1",
        "serviced_requests": [],
        "unserviced_requests": [],
    }


def test_items_are_counted_by_method_and_status(instance, counters):
    instance.batch(
        instance.item("1", "POST", TABLE, {"name": "Plant"}),
        instance.item("2", "POST", TABLE, {}),
        instance.item("3", "GET", TABLE),
        instance.item("4", "TRACE", TABLE),
    )
    counts = counters.snapshot()["servicenow"]
    assert counts["batch_items"] == {"GET": 1, "POST": 2, "PATCH": 0}
    assert counts["batch_items_by_status"] == {"200": 1, "201": 1, "403": 1}
