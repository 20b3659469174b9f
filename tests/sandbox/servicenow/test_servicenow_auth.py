"""Tokens and Basic auth."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

GRANT = {
    "grant_type": "client_credentials",
    "client_id": "sandbox-client",
    "client_secret": "sandbox-secret",
}
NOT_AUTHENTICATED = {
    "error": {
        "message": "User Not Authenticated",
        "detail": "Required to provide Auth information",
    },
    "status": "failure",
}


def ask(instance, **options):
    return requests.post(f"{instance.url}/oauth_token.do", timeout=10, **options)


def read(instance, token):
    return requests.get(
        f"{instance.url}/api/now/table/proc_vendor",
        headers={"Authorization": f"Bearer {token}"},
        timeout=10,
    )


def test_a_token_opens_the_api(instance):
    response = ask(instance, data=GRANT)
    assert response.status_code == 200
    answer = response.json()
    token = answer.pop("access_token")
    assert token
    assert answer.pop("expires_in") in {1799, 1800}
    assert answer == {"scope": "useraccount", "token_type": "Bearer"}
    assert read(instance, token).json() == {"result": []}


def test_a_valid_token_is_issued_again_with_less_time_left(instance, clock):
    clock.set(clock.now())
    first = ask(instance, data=GRANT).json()
    clock.advance(600)
    second = ask(instance, data=GRANT).json()
    assert (first["expires_in"], second["expires_in"]) == (1800, 1200)
    assert first["access_token"] == second["access_token"]


def test_a_token_expires_after_half_an_hour_of_the_sandbox_clock(instance, clock):
    clock.set(clock.now())
    token = ask(instance, data=GRANT).json()["access_token"]
    clock.advance(1799)
    assert read(instance, token).status_code == 200
    clock.advance(1)
    expired = read(instance, token)
    assert (expired.status_code, expired.json()) == (401, NOT_AUTHENTICATED)
    renewed = ask(instance, data=GRANT).json()
    assert renewed["access_token"] != token
    assert renewed["expires_in"] == 1800
    assert read(instance, renewed["access_token"]).status_code == 200
    assert read(instance, token).status_code == 401


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"data": {**GRANT, "client_secret": "wrong"}}, "invalid_client"),
        ({"data": {**GRANT, "client_id": "wrong"}}, "invalid_client"),
        ({"data": {**GRANT, "grant_type": "password"}}, "unsupported_grant_type"),
        ({"json": GRANT}, "unsupported_grant_type"),
        ({"params": GRANT}, "unsupported_grant_type"),
        ({"data": GRANT, "headers": {"Content-Type": "text/plain"}}, "unsupported_grant_type"),
        ({"data": {}}, "unsupported_grant_type"),
    ],
)
def test_other_token_requests_are_refused(instance, options, error):
    response = ask(instance, **options)
    assert response.status_code == 401
    assert response.json()["error"] == error
    assert set(response.json()) == {"error", "error_description"}
    assert "access_token" not in response.text


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"auth": ("integration", "wrong")},
        {"auth": ("admin", "sandbox")},
        {"headers": {"Authorization": "Bearer made-up"}},
        {"headers": {"Authorization": "Bearer "}},
        {"headers": {"Authorization": "Digest x"}},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/now/table/proc_vendor"),
        ("GET", "/api/now/table/no_such_table"),
        ("POST", "/api/now/v1/batch"),
        ("GET", "/anything"),
    ],
)
def test_nothing_is_served_without_credentials(instance, method, path, options):
    response = requests.request(method, f"{instance.url}{path}", timeout=10, **options)
    assert response.status_code == 401
    assert response.json() == NOT_AUTHENTICATED


def test_basic_auth_and_the_token_are_the_same_user(instance):
    by_basic = instance.send("POST", "proc_vendor", {"name": "Copper Works"})
    token = ask(instance, data=GRANT).json()["access_token"]
    by_token = requests.post(
        f"{instance.url}/api/now/table/proc_vendor",
        json={"name": "Tin Works"},
        headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
        timeout=10,
    ).json()["result"]
    assert by_basic["sys_created_by"] == by_token["sys_created_by"] == "integration"


def test_a_reset_forgets_the_token_and_empties_the_tables(instance):
    token = ask(instance, data=GRANT).json()["access_token"]
    instance.app.insert("proc_vendor", {"name": "Copper Works"})
    instance.app.reset()
    assert read(instance, token).status_code == 401
    assert instance.list("proc_vendor") == []
    assert instance.list("sys_db_object", query="name=proc_vendor")


def test_the_life_of_a_token_can_be_shortened(instance, clock):
    clock.set(clock.now())
    instance.app.behave(token_seconds=60)
    answer = ask(instance, data=GRANT).json()
    assert answer["expires_in"] == 60
    clock.advance(59)
    assert read(instance, answer["access_token"]).status_code == 200
    clock.advance(1)
    assert read(instance, answer["access_token"]).status_code == 401


def test_every_token_can_expire_now(instance):
    token = ask(instance, data=GRANT).json()["access_token"]
    instance.app.expire_tokens()
    refused = read(instance, token)
    assert (refused.status_code, refused.json()) == (401, NOT_AUTHENTICATED)
    other = ask(instance, data=GRANT).json()["access_token"]
    assert other != token
    assert read(instance, other).status_code == 200


def test_a_token_that_expires_during_a_batch_stops_the_next_call_not_the_batch(instance):
    headers = {
        "Authorization": f"Bearer {ask(instance, data=GRANT).json()['access_token']}",
        "Accept": "application/json",
    }
    instance.app.behave(row_cost_ms=150)
    items = [
        instance.item(str(n), "POST", "/api/now/table/proc_vendor", {"name": f"V{n}"})
        for n in range(3)
    ]

    def send():
        body = {"batch_request_id": "1", "rest_requests": items}
        url = f"{instance.url}/api/now/v1/batch"
        return requests.post(url, json=body, headers=headers, timeout=10)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(send)
        while not instance.app.rows("proc_vendor"):
            assert not running.done()
        instance.app.expire_tokens()
        serviced = running.result().json()["serviced_requests"]
    assert [item["status_code"] for item in serviced] == [201, 201, 201]
    assert send().status_code == 401


@pytest.mark.parametrize(
    ("behaviour", "answer"),
    [
        (
            {"client_credentials_enabled": False},
            {"error_description": "access_denied", "error": "server_error"},
        ),
        (
            {"application_user": ""},
            {
                "error": "unauthorized_client",
                "error_description": "integration user is not configured",
            },
        ),
    ],
)
def test_a_client_that_is_not_configured(instance, behaviour, answer):
    instance.app.behave(**behaviour)
    response = ask(instance, data=GRANT)
    assert (response.status_code, response.json()) == (401, answer)
    assert instance.list("proc_vendor") == []


def test_a_token_writes_as_its_application_user(instance):
    instance.app.behave(application_user="sage.integration")
    token = ask(instance, data=GRANT).json()["access_token"]
    response = requests.post(
        f"{instance.url}/api/now/table/proc_vendor",
        json={"name": "Tin Works"},
        headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
        timeout=10,
    )
    assert response.json()["result"]["sys_created_by"] == "sage.integration"


def test_basic_auth_can_be_switched_off(instance):
    instance.app.behave(basic_auth=False)
    refused = instance.call("GET", "/api/now/table/proc_vendor")
    assert (refused.status_code, refused.json()) == (401, NOT_AUTHENTICATED)
    token = ask(instance, data=GRANT).json()["access_token"]
    assert read(instance, token).status_code == 200
