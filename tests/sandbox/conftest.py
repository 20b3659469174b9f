"""A running sandbox over real HTTP, and a client for its Sage 300 side and its controls."""

from __future__ import annotations

import datetime as dt
import json
import typing as t
from decimal import Decimal

import pytest
import requests

from sage300_servicenow_sandbox import Sandbox, SandboxOptions
from sage300_servicenow_sandbox.control_client import ControlClient, ControlError

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CREDENTIALS = ("INTEGRATION", "SANDBOX")
NOW = dt.datetime(2026, 11, 20, 10, 0, tzinfo=dt.UTC)


class Client:
    """Calls one sandbox as a user of its Web API, and as a test that moves things."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.session = requests.Session()
        self.session.auth = CREDENTIALS
        self.control = ControlClient(sandbox.sage_url)

    def url(self, path: str, company: str = "SAMINC") -> str:
        module = path[:2]
        return f"{self.sandbox.sage_url}/v1.0/-/{company}/{module}/{path}"

    def get(self, path: str, **options: t.Any) -> requests.Response:
        """GET a resource; options are query options without their dollar sign."""
        params = {f"${name}": str(value) for name, value in options.items()}
        return self.session.get(self.url(path), params=params)

    def page(self, path: str, **options: t.Any) -> dict[str, t.Any]:
        answer = self.get(path, **options)
        assert answer.status_code == 200, answer.text
        return json.loads(answer.text, parse_float=Decimal)

    def refusal(self, path: str, **options: t.Any) -> tuple[int, str, str]:
        answer = self.get(path, **options)
        error = answer.json()["error"]
        assert error["message"]["lang"] == "en-US"
        return answer.status_code, error["code"], error["message"]["value"]

    def records(self, resource: str, company: str = "SAMINC") -> list[dict[str, t.Any]]:
        """All records of a resource, from behind the Web API."""
        return self.control.records(company, resource)

    def edit(self, resource: str, key: str | int, **values: t.Any) -> dict[str, t.Any]:
        return self.control.edit("SAMINC", resource, key, **values)

    def refused(self, method: str, path: str, body: object = None) -> tuple[int, str]:
        """The status and the sentence that a control endpoint refuses with."""
        with pytest.raises(ControlError) as error:
            self.control.call(method, path, body)
        return error.value.status, str(error.value)


@pytest.fixture(scope="session")
def start() -> Callable[..., Sandbox]:
    """Describe a sandbox on free ports, at a fixed time; it starts in a with block."""

    def describe(**options: t.Any) -> Sandbox:
        sandbox = Sandbox(SandboxOptions(sage_port=0, servicenow_port=0, **options))
        sandbox.clock.set(NOW)
        return sandbox

    return describe


@pytest.fixture(scope="session")
def client_of() -> Callable[[Sandbox], Client]:
    return Client


@pytest.fixture(scope="module")
def reader(start: Callable[..., Sandbox]) -> Iterator[Client]:
    """A client of a sandbox that the whole module only reads."""
    with start() as sandbox:
        client = Client(sandbox)
        yield client
        client.session.close()


@pytest.fixture
def client(start: Callable[..., Sandbox]) -> Iterator[Client]:
    """A client of a small sandbox of the test's own."""
    with start(vendors=12, accounts=44, batches=12) as sandbox:
        client = Client(sandbox)
        yield client
        client.session.close()
