"""Hourly rates, slots and sessions, and an instance that does not answer."""

import datetime as dt
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

TABLE = "/api/now/table/cmn_cost_center"
STATS = "/api/now/stats/cmn_cost_center"
BATCH = "/api/now/v1/batch"
QUARTER_PAST = dt.datetime(2026, 3, 1, 12, 15, 0, tzinfo=dt.UTC)
RATE_HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Reset", "X-RateLimit-Rule", "Retry-After")


def rates(response):
    return {name: response.headers[name] for name in RATE_HEADERS if name in response.headers}


def test_without_a_rule_there_are_no_rate_headers(instance):
    assert rates(instance.call("GET", TABLE)) == {}


def test_an_hourly_rule(instance, clock):
    clock.set(QUARTER_PAST)
    instance.app.behave(rate_rules=[{"resource": "table", "per_hour": 3}])
    answers = [instance.call("GET", f"{TABLE}{path}") for path in ("", f"/{'0' * 32}", "?x")]
    assert [answer.status_code for answer in answers] == [200, 404, 200]
    for answer in answers:
        headers = rates(answer)
        assert len(headers.pop("X-RateLimit-Rule")) == 32
        reset = int(QUARTER_PAST.timestamp()) + 45 * 60
        assert headers == {"X-RateLimit-Limit": "3", "X-RateLimit-Reset": str(reset)}
    refused = instance.call("POST", TABLE, json={"name": "Plant"})
    assert refused.status_code == 429
    assert refused.json() == {
        "error": {
            "message": "Rate limit exceeded",
            "detail": "Rate limit of 3 requests per hour for Table API exceeded",
        },
        "status": "failure",
    }
    assert 45 * 60 <= int(refused.headers["Retry-After"]) <= 45 * 60 + 1
    assert rates(refused).keys() == set(RATE_HEADERS)
    assert instance.app.rows("cmn_cost_center") == []
    assert instance.call("POST", BATCH, json={"rest_requests": []}).status_code == 200
    clock.advance(int(refused.headers["Retry-After"]))
    assert instance.call("GET", TABLE).status_code == 200


def test_the_tightest_of_several_rules_counts(instance, clock):
    clock.set(QUARTER_PAST)
    instance.app.behave(
        rate_rules=[
            {"resource": "all", "per_hour": 3},
            {"resource": "table", "per_hour": 1},
            {"resource": "stats", "per_hour": 9},
        ]
    )
    assert instance.call("GET", TABLE).headers["X-RateLimit-Limit"] == "1"
    assert instance.call("GET", TABLE).status_code == 429
    last = instance.call("GET", STATS)
    assert (last.status_code, last.headers["X-RateLimit-Limit"]) == (200, "3")
    over = instance.call("GET", STATS)
    assert over.status_code == 429
    assert "for REST API" in over.json()["error"]["detail"]
    instance.app.behave(rate_rules=[])
    assert instance.call("GET", TABLE).status_code == 200


def test_a_batch_counts_once_whatever_it_carries(instance):
    instance.app.behave(
        rate_rules=[{"resource": "table", "per_hour": 1}, {"resource": "batch", "per_hour": 2}]
    )
    items = [instance.item(str(n), "GET", TABLE) for n in range(5)]
    for _ in range(2):
        serviced = instance.batch(*items)["serviced_requests"]
        assert {item["status_code"] for item in serviced} == {200}
    refused = instance.call("POST", BATCH, json={"rest_requests": items})
    assert refused.status_code == 429
    assert "for Batch API" in refused.json()["error"]["detail"]
    assert instance.call("GET", TABLE).status_code == 200


def at_once(instance, count, *, own_sessions=True):
    """Send some writes at the same time and return their responses and the time they took."""

    def write(number):
        if not own_sessions:
            return instance.call("POST", TABLE, json={"name": str(number)})
        with instance.another_session() as other:
            return other.call("POST", TABLE, json={"name": str(number)})

    start = time.monotonic()
    with ThreadPoolExecutor(count) as pool:
        responses = list(pool.map(write, range(count)))
    return responses, time.monotonic() - start


def test_requests_beyond_the_slots_wait(instance):
    instance.app.behave(row_cost_ms=150, slots=2)
    responses, seconds = at_once(instance, 6)
    assert [response.status_code for response in responses] == [201] * 6
    assert seconds >= 0.45


def busy(instance):
    """How many requests hold a slot or wait for one; so that a test knows when all are there."""
    slots = instance.app._slots
    return slots._running + len(slots._waiting)


def in_session(instance):
    return sum(turn.users for turn in instance.app._sessions._turns.values())


def wait_for(count, of, instance):
    deadline = time.monotonic() + 10
    while of(instance) != count:
        assert time.monotonic() < deadline
        time.sleep(0.002)


def write_apart(instance, name):
    with instance.another_session() as other:
        return other.call("POST", TABLE, json={"name": name})


def test_a_stock_instance_has_four_slots_and_fifty_places_to_wait(instance, stopping):
    instance.app.behave(row_cost_ms=60_000)
    with ThreadPoolExecutor(55) as pool:
        try:
            there = [pool.submit(write_apart, instance, str(number)) for number in range(54)]
            wait_for(54, busy, instance)
            refused = pool.submit(write_apart, instance, "one more").result(timeout=5)
            assert not any(pending.done() for pending in there)
        finally:
            stopping.set()
        assert {pending.result().status_code for pending in there} == {201}
    assert refused.status_code == 429
    assert "Retry-After" not in refused.headers
    assert refused.json()["status"] == "failure"
    assert len(instance.app.rows("cmn_cost_center")) == 54
    assert write_apart(instance, "one more").status_code == 201


def test_waiting_requests_run_first_come_first_served(instance):
    instance.app.behave(row_cost_ms=150, slots=1)
    ended = []

    def write(name):
        write_apart(instance, name)
        ended.append(name)

    with ThreadPoolExecutor(4) as pool:
        for count, name in enumerate("abcd", 1):
            pool.submit(write, name)
            wait_for(count, busy, instance)
    assert ended == ["a", "b", "c", "d"]


def test_requests_of_one_session_run_one_after_another(instance, stopping):
    instance.call("GET", TABLE)
    assert instance.session.cookies["JSESSIONID"]
    instance.app.behave(row_cost_ms=250)
    responses, seconds = at_once(instance, 4, own_sessions=False)
    assert [response.status_code for response in responses] == [201] * 4
    assert seconds >= 1
    _, apart = at_once(instance, 4)
    assert apart < 0.9
    # Those that wait for their session hold no slot: the other one of two is free.
    instance.app.behave(row_cost_ms=60_000, slots=2)
    with ThreadPoolExecutor(3) as pool, instance.another_session() as other:
        for number in range(3):
            pool.submit(instance.call, "POST", TABLE, json={"name": str(number)})
        try:
            wait_for(3, in_session, instance)
            read = other.session.get(f"{instance.url}{TABLE}", timeout=3)
        finally:
            stopping.set()
    assert read.status_code == 200


def test_a_session_gets_its_cookie_once_and_the_cookie_authenticates_nobody(instance):
    first, second = instance.call("GET", TABLE), instance.call("GET", TABLE)
    assert first.headers["Set-Cookie"].startswith("JSESSIONID=")
    assert "Set-Cookie" not in second.headers
    with instance.another_session() as other:
        other.call("GET", TABLE)
        assert other.session.cookies["JSESSIONID"] != instance.session.cookies["JSESSIONID"]
    cookies = {"JSESSIONID": instance.session.cookies["JSESSIONID"]}
    assert requests.get(f"{instance.url}{TABLE}", cookies=cookies, timeout=10).status_code == 401


@pytest.mark.parametrize(
    ("behaviour", "status", "words"),
    [
        ("hibernating", 200, "Your instance is hibernating"),
        ("maintenance", 503, "maintenance"),
    ],
)
@pytest.mark.parametrize("path", [TABLE, BATCH, STATS, "/oauth_token.do"])
def test_an_instance_that_answers_with_a_page(instance, behaviour, status, words, path):
    instance.app.behave(**{behaviour: True})
    response = instance.call("POST", path, json={"name": "Plant"})
    assert response.status_code == status
    assert response.headers["Content-Type"].startswith("text/html")
    assert words in response.text
    instance.app.behave(**{behaviour: False})
    assert instance.app.rows("cmn_cost_center") == []
    assert instance.list("cmn_cost_center") == []


def test_stopping_ends_every_wait(instance, stopping):
    instance.app.behave(row_cost_ms=60_000)
    with ThreadPoolExecutor(1) as pool:
        start = time.monotonic()
        pending = pool.submit(instance.call, "POST", TABLE, json={"name": "Plant"})
        time.sleep(0.1)
        assert not pending.done()
        stopping.set()
        assert pending.result().status_code == 201
    assert time.monotonic() - start < 5
