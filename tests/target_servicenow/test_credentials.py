"""Tokens and passwords: requested once, renewed once, never shown."""

from __future__ import annotations

import typing as t

import requests
from typing_extensions import override

from target_servicenow.api.oauth import ClientCredentials
from target_servicenow.api.session import Session, client_credentials
from target_servicenow.api.wire import Connection
from target_servicenow.stopping import Stop

if t.TYPE_CHECKING:
    from conftest import Instance, Singer

    from sage300_servicenow_sandbox import Sandbox

READ = "/api/now/table/proc_vendor?sysparm_limit=1"


class NoWait(Stop):
    """Fails on any wait."""

    @override
    def sleep(self, seconds: float) -> None:
        raise AssertionError(f"unexpected wait of {seconds} s")


def oauth(sandbox: Sandbox) -> tuple[Connection, ClientCredentials]:
    connection = Connection(sandbox.servicenow_url, stop=NoWait())
    return connection, client_credentials(
        connection, client_id="sandbox-client", client_secret="sandbox-secret"
    )


def test_one_token_serves_all_workers(instance: Instance, singer: Singer) -> None:
    vendors = singer.vendors(*(singer.vendor(n) for n in range(300)))
    assert instance.run(vendors, workers=4).code == 0
    counters = instance.take_counters()
    assert counters["token_calls"] == 1
    assert "401" not in counters["by_status"]


def test_an_expired_token_is_renewed_once(instance: Instance) -> None:
    connection, authenticator = oauth(instance.sandbox)
    sessions = [Session(connection, authenticator) for _ in range(2)]
    for session in sessions:
        session.call("GET", READ, what="reading")
    instance.sandbox.clock.advance(3600)  # only the instance's clock
    for session in sessions:
        assert session.call("GET", READ, what="reading").status == 200
    counters = instance.take_counters()
    assert counters["token_calls"] == 2
    assert counters["by_status"]["401"] == 1


def test_a_token_is_renewed_before_it_expires(instance: Instance) -> None:
    now = [0.0]
    answers = iter([("first", 120), ("first", 60), ("second", 1800)])

    def fetch(_: dict[str, str]) -> tuple[int, dict[str, object]]:
        token, lifetime = next(answers)
        return 200, {"access_token": token, "expires_in": lifetime}

    authenticator = ClientCredentials(
        fetch=fetch, client_id="c", client_secret="s", clock=lambda: now[0]
    )
    used = []
    for moment in (0, 59, 61, 90, 92):
        now[0] = moment
        request = requests.Request("GET", instance.sandbox.servicenow_url).prepare()
        authenticator.apply(request)
        used.append(request.headers["Authorization"])
    assert used == ["Bearer first"] * 4 + ["Bearer second"]
    assert list(answers) == []


def test_a_run_outlives_its_token(instance: Instance, singer: Singer) -> None:
    def messages():
        yield from singer.vendors(singer.vendor("1"))
        yield singer.state(1)
        instance.sandbox.clock.advance(3600)
        yield singer.vendor("2")

    assert instance.run(messages(), checkpoint_seconds=0).code == 0
    counters = instance.take_counters()
    assert counters["token_calls"] == 2
    assert counters["by_status"]["401"] == 1
    assert instance.by_source("proc_vendor").keys() == {"1", "2"}


def test_a_wrong_secret_costs_one_call(instance: Instance, singer: Singer) -> None:
    messages = [*singer.vendors(singer.vendor("1")), singer.state(1)]
    result = instance.run(messages, client_secret="hush-hush", max_retries=5)
    assert (result.code, result.states) == (1, [])
    assert result.errors == [
        (
            "ServiceNow issued no token: check client_id and client_secret (invalid_client: "
            "client_id or client_secret is wrong)"
        )
    ]
    assert instance.take_counters()["calls"] == 1
    assert "hush-hush" not in instance.caplog.text
    assert b"hush-hush" not in instance.ledger.read_bytes()


def test_a_wrong_password_costs_one_call(instance: Instance, singer: Singer) -> None:
    messages = [*singer.vendors(singer.vendor("1")), singer.state(1)]
    basic = {"auth_method": "basic", "username": "integration"}
    result = instance.run(messages, **basic, password="hush-hush", max_retries=5)
    assert (result.code, result.states) == (1, [])
    assert result.errors == [
        (
            "ServiceNow rejected the credentials while reading the mapped tables: check client_id "
            "and client_secret (or username and password), and that the integration user is active"
        )
    ]
    assert instance.take_counters()["calls"] == 1
    assert "hush-hush" not in instance.caplog.text
    assert instance.run(messages, **basic, password="sandbox").code == 0
    assert instance.by_source("proc_vendor").keys() == {"1"}
    assert instance.take_counters()["token_calls"] == 0


def test_an_instance_without_tls(instance: Instance, singer: Singer) -> None:
    address = instance.sandbox.servicenow_url.replace("http://", "https://")
    messages = singer.vendors(singer.vendor("1"))
    result = instance.run(messages, instance_url=address, max_retries=5)
    assert (result.code, result.errors) == (
        1,
        [
            (
                f"The TLS handshake with {address} failed: check instance_url, its https:// and "
                "its port"
            )
        ],
    )


def test_secrets_are_not_logged_or_stored(instance: Instance, singer: Singer) -> None:
    assert instance.run(singer.vendors(singer.vendor("1"))).code == 0
    assert "sandbox-secret" not in instance.caplog.text
    for path in instance.folder.iterdir():
        assert b"sandbox-secret" not in path.read_bytes(), path
