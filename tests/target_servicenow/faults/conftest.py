"""A proxy in front of ServiceNow that does harm by plan, and loads through it that do not wait."""

from __future__ import annotations

import base64
import json
import socket
import threading
import typing as t
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
import requests
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from target_servicenow.api.oauth import BasicAuth
from target_servicenow.api.session import Connection, Session
from target_servicenow.ledger.writer import LedgerWriter
from target_servicenow.loader import Loader
from target_servicenow.mapping.parse import load
from target_servicenow.upsert.upserter import Policy, Upserter

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from conftest import Instance

JSON = "application/json;charset=UTF-8"


@dataclass
class Call:
    """A Batch call on its way.

    Attributes:
        forward: Have the instance do a call; its answer.
        postponed: Calls that nobody answered and the instance has not done yet.
    """

    content: dict[str, t.Any]
    forward: Callable[[dict[str, t.Any]], dict[str, t.Any]]
    postponed: list[dict[str, t.Any]]

    @property
    def items(self) -> list[dict[str, t.Any]]:
        """The requests inside."""
        return self.content["rest_requests"]

    def done(self, items: list[dict[str, t.Any]] | None = None) -> dict[str, t.Any]:
        """Have the instance do the call, or some of its items; its answer."""
        wanted = self.items if items is None else items
        return self.forward({**self.content, "rest_requests": wanted})

    @staticmethod
    def drop() -> t.NoReturn:
        """Break the connection without an answer."""
        raise DroppedError

    @staticmethod
    def answer(content: t.Any, status: int = 200, **headers: str) -> Response:
        """Answer as ServiceNow does."""
        return as_json(content, status, **headers)

    @staticmethod
    def failed(number: int, status: int, message: str, detail: str = "") -> dict[str, t.Any]:
        """An item's answer that is an error."""
        error = {"error": {"message": message, "detail": detail}, "status": "failure"}
        body = base64.b64encode(json.dumps(error).encode()).decode()
        return {"id": str(number), "body": body, "status_code": status, "headers": []}


class DroppedError(Exception):
    """The connection is to break without an answer."""


class Faults:
    """Forwards everything; a fault planned for the n-th call of a kind takes that call over.

    Kinds: ``write`` is a Batch call with a POST or PATCH in it, ``lookup`` any other.

    Attributes:
        sizes: Items of each write call.
        keeps_sys_ids: False: the instance chooses every sys_id itself.
        closed: MappedTables of which nothing may be read.
        asleep: True: every call is sent elsewhere, as by an instance that hibernates.
    """

    def __init__(self, upstream: str) -> None:
        self.url = ""
        self.plan: dict[tuple[str, int], Callable[[Call], Response | dict[str, t.Any]]] = {}
        self.seen = {"write": 0, "lookup": 0}
        self.sizes: list[int] = []
        self.keeps_sys_ids = True
        self.closed: set[str] = set()
        self.asleep = False
        self.postponed: list[dict[str, t.Any]] = []
        self._upstream = upstream
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, t.Any], start_response: t.Any) -> Iterable[bytes]:
        request = Request(environ)
        try:
            response = self._answer(request)
        except DroppedError:
            with suppress(OSError):
                environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionError from None
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        if self.asleep:
            return Response("", 302, headers={"Location": "https://signon.example/"})
        headers = {k: v for k, v in request.headers.items() if k not in {"Host", "Content-Length"}}

        def forward(body: bytes) -> requests.Response:
            path = request.full_path.rstrip("?")
            return requests.request(
                request.method, f"{self._upstream}{path}", headers=headers, data=body, timeout=30
            )

        if not request.path.endswith("/batch"):
            got = forward(request.get_data())
            kind = got.headers.get("Content-Type", "text/plain")
            return Response(got.content, got.status_code, content_type=kind)
        content = json.loads(request.get_data())
        with self._lock:
            writes = any(item["method"] != "GET" for item in content["rest_requests"])
            kind = "write" if writes else "lookup"
            self.seen[kind] += 1
            if writes:
                self.sizes.append(len(content["rest_requests"]))
            fault = self.plan.get((kind, self.seen[kind]), Call.done)

        def done(content: dict[str, t.Any]) -> dict[str, t.Any]:
            items = [self._closed(item) for item in content["rest_requests"]]
            if not self.keeps_sys_ids:
                items = [without_sys_id(item) for item in items]
            body = json.dumps({**content, "rest_requests": items}).encode()
            answer: dict[str, t.Any] = forward(body).json()
            return answer

        answer = fault(Call(content, done, self.postponed))
        return as_json(answer) if isinstance(answer, dict) else answer

    def _closed(self, item: dict[str, t.Any]) -> dict[str, t.Any]:
        """A request that finds nothing, where nothing may be read."""
        path = item["url"].partition("?")[0]
        if path.rpartition("/")[2] not in self.closed:
            return item
        return {**item, "url": f"{path}?sysparm_query=sys_id=none"}


def as_json(content: t.Any, status: int = 200, **headers: str) -> Response:
    """An answer as ServiceNow writes it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(json.dumps(content), status, headers=named, content_type=JSON)


def without_sys_id(item: dict[str, t.Any]) -> dict[str, t.Any]:
    """An insert as an instance reads it that keeps the choice of sys_ids to itself."""
    if item["method"] != "POST":
        return item
    values = json.loads(base64.b64decode(item["body"]))
    values.pop("sys_id", None)
    return {**item, "body": base64.b64encode(json.dumps(values).encode()).decode()}


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.0"

    def log(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def faults(instance: Instance) -> Iterator[Faults]:
    """The proxy, without harm until planned."""
    proxy = Faults(instance.sandbox.servicenow_url)
    server = make_server("127.0.0.1", 0, proxy, threaded=True, request_handler=_Quiet)
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield proxy
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Load:
    """Records brought into ServiceNow through the proxy; every wait is noted, none is kept."""

    faults: Faults
    instance: Instance
    waits: list[float] = field(default_factory=list)
    on_wait: Callable[[], None] = lambda: None

    def __call__(
        self, messages: Iterable[dict[str, t.Any]], *, workers: int = 1, retries: int = 3
    ) -> None:
        """Load the records, as one run."""
        profile = load("default")
        connection = Connection(self.faults.url, max_retries=retries, sleep=self._sleep)
        account = BasicAuth("integration", "sandbox")
        sessions = [Session(connection, account) for _ in range(workers)]
        upserter = Upserter(sessions, profile, {}, Policy(), sleep=self._sleep)
        ledger = LedgerWriter(self.instance.ledger)
        ledger.start(mode="apply", mapping="default")
        records: dict[str, list[dict[str, t.Any]]] = {}
        for message in messages:
            if message["type"] == "RECORD":
                records.setdefault(message["stream"], []).append(message["record"])
        try:
            loader = Loader(profile, upserter, ledger, max_rejects=None)
            for stream, sent in records.items():
                loader.load(profile.of_stream(stream), sent)
        finally:
            ledger.close()

    def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.on_wait()


@pytest.fixture
def through(faults: Faults, instance: Instance) -> Load:
    """Loads through the proxy."""
    return Load(faults, instance)
