"""The same seeds and the same requests give the same bytes, on both sides, faults included."""

from __future__ import annotations

import base64
import json
import re
import socket
import typing as t
from urllib.parse import urlencode, urlsplit

import pytest

from sage300_servicenow_sandbox.faults import Fault, read_plan

if t.TYPE_CHECKING:
    from collections.abc import Callable

KINDS = t.get_args(Fault)
TABLE = "/api/now/table/proc_vendor"
FORM = {
    "grant_type": "client_credentials",
    "client_id": "sandbox-client",
    "client_secret": "sandbox-secret",
}
JSON = {"Accept": "application/json", "Content-Type": "application/json"}
SAGE = {"Authorization": "Basic SU5URUdSQVRJT046U0FOREJPWA=="}


class Wire:
    """Sends requests to one side, each on a connection of its own, and keeps the answers."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname, parts.port)
        self.received: list[bytes] = []

    def send(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> bytes:
        """Return every byte up to the end of the connection; the host is not the port's."""
        lines = {
            "Host": "sandbox",
            "Connection": "close",
            "Content-Length": str(len(body)),
            **(headers or {}),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        received = b""
        with socket.create_connection(self._address, timeout=10) as connection:
            connection.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
            try:
                while piece := connection.recv(65536):
                    received += piece
            except ConnectionResetError:
                received += b"<reset>"
        self.received.append(received)
        return received


def read_sage(wire: Wire, rounds: int) -> None:
    for number in range(rounds):
        for name in ("APVendors", "GLAccounts", "APInvoiceBatches", "POPurchaseOrders"):
            options = f"$skip={number % 7}&$top=9&$count=true"
            wire.send(
                "GET", f"/Sage300WebApi/v1.0/-/SAMINC/{name[:2]}/{name}?{options}", headers=SAGE
            )


def read_and_write_servicenow(wire: Wire, rounds: int) -> None:
    """Work as a client that takes its token and a sys_id from the answers."""
    token = sys_id = ""
    for number in range(rounds):
        answer = wire.send(
            "POST",
            "/oauth_token.do",
            {"Content-Type": "application/x-www-form-urlencoded"},
            urlencode(FORM).encode(),
        )
        token = found(rb'"access_token":"([\w-]+)"', answer) or token
        headers = {**JSON, "Authorization": f"Bearer {token}"}
        row = json.dumps({"name": f"Vendor {number}", "correlation_id": f"k{number}"}).encode()
        sys_id = found(rb'"sys_id":"(\w{32})"', wire.send("POST", TABLE, headers, row)) or sys_id
        wire.send("PATCH", f"{TABLE}/{sys_id}", headers, b'{"city": "Leeds"}')
        wire.send("GET", TABLE, headers)
        wire.send("GET", "/api/now/stats/proc_vendor?sysparm_count=true", headers)
        items = [
            {
                "id": str(place),
                "method": "POST" if place else "GET",
                "url": TABLE,
                "headers": [{"name": name, "value": value} for name, value in JSON.items()],
                "body": base64.b64encode(row).decode() if place else "",
            }
            for place in range(3)
        ]
        batch = json.dumps({"batch_request_id": str(number), "rest_requests": items})
        wire.send("POST", "/api/now/v1/batch", headers, batch.encode())


def found(pattern: bytes, answer: bytes) -> str:
    match = re.search(pattern, answer)
    return match[1].decode() if match else ""


SIDES: dict[str, Callable[[Wire, int], None]] = {
    "sage300": read_sage,
    "servicenow": read_and_write_servicenow,
}


@pytest.fixture
def run(start):
    """Return the bytes that a side sent, and the sandbox's log, for some seeds."""

    def go(side: str, *, rounds: int, rules: object, seed: int = 7, random_seed: int = 300):
        with start(vendors=60, accounts=44, batches=6, random_seed=random_seed) as sandbox:
            url = {"sage300": sandbox.sage_url, "servicenow": sandbox.servicenow_url}[side]
            sandbox.servicenow.behave(
                row_cost_ms=2, rate_rules=[{"resource": "all", "per_hour": 500}]
            )
            sandbox.faults.follow(read_plan({"seed": seed, "rules": rules}))
            wire = Wire(url)
            SIDES[side](wire, rounds)
            return wire.received, json.dumps(sandbox.log.entries())

    return go


@pytest.mark.parametrize("side", SIDES)
def test_the_same_seed_and_the_same_requests_give_the_same_bytes(run, side):
    rules = [{"fault": kind, "probability": 0.1, "seconds": 0.001} for kind in KINDS]
    first, again = (run(side, rounds=24, rules=rules) for _ in range(2))
    assert first == again
    met = {entry["fault"] for entry in json.loads(first[1])}
    assert met == {None, *KINDS}
    other = run(side, rounds=24, rules=rules, seed=8)
    assert first != other


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_fault_is_repeatable(run, kind):
    rules = [{"fault": kind, "every": 3, "seconds": 0.001, "times": 8}]
    first, again = (run("servicenow", rounds=4, rules=rules) for _ in range(2))
    assert first == again
    assert sum(entry["fault"] == kind for entry in json.loads(first[1])) == 8


def test_another_random_seed_makes_other_rows_sessions_and_tokens(run):
    first, other = (
        run("servicenow", rounds=6, rules=[], random_seed=seed)[0] for seed in (300, 301)
    )
    patterns = {
        "sys_ids": rb'"sys_id":"([0-9a-f]{32})"',
        "sessions": rb"JSESSIONID=([0-9A-F]{32});",
        "tokens": rb'"access_token":"([\w-]{86})"',
    }
    for pattern in patterns.values():
        one, another = (set(re.findall(pattern, b"".join(answers))) for answers in (first, other))
        assert one
        assert not one & another


def test_a_reset_sandbox_answers_as_a_new_one(start):
    with start(vendors=5, accounts=1, batches=0) as sandbox:
        answers = []
        for _ in range(2):
            wire = Wire(sandbox.servicenow_url)
            read_and_write_servicenow(wire, 3)
            answers.append(wire.received)
            sandbox.reset()
    assert answers[0] == answers[1]
    assert len(answers[0]) == len(
        [answer for answer in answers[0] if answer.startswith(b"HTTP/1.1 20")]
    )
