"""A pipe that can be killed at a moment of choice, and the gateway that knows the moments."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import typing as t
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests
from werkzeug.exceptions import ClientDisconnected
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from sage300_servicenow_sandbox.control_client import ControlClient

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from conftest import Pair

BIN = Path(sys.executable).parent
JSON = "application/json"
PATIENCE = 240
"""Seconds after which a pipe that does not end is a failure: each lost write may take 35 s."""
RETRY_AFTER = 900
"""Seconds for which an instance limits the rate: longer than any of these."""


class Gateway:
    """Between target and instance; tells of every request, and of each write at every point.

    A write is a Batch call with a POST or PATCH in it. Its points, in order: ``sent`` (the
    instance has not seen it), ``half`` (half of its rows are committed), ``committed`` (all are,
    and the answer is not sent), ``answered`` (the answer is sent); or only ``limited`` (refused
    with a long Retry-After).

    Attributes:
        standing: Rules of the fault plan that the instance follows besides.
    """

    def __init__(self, upstream: str) -> None:
        self.url = ""
        self.standing: list[dict[str, t.Any]] = []
        self._upstream = upstream
        self._under_way = 0
        self._changed = threading.Condition()
        self.start(lambda _point: False)

    def start(
        self,
        at: Callable[[str], bool],
        lose: Callable[[], bool] = lambda: False,
        *,
        limited: int = 0,
    ) -> None:
        """Begin a run: `at` hears each point, and says whether the target is gone by then.

        `lose` says of a write whether the instance is to commit it and drop its answer. It is not
        asked before a create in the same table was answered: until then the target waits 35 s.
        The write of the number `limited` is refused.
        """
        self._at, self._lose, self._limited = at, lose, limited
        self._created: set[str] = set()
        self.writes = 0
        self.lost = 0

    def __call__(self, environ: dict[str, t.Any], start_response: t.Any) -> Iterable[bytes]:
        try:
            response = self._answer(Request(environ))
        except (ConnectionError, ClientDisconnected):  # the latter was killed as it spoke
            with suppress(OSError):
                environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionError from None
        return response(environ, start_response)

    def wait_until_idle(self) -> None:
        """Return when no request is under way any more."""
        with self._changed:
            assert self._changed.wait_for(lambda: not self._under_way, PATIENCE)

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Count a request for as long as the block lasts."""
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def _count(self, more: int) -> None:
        with self._changed:
            self._under_way += more
            self._changed.notify_all()

    def _answer(self, request: Request) -> Response:
        self._pass("request")
        body = request.get_data()
        items = json.loads(body)["rest_requests"] if request.path.endswith("/batch") else []
        if all(item["method"] == "GET" for item in items):
            return self._forward(request, body)
        tables = {item["url"].split("?")[0].split("/")[4] for item in items}
        self.writes += 1
        self._pass("sent")
        if self.writes == self._limited:
            refusal = Response("{}", 429, {"Retry-After": str(RETRY_AFTER)}, content_type=JSON)
            refusal.call_on_close(lambda: self._at("limited"))
            return refusal
        if self._at("half"):
            half = {"batch_request_id": "half", "rest_requests": items[: (len(items) + 1) // 2]}
            self._forward(request, json.dumps(half).encode())
            raise ConnectionError
        if tables <= self._created and self._lose():
            self.lost += 1
            drop = {"fault": "drop", "side": "servicenow", "path": "batch", "first": 1}
            self.follow(drop, *self.standing)
        response = self._forward(request, body)
        self._pass("committed")
        if any(item["method"] == "POST" for item in items):
            self._created |= tables
        response.call_on_close(lambda: self._at("answered"))
        return response

    def _pass(self, point: str) -> None:
        if self._at(point):
            raise ConnectionError

    def follow(self, *rules: dict[str, t.Any]) -> None:
        """Have the instance follow a fault plan."""
        ControlClient(self._upstream).follow_faults({"rules": list(rules)})

    def _forward(self, request: Request, body: bytes) -> Response:
        headers = {k: v for k, v in request.headers.items() if k not in {"Host", "Content-Length"}}
        try:
            got = requests.request(
                request.method,
                f"{self._upstream}{request.full_path.rstrip('?')}",
                headers=headers,
                data=body,
                timeout=PATIENCE,
            )
        except requests.ConnectionError:
            raise ConnectionError from None  # the answer was lost, here as there
        kept = {k: v for k, v in got.headers.items() if k in {"Content-Type", "X-Total-Count"}}
        return Response(got.content, got.status_code, headers=kept)


class _Handler(WSGIRequestHandler):
    def run_wsgi(self) -> None:
        """Count the request until all is over: where the client is gone, no response is closed."""
        with self.server.app.under_way():
            super().run_wsgi()

    def log(self, *_: object) -> None:
        """Say nothing."""


@dataclass
class Pipe:
    """``tap-sage300 | target-servicenow`` at work."""

    tap: subprocess.Popen[str]
    target: subprocess.Popen[str]
    on_state: Callable[[], None]
    states: list[dict[str, t.Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.target.stdout is not None
        for line in self.target.stdout:
            if line.endswith("\n"):  # the last one may have been cut by the kill
                self.states.append(json.loads(line))
                self.on_state()

    def kill(self, whom: str) -> None:
        """SIGKILL to ``tap``, ``target`` or ``both``; returns when they are gone."""
        if whom != "tap":
            self.target.kill()
            self.target.wait()
        if whom != "target":
            self.tap.kill()
            self.tap.wait()

    def interrupt(self, whom: str) -> None:
        """SIGINT and soon SIGTERM, as ``meltano run`` passes Ctrl-C on; they end by themselves."""
        ending = [self.tap] if whom == "tap" else [self.target]
        ending += [self.tap] if whom == "both" else []
        for number in (signal.SIGINT, signal.SIGTERM):
            for process in ending:
                process.send_signal(number)
            time.sleep(0.02)

    def end(self, patience: float) -> tuple[int, int]:
        """Wait for the end; the exit codes of tap and target."""
        codes = self.tap.wait(patience), self.target.wait(patience)
        self._reader.join()
        assert self.target.stdout is not None
        self.target.stdout.close()
        return codes


@dataclass
class Killable:
    """A pair whose pipe can be killed, with the state that Meltano would keep.

    Attributes:
        compiled: Where compiled modules are kept.
        waits: Whether runs wait as long as they do for calls that may still be under way.
        killed: The points at which something was killed, one for each kill.
    """

    pair: Pair
    gateway: Gateway
    compiled: Path
    waits: bool = False
    state: dict[str, t.Any] | None = None
    killed: list[str] = field(default_factory=list)

    def run(
        self,
        point: str = "",
        nth: int = 1,
        *,
        whom: str = "both",
        after: float = 0.0,
        by_signals: bool = False,
        lose: Callable[[], bool] = lambda: False,
    ) -> tuple[int, int]:
        """Run the pipe from the last state, killed when `point` comes for the `nth` time.

        Points: the gateway's, ``request`` (any request), ``recorded`` (an outcome stands in the
        ledger) and ``state`` (a state was emitted). `after` seconds pass before the kill. By
        signals, the processes are told to end instead.
        """
        ready, turn, met = threading.Event(), threading.Lock(), [0]
        limited, nth = (nth, 1) if point == "limited" else (0, nth)
        goes = whom != "tap" and not by_signals

        def at(name: str) -> bool:
            with turn:
                if name != point or met[0] >= nth:
                    return met[0] >= nth and goes
                met[0] += 1
                if met[0] < nth:
                    return False
                ready.wait(PATIENCE)
                time.sleep(after)
                (pipe.interrupt if by_signals else pipe.kill)(whom)
                self.killed.append(point)
                return goes

        self.gateway.start(at, lose, limited=limited)
        self.gateway.follow(*self.gateway.standing)
        before = self.recorded()
        pipe = self._start(lambda: at("state") and None)
        ready.set()
        if point == "recorded":
            while pipe.target.poll() is None and self.killed[-1:] != [point]:
                if self.recorded() > before:
                    at(point)
                time.sleep(0.002)
        codes = pipe.end(PATIENCE)
        self.state = pipe.states[-1] if pipe.states else self.state
        self.gateway.wait_until_idle()
        if not self.waits:
            self._age_notes()
        return codes

    def _age_notes(self) -> None:
        """Let the next run begin at once, without 35 s of waiting: no call outlives a run here."""
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(self._path)) as ledger:
            ledger.execute("UPDATE sending SET at = '2000-01-01T00:00:00Z'")
            ledger.commit()

    @property
    def _path(self) -> Path:
        return Path(self.pair.target["ledger_path"])

    def recorded(self) -> int:
        """Outcomes in the ledger."""
        with suppress(sqlite3.OperationalError):
            [(number,)] = self.ledger("SELECT count(*) FROM outcomes")
            return int(number)
        return 0  # there is no ledger yet

    def ledger(self, sql: str) -> list[tuple[t.Any, ...]]:
        """Rows of the ledger."""
        with closing(sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True)) as ledger:
            return ledger.execute(sql).fetchall()

    def _start(self, on_state: Callable[[], None]) -> Pipe:
        pair = self.pair
        asked = [str(BIN / "tap-sage300"), "--config", pair._file("tap.json", pair.tap)]
        if self.state is not None:
            asked += ["--state", pair._file("state.json", self.state)]
        # Modules are compiled once for all runs, whatever the environment says.
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(self.compiled)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        config = pair._file("target.json", {**pair.target, "instance_url": self.gateway.url})
        with (pair.folder / "errors.log").open("a", encoding="utf-8") as log:
            tap = subprocess.Popen(
                asked, stdout=subprocess.PIPE, stderr=log, env=environment, encoding="utf-8"
            )
            target = subprocess.Popen(
                [str(BIN / "target-servicenow"), "--config", config],
                stdin=tap.stdout,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                encoding="utf-8",
            )
        assert tap.stdout is not None
        tap.stdout.close()
        return Pipe(tap, target, on_state)


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for compiled modules."""
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture
def killable(
    sandbox: t.Any, tmp_path: Path, pair_class: type[Pair], compiled: Path
) -> Iterator[Killable]:
    """An empty instance behind a gateway; state is emitted with every page."""
    gateway = Gateway(sandbox.servicenow_url)
    server = make_server("127.0.0.1", 0, gateway, threaded=True, request_handler=_Handler)
    gateway.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    pair = pair_class(sandbox, tmp_path, target={"checkpoint_seconds": 0, "max_retries": 3})
    yield Killable(pair, gateway, compiled)
    server.shutdown()
    thread.join()
    server.server_close()
