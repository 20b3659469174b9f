"""Faults on real connections: what the client sees, and whether its request was committed."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import time
from urllib.parse import urlsplit

import pytest
import requests

BASIC = "Basic SU5URUdSQVRJT046U0FOREJPWA=="
TABLE = "/api/now/table/proc_vendor"
FORM = {
    "grant_type": "client_credentials",
    "client_id": "sandbox-client",
    "client_secret": "sandbox-secret",
}
NO_ANSWER = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)


@pytest.fixture(scope="module")
def small(start, client_of):
    with start(vendors=5, accounts=1, batches=0) as sandbox:
        client = client_of(sandbox)
        yield client
        client.session.close()


@pytest.fixture
def both(small):
    """A client of a sandbox without faults, rows or logged requests."""
    small.control.reset()
    return small


def plan(client, *rules, seed=0):
    return client.control.follow_faults({"seed": seed, "rules": list(rules)})


def insert(client, name):
    """Write a row; every call is a connection of its own."""
    return requests.post(
        client.sandbox.servicenow_url + TABLE,
        json={"name": name},
        headers={"Accept": "application/json"},
        auth=("integration", "sandbox"),
    )


def rows(client):
    return sorted(row["name"] for row in client.control.rows("proc_vendor"))


def logged(client):
    return client.control.log()


@pytest.mark.parametrize(
    ("rule", "committed"),
    [
        ({"fault": "reset"}, False),
        ({"fault": "drop"}, True),
        ({"fault": "cut"}, True),
        ({"fault": "hang", "seconds": 0.05}, False),
        ({"fault": "hang", "seconds": 0.05, "commit": True}, True),
    ],
)
def test_a_broken_connection_gives_no_answer_whether_committed_or_not(both, rule, committed):
    plan(both, {**rule, "side": "servicenow"})
    with pytest.raises(NO_ANSWER):
        insert(both, "Anvils")
    assert rows(both) == (["Anvils"] if committed else [])
    [entry] = logged(both)
    assert entry == {
        "number": 1,
        "side": "servicenow",
        "method": "POST",
        "path": TABLE,
        "query": "",
        "status": 201 if rule["fault"] == "cut" else 0,
        "app_status": 201 if committed else None,
        "fault": rule["fault"],
        "committed": committed,
    }


@pytest.mark.parametrize(
    ("rule", "status", "committed"),
    [
        ({"fault": "error"}, 500, False),
        ({"fault": "error", "status": 502, "body": "html"}, 502, False),
        ({"fault": "error", "status": 503, "commit": True}, 503, True),
        ({"fault": "error", "status": 429, "retry_after": 7}, 429, False),
        ({"fault": "html"}, 200, False),
        ({"fault": "html", "commit": True}, 200, True),
        ({"fault": "unparsable"}, 201, True),
    ],
)
def test_an_answer_that_replaces_the_real_one(both, rule, status, committed):
    plan(both, {**rule, "side": "servicenow"})
    answer = insert(both, "Anvils")
    assert answer.status_code == status
    assert rows(both) == (["Anvils"] if committed else [])
    [entry] = logged(both)
    assert (entry["fault"], entry["committed"]) == (rule["fault"], committed)
    assert answer.headers.get("Retry-After") == ("7" if "retry_after" in rule else None)
    if rule["fault"] == "unparsable":
        assert answer.headers["Content-Type"].startswith("application/json")
        with pytest.raises(ValueError, match=r".+"):
            answer.json()
    elif rule["fault"] == "html" or rule.get("body") == "html":
        assert answer.headers["Content-Type"] == "text/html"
        assert answer.text.startswith("<!DOCTYPE html>")
    else:
        assert answer.json()["status"] == "failure"


def test_a_list_broken_off_by_an_error(both):
    for name in ("Anvils", "Bolts"):
        insert(both, name)
    plan(both, {"fault": "partial", "side": "servicenow"})
    options = {"headers": {"Accept": "application/json"}, "auth": ("integration", "sandbox")}
    url = f"{TABLE}?sysparm_fields=name&sysparm_query=ORDERBYname"
    alone = requests.get(both.sandbox.servicenow_url + url, **options)
    item = {"id": "1", "method": "GET", "url": url, "headers": []}
    batch = requests.post(
        f"{both.sandbox.servicenow_url}/api/now/v1/batch",
        json={"batch_request_id": "1", "rest_requests": [item]},
        **options,
    )
    [served] = batch.json()["serviced_requests"]
    assert served["status_code"] == alone.status_code == batch.status_code == 200
    answer = json.loads(base64.b64decode(served["body"]))
    assert answer == alone.json()
    assert answer["result"] == [{"name": "Anvils"}]
    assert answer["error"]["message"].startswith("Transaction cancelled")
    assert rows(both) == ["Anvils", "Bolts"]
    assert insert(both, "Copper").json()["result"]["name"] == "Copper"  # not a list


def test_sage_300_fails_in_its_own_words(both):
    plan(both, {"fault": "error", "side": "sage300", "status": 429})
    status, code, _ = both.refusal("APVendors")
    assert (status, code) == (429, "TooManyRequests")


def test_a_reset_resets_the_connection_and_a_drop_closes_it_cleanly(both):
    address = urlsplit(both.sandbox.sage_url)
    endings = {}
    for fault in ("reset", "drop"):
        plan(both, {"fault": fault})
        with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            try:
                endings[fault] = connection.recv(1)
            except ConnectionResetError:
                endings[fault] = "reset"
    assert endings == {"reset": "reset", "drop": b""}


def test_a_cut_answer_lacks_the_second_half_of_its_body(both):
    whole = both.get("APVendors").content
    plan(both, {"fault": "cut"})
    address = urlsplit(both.url("APVendors"))
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
    connection.request("GET", address.path, headers={"Authorization": BASIC})
    with pytest.raises(http.client.IncompleteRead) as cut:
        connection.getresponse().read()
    connection.close()
    assert cut.value.partial == whole[: len(whole) // 2]
    assert cut.value.expected == len(whole) - len(whole) // 2


@pytest.mark.parametrize("fault", ["delay", "trickle"])
def test_a_slow_answer_is_complete(both, fault):
    whole = both.get("APVendors").content
    plan(both, {"fault": fault, "seconds": 0.3})
    begun = time.monotonic()
    answer = both.get("APVendors")
    assert time.monotonic() - begun >= 0.3
    assert answer.content == whole
    # A delay holds the first byte back, a trickle the later ones.
    assert (answer.elapsed.total_seconds() >= 0.3) is (fault == "delay")


def test_an_expired_token_ends_in_a_401_and_a_new_one_works(both):
    url = both.sandbox.servicenow_url
    token = requests.post(url + "/oauth_token.do", data=FORM).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    assert requests.get(url + TABLE, headers=headers).status_code == 200
    plan(both, {"fault": "expire_token", "path": TABLE, "nth": 1})
    assert requests.get(url + TABLE, headers=headers).status_code == 401
    assert logged(both)[-1]["committed"] is False
    renewed = requests.post(url + "/oauth_token.do", data=FORM).json()["access_token"]
    assert renewed != token
    headers["Authorization"] = f"Bearer {renewed}"
    assert requests.get(url + TABLE, headers=headers).status_code == 200


def test_the_token_endpoint_and_batches_meet_faults_too(both):
    url = both.sandbox.servicenow_url
    plan(
        both,
        {"fault": "error", "path": "/oauth_token.do", "status": 503, "nth": 1},
        {"fault": "drop", "path": "/api/now/(v1/)?batch", "nth": 1},
    )
    assert requests.post(url + "/oauth_token.do", data=FORM).status_code == 503
    assert requests.post(url + "/oauth_token.do", data=FORM).status_code == 200
    item = {
        "id": "1",
        "method": "POST",
        "url": TABLE,
        "headers": [
            {"name": "Content-Type", "value": "application/json"},
            {"name": "Accept", "value": "application/json"},
        ],
        "body": "eyJuYW1lIjogIkFudmlscyJ9",
    }
    batch = {"batch_request_id": "1", "rest_requests": [item]}
    call = {
        "json": batch,
        "auth": ("integration", "sandbox"),
        "headers": {"Accept": "application/json"},
    }
    with pytest.raises(NO_ANSWER):
        requests.post(url + "/api/now/v1/batch", **call)
    assert rows(both) == ["Anvils"]
    assert requests.post(url + "/api/now/v1/batch", **call).status_code == 200
    assert rows(both) == ["Anvils", "Anvils"]


def test_the_plan_reports_what_it_did_and_ends_when_deleted(both):
    plan(both, {"fault": "error", "side": "sage300", "path": "APVendors", "first": 2})
    statuses = [both.get("APVendors").status_code for _ in range(3)]
    both.get("GLAccounts")
    assert statuses == [500, 500, 200]
    rule = {"fault": "error", "side": "sage300", "path": "APVendors", "first": 2}
    assert both.control.call("GET", "faults") == {
        "seed": 0,
        "rules": [{**rule, "met": 3, "struck": 2}],
    }
    both.control.clear_faults()
    assert both.control.call("GET", "faults") == {"seed": 0, "rules": []}
    assert both.get("APVendors").status_code == 200


def test_control_endpoints_meet_no_faults_and_are_not_logged(both):
    plan(both, {"fault": "reset"})
    both.control.call("GET", "clock")
    assert logged(both) == []


def test_calls_without_an_answer_are_counted_with_status_0(both):
    plan(both, {"fault": "drop"})
    with pytest.raises(NO_ANSWER):
        both.get("APVendors")
    counts = both.control.counters()["sage300"]
    assert counts["by_status"] == {"0": 1}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (
            {"rule": []},
            "Invalid fault plan: object contains unknown field `rule`, choose from rules, seed",
        ),
        (
            {"rules": [{"fault": "burn"}]},
            "Invalid fault plan at rules[0].fault: invalid enum value 'burn', choose from ",
        ),
        ({"rules": [{}]}, "at rules[0]: object missing required field `fault`"),
        (
            {"rules": [{"fault": "drop", "nth": 1, "every": 2}]},
            "at rules[0]: a rule takes only one of nth, every",
        ),
        (
            {"rules": [{"fault": "drop", "probability": 1.5}]},
            "at rules[0].probability: expected `float` <= 1",
        ),
        (
            {"rules": [{"fault": "error", "status": 200}]},
            "at rules[0].status: expected `int` >= 400",
        ),
        (
            {"rules": [{"fault": "drop", "path": "("}]},
            "at rules[0]: the path is not a regular expression",
        ),
    ],
)
def test_an_invalid_plan_is_refused_and_the_old_one_stays(both, body, sentence):
    before = plan(both, {"fault": "drop", "nth": 9})
    status, refusal = both.refused("POST", "faults", body)
    assert status == 400
    assert sentence in refusal
    assert both.control.call("GET", "faults") == before


def test_the_log_keeps_the_latest_requests_only(start, client_of):
    with start(vendors=1, accounts=1, batches=0, log_size=3) as sandbox:
        client = client_of(sandbox)
        for number in range(5):
            client.get("APVendors", skip=number)
        entries = logged(client)
        assert [entry["number"] for entry in entries] == [3, 4, 5]
        assert entries[-1]["query"] == "%24skip=4"
        client.session.close()
