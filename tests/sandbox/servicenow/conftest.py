"""One instance of ServiceNow over real HTTP, empty, and a client for it."""

from __future__ import annotations

import base64
import json
import threading
import typing as t
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import requests
from werkzeug.serving import WSGIRequestHandler, make_server

from sage300_servicenow_sandbox.clock import Clock
from sage300_servicenow_sandbox.counters import Counters
from sage300_servicenow_sandbox.servicenow.app import ServiceNowApp

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

JSON_HEADERS = {"Accept": "application/json", "Content-Type": "application/json"}


class _Quiet(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _served(app: ServiceNowApp) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()


@dataclass
class Instance:
    """The instance as a client sees it, logged in with Basic auth."""

    url: str
    app: ServiceNowApp
    session: requests.Session

    def call(self, method: str, path: str, **options: t.Any) -> requests.Response:
        """Send one request; a body goes out as JSON."""
        return self.session.request(method, f"{self.url}{path}", timeout=10, **options)

    @contextmanager
    def another_session(self) -> Iterator[Instance]:
        """The same instance seen by another client, which shares no cookies with this one."""
        with requests.Session() as session:
            session.auth = self.session.auth
            session.headers.update(JSON_HEADERS)
            yield Instance(self.url, self.app, session)

    def list(self, table: str, **params: str) -> list[dict[str, t.Any]]:
        """Read a list; parameters are named without sysparm_."""
        query = {f"sysparm_{name}": value for name, value in params.items()}
        response = self.call("GET", f"/api/now/table/{table}", params=query)
        assert response.status_code == 200, response.text
        return response.json()["result"]

    def send(self, method: str, path: str, values: object) -> dict[str, t.Any]:
        """Write and return the result, references as bare sys_ids."""
        response = self.call(
            method,
            f"/api/now/table/{path}",
            json=values,
            params={"sysparm_exclude_reference_link": "true"},
        )
        assert response.status_code in {200, 201}, response.text
        return response.json()["result"]

    def batch(self, *items: object, **options: t.Any) -> dict[str, t.Any]:
        """Send a batch and return its answer."""
        body = {"batch_request_id": "1", "rest_requests": list(items)}
        response = self.call("POST", "/api/now/v1/batch", json=body, **options)
        assert response.status_code == 200, response.text
        return response.json()

    @staticmethod
    def item(
        identifier: str, method: str, url: str, values: object = None, **options: t.Any
    ) -> dict[str, t.Any]:
        """Build one item of a batch."""
        item = {
            "id": identifier,
            "method": method,
            "url": url,
            "headers": [{"name": name, "value": value} for name, value in JSON_HEADERS.items()],
            **options,
        }
        if values is not None:
            item["body"] = base64.b64encode(json.dumps(values).encode()).decode()
        return item

    @staticmethod
    def opened(serviced: dict[str, t.Any]) -> t.Any:
        """Return the JSON inside an answered item."""
        return json.loads(base64.b64decode(serviced["body"]))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def counters() -> Counters:
    return Counters()


@pytest.fixture
def stopping() -> threading.Event:
    return threading.Event()


@pytest.fixture
def open_instance(
    tmp_path: Path, clock: Clock, counters: Counters, stopping: threading.Event
) -> Callable[..., ServiceNowApp]:
    """Open the instance that a file of the test's folder holds."""

    def opened(name: str = "servicenow", *, random_seed: int = 300) -> ServiceNowApp:
        return ServiceNowApp(
            path=tmp_path / f"{name}.sqlite",
            clock=clock,
            counters=counters,
            random_seed=random_seed,
            stopping=stopping,
        )

    return opened


@pytest.fixture
def instance(open_instance: Callable[..., ServiceNowApp]) -> Iterator[Instance]:
    app = open_instance()
    with _served(app) as url, requests.Session() as session:
        session.auth = ("integration", "sandbox")
        session.headers.update(JSON_HEADERS)
        yield Instance(url, app, session)
    app.close()
