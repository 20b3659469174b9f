"""A proxy in front of ServiceNow that injects planned faults, and loads through it."""

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
from typing_extensions import override
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from target_servicenow.api.oauth import BasicAuth
from target_servicenow.api.session import Session
from target_servicenow.api.wire import Connection
from target_servicenow.ledger.writer import LedgerWriter
from target_servicenow.loader import Loader
from target_servicenow.mapping.parse import load as load_profile
from target_servicenow.stopping import Stop
from target_servicenow.upsert.upserter import Policy, Upserter

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from conftest import Instance

JSON = "application/json;charset=UTF-8"


@dataclass
class Call:
    """A Batch call on its way.

    Attributes:
        send: Sends a call's content to the instance and returns its answer.
    """

    content: dict[str, t.Any]
    send: Callable[[dict[str, t.Any]], dict[str, t.Any]]

    @property
    def items(self) -> list[dict[str, t.Any]]:
        """The requests inside."""
        return self.content["rest_requests"]

    def forward(self, items: list[dict[str, t.Any]] | None = None) -> dict[str, t.Any]:
        """Forward the call, or some of its items, to the instance; its answer."""
        chosen = self.items if items is None else items
        return self.send({**self.content, "rest_requests": chosen})

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
        return Call.succeeded(number, error, status)

    @staticmethod
    def succeeded(number: int, content: t.Any, status: int = 200) -> dict[str, t.Any]:
        """An item's answer."""
        body = base64.b64encode(json.dumps(content).encode()).decode()
        return {"id": str(number), "body": body, "status_code": status, "headers": []}


class DroppedError(Exception):
    """The connection must break without an answer."""


class FaultProxy:
    """Forwards every call, except those that a planned fault takes over.

    Attributes:
        plan: Faults by kind and number of the call. A Batch call with a POST or PATCH in it is a
            ``write``, any other a ``lookup``.
        seen: The calls of each kind so far.
        sizes: Items of each write call.
        keeps_sys_ids: Whether the instance accepts the sys_ids of new rows.
        hidden: Tables that show no rows.
    """

    def __init__(self, upstream: str) -> None:
        self.url = ""
        self.plan: dict[tuple[str, int], Callable[[Call], Response | dict[str, t.Any]]] = {}
        self.seen = {"write": 0, "lookup": 0}
        self.sizes: list[int] = []
        self.keeps_sys_ids = True
        self.hidden: set[str] = set()
        self._closed = False
        self._upstream = upstream
        self._lock = threading.Lock()

    def close_batch(self) -> None:
        """Refuse the Batch API; single calls meet the faults instead."""
        self._closed = True

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
        headers = {k: v for k, v in request.headers.items() if k not in {"Host", "Content-Length"}}

        def forward(body: bytes) -> requests.Response:
            path = request.full_path.rstrip("?")
            return requests.request(
                request.method, f"{self._upstream}{path}", headers=headers, data=body, timeout=30
            )

        if self._closed and "/table/" in request.path:
            return self._answer_single(request, forward)
        if not request.path.endswith("/batch"):
            return _passed_on(forward(request.get_data()))
        if self._closed:
            return as_json({"error": {"message": "Closed"}}, 403)
        content = json.loads(request.get_data())
        fault = self._fault(content["rest_requests"])

        def send(content: dict[str, t.Any]) -> dict[str, t.Any]:
            items = [self._hidden(item) for item in content["rest_requests"]]
            if not self.keeps_sys_ids:
                items = [without_sys_id(item) for item in items]
            body = json.dumps({**content, "rest_requests": items}).encode()
            answer: dict[str, t.Any] = forward(body).json()
            return answer

        answer = fault(Call(content, send))
        return as_json(answer) if isinstance(answer, dict) else answer

    def _fault(self, items: list[dict[str, t.Any]]) -> Callable[[Call], t.Any]:
        """Count a call, and return the fault that is planned for it."""
        with self._lock:
            writes = any(item["method"] != "GET" for item in items)
            kind = "write" if writes else "lookup"
            self.seen[kind] += 1
            if writes:
                self.sizes.append(len(items))
            return self.plan.get((kind, self.seen[kind]), Call.forward)

    def _answer_single(
        self, request: Request, forward: Callable[[bytes], requests.Response]
    ) -> Response:
        """Answer a call for one row, which a fault sees as a Batch call with one item."""
        body = base64.b64encode(request.get_data()).decode()
        item = {"id": "1", "method": request.method, "url": request.full_path, "body": body}
        fault = self._fault([item])

        def send(content: dict[str, t.Any]) -> t.Any:
            [sent] = content["rest_requests"]
            sent = sent if self.keeps_sys_ids else without_sys_id(sent)
            return _passed_on(forward(base64.b64decode(sent["body"])))

        answer: Response = fault(Call({"rest_requests": [item]}, send))
        return answer

    def _hidden(self, item: dict[str, t.Any]) -> dict[str, t.Any]:
        """The request itself, or one that finds nothing if the table is hidden."""
        path = item["url"].partition("?")[0]
        if path.rpartition("/")[2] not in self.hidden:
            return item
        return {**item, "url": f"{path}?sysparm_query=sys_id=none"}


def _passed_on(got: requests.Response) -> Response:
    kind = got.headers.get("Content-Type", "text/plain")
    return Response(got.content, got.status_code, content_type=kind)


def as_json(content: t.Any, status: int = 200, **headers: str) -> Response:
    """An answer as ServiceNow writes it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(json.dumps(content), status, headers=named, content_type=JSON)


def without_sys_id(item: dict[str, t.Any]) -> dict[str, t.Any]:
    """An insert as seen by an instance that chooses sys_ids itself."""
    if item["method"] != "POST":
        return item
    values = json.loads(base64.b64decode(item["body"]))
    values.pop("sys_id", None)
    return {**item, "body": base64.b64encode(json.dumps(values).encode()).decode()}


class _QuietHandler(WSGIRequestHandler):
    protocol_version = "HTTP/1.0"

    def log(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def proxy(instance: Instance) -> Iterator[FaultProxy]:
    """The proxy, with no faults planned."""
    proxy = FaultProxy(instance.sandbox.servicenow_url)
    server = make_server("127.0.0.1", 0, proxy, threaded=True, request_handler=_QuietHandler)
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield proxy
    server.shutdown()
    thread.join()
    server.server_close()


class RecordedWaits(Stop):
    """Records waits instead of sleeping them."""

    def __init__(self, on_wait: Callable[[float], None]) -> None:
        super().__init__()
        self._on_wait = on_wait

    @override
    def sleep(self, seconds: float) -> None:
        """Record the wait."""
        self._on_wait(seconds)
        self.check()


@dataclass
class Load:
    """Loads records through the proxy; waits are recorded instead of slept."""

    proxy: FaultProxy
    instance: Instance
    waits: list[float] = field(default_factory=list)
    on_wait: Callable[[], None] = lambda: None
    batch_limit_seconds: int = 30

    def __call__(
        self, messages: Iterable[dict[str, t.Any]], *, workers: int = 1, retries: int = 3
    ) -> None:
        """Load the records, as one run."""
        profile = load_profile("default")
        stop = RecordedWaits(self._sleep)
        connection = Connection(
            self.proxy.url,
            batch_limit_seconds=self.batch_limit_seconds,
            max_retries=retries,
            stop=stop,
        )
        account = BasicAuth("integration", "sandbox")
        sessions = [Session(connection, account) for _ in range(workers)]
        upserter = Upserter(sessions, profile, {}, Policy())
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
            waiting = {reject.table for reject in ledger.pending()}
            loader.retry([table for table in profile.tables if table.name in waiting])
        finally:
            ledger.close()

    def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.on_wait()


@pytest.fixture
def load(proxy: FaultProxy, instance: Instance) -> Load:
    """Loads records through the proxy."""
    return Load(proxy, instance)
