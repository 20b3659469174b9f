"""A ServiceNow instance over real HTTP, runs of the target against it, and a tap's messages."""

from __future__ import annotations

import io
import json
import signal
import sqlite3
import sys
import typing as t
from contextlib import closing, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import requests

from sage300_servicenow_sandbox import Sandbox, SandboxOptions
from sage300_servicenow_sandbox.control_client import ControlClient
from target_servicenow.command_line import one_sentence
from target_servicenow.mapping.parse import load
from target_servicenow.sdk import ConfigInput
from target_servicenow.target import TargetServiceNow

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

COMPANY = "SAMINC"
PROFILE = load("default")
KEYS = {"APInvoiceBatches": ["CompanyID", "BatchNumber"]}
"""Key properties of streams whose records hold the rows' keys in lists."""


class Singer:
    """Messages as the tap sends them, for the default mapping."""

    profile = PROFILE

    def schema(self, stream: str, **properties: t.Any) -> dict[str, t.Any]:
        """A SCHEMA with every property the mapping reads, and more."""
        tables = self.profile.of_stream(stream)
        expressions = [e for table in tables for _, e in table.expressions()]
        names = {name.removeprefix("parent.") for e in expressions for name in e.names}
        known: dict[str, t.Any] = {name: {} for name in names - {*self.profile.rules}}
        inner: dict[str, t.Any] = {}
        for name in reversed(max((table.each for table in tables), key=len)):
            inner = {name: {"items": {"properties": {**known, **inner}}}}
        return self.stream_schema(stream, {**known, **inner, **properties}, self._keys(stream))

    def _keys(self, stream: str) -> list[str]:
        """The key properties of a stream: those of its first table that is not optional."""
        if stream in KEYS:
            return KEYS[stream]
        tables = self.profile.of_stream(stream)
        table = next((table for table in tables if not table.optional), tables[0])
        return ["CompanyID", *(name for part in table.key for name in sorted(part.names))]

    @staticmethod
    def stream_schema(
        stream: str, properties: dict[str, t.Any], keys: list[str]
    ) -> dict[str, t.Any]:
        """A SCHEMA of any stream."""
        schema = {"type": "object", "properties": properties}
        return {"type": "SCHEMA", "stream": stream, "schema": schema, "key_properties": keys}

    @staticmethod
    def record(stream: str, record: dict[str, t.Any]) -> dict[str, t.Any]:
        """A RECORD."""
        return {"type": "RECORD", "stream": stream, "record": record}

    @staticmethod
    def state(value: t.Any) -> dict[str, t.Any]:
        """A STATE."""
        return {"type": "STATE", "value": value}

    def vendor(self, number: object, **properties: t.Any) -> dict[str, t.Any]:
        """A vendor's RECORD."""
        defaults = {"CompanyID": COMPANY, "VendorNumber": number, "VendorName": f"Vendor {number}"}
        return self.record("APVendors", {**defaults, "Status": "Active", **properties})

    def account(self, number: str, **properties: t.Any) -> dict[str, t.Any]:
        """A GL account's RECORD."""
        defaults = {"CompanyID": COMPANY, "UnformattedAccount": number, "AccountNumber": number}
        return self.record(
            "GLAccounts", {**defaults, "Description": f"Account {number}", **properties}
        )

    def batch(
        self, number: int, *invoices: dict[str, t.Any], **properties: t.Any
    ) -> dict[str, t.Any]:
        """An invoice batch's RECORD; each invoice gets its entry number and a document number."""
        entries = [
            {"EntryNumber": entry, "DocumentNumber": f"IN-{number}-{entry}", **invoice}
            for entry, invoice in enumerate(invoices, start=1)
        ]
        defaults = {"CompanyID": COMPANY, "BatchNumber": number, "BatchStatus": "Open"}
        return self.record("APInvoiceBatches", {**defaults, "Invoices": entries, **properties})

    def vendors(self, *records: dict[str, t.Any]) -> list[dict[str, t.Any]]:
        """The stream of vendors: SCHEMA, then the records."""
        return [self.schema("APVendors"), *records]

    def accounts(self, *records: dict[str, t.Any]) -> list[dict[str, t.Any]]:
        """The stream of GL accounts."""
        return [self.schema("GLAccounts"), *records]

    def batches(self, *records: dict[str, t.Any]) -> list[dict[str, t.Any]]:
        """The stream of invoice batches."""
        return [self.schema("APInvoiceBatches"), *records]


@dataclass
class RunResult:
    """How a run ended.

    Attributes:
        errors: What was logged as an error.
    """

    code: int
    states: list[t.Any]
    errors: list[str]


@dataclass
class Instance:
    """The sandbox's ServiceNow, seen past its APIs, and runs of the target against it.

    Attributes:
        tables: The names of the tables of the default mapping.
    """

    tables = tuple(table.name for table in PROFILE.tables)

    sandbox: Sandbox
    folder: Path
    caplog: pytest.LogCaptureFixture
    config: dict[str, t.Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.control = ControlClient(self.sandbox.servicenow_url)
        self.ledger = self.folder / "ledger.sqlite"
        self.config = {
            "instance_url": self.sandbox.servicenow_url,
            "client_id": "sandbox-client",
            "client_secret": "sandbox-secret",
            "ledger_path": str(self.ledger),
            "max_retries": 0,
            **self.config,
        }

    def run(self, messages: Iterable[dict[str, t.Any] | str], **settings: t.Any) -> RunResult:
        """Run the target in this process; it reads messages, or whole lines, one by one."""
        lines: t.Any = (m if isinstance(m, str) else f"{json.dumps(m)}\n" for m in messages)
        code, printed = self._invoke(settings, file_input=lines)
        states = [json.loads(line) for line in printed.splitlines()]
        return RunResult(code=code, states=states, errors=self.logged("ERROR"))

    def check(self, *, writing: bool = False, **settings: t.Any) -> tuple[int, list[str]]:
        """The exit code of ``--test``, or ``--test-write``, and the lines it prints."""
        code, printed = self._invoke(settings, test=not writing, test_write=writing)
        return code, printed.splitlines()

    def _invoke(self, settings: dict[str, t.Any], **options: t.Any) -> tuple[int, str]:
        printed = io.StringIO()
        self.caplog.clear()
        code = 0
        try:
            with redirect_stdout(printed), one_sentence(TargetServiceNow.logger):
                config = ConfigInput(config={**self.config, **settings})
                TargetServiceNow.invoke(config=config, **options)
        except SystemExit as end:
            code = int(end.code or 0)
        return code, printed.getvalue()

    def logged(self, level: str) -> list[str]:
        """What the last run logged at a level, without the lines of other libraries."""
        records = [r for r in self.caplog.records if r.name.startswith("target")]
        return [record.getMessage() for record in records if record.levelname == level]

    def rows(self, table: str) -> list[dict[str, str]]:
        """Every row of a table, as stored."""
        return self.control.rows(table)

    def by_source(self, table: str) -> dict[str, dict[str, str]]:
        """The rows of a table by the last part of their source identifier, none of them twice."""
        rows = self.rows(table)
        found = {row["correlation_id"].rpartition(":")[2]: row for row in rows}
        assert len(found) == len(rows), f"{table} holds an identifier twice"
        return found

    def by_key(self, table: str) -> dict[str, dict[str, str]]:
        """The rows of a table by the whole key in their source identifier, none of them twice."""
        rows = self.rows(table)
        found = {row["correlation_id"].split(":", 3)[-1]: row for row in rows}
        assert len(found) == len(rows), f"{table} holds an identifier twice"
        return found

    def behave(self, **switches: t.Any) -> None:
        """Change how the instance behaves."""
        self.control.servicenow_behaviours(**switches)

    def insert_row(self, table: str, **values: str) -> str:
        """Insert a row as if by hand; its sys_id."""
        return self.control.insert_row(table, **values)["sys_id"]

    def update_row(self, table: str, sys_id: str, **values: str) -> None:
        """Change a row as another user of the Table API does."""
        self._change("PATCH", table, sys_id, values)

    def delete_row(self, table: str, sys_id: str) -> None:
        """Delete a row as another user of the Table API does."""
        self._change("DELETE", table, sys_id)

    def _change(
        self, method: str, table: str, sys_id: str, values: dict[str, str] | None = None
    ) -> None:
        answer = requests.request(
            method,
            f"{self.sandbox.servicenow_url}/api/now/table/{table}/{sys_id}",
            json=values,
            headers={"Accept": "application/json"},
            auth=("integration", "sandbox"),
            timeout=30,
        )
        answer.raise_for_status()

    def take_counters(self) -> dict[str, t.Any]:
        """The calls since this was last called."""
        counters = self.control.counters()["servicenow"]
        self.control.reset_counters()
        return counters

    def written(self) -> tuple[int, int]:
        """The rows sent to be created, and to be changed, since the counters were last taken."""
        items = self.take_counters()["batch_items"]
        return items["POST"], items["PATCH"]

    def query(self, sql: str) -> list[tuple[t.Any, ...]]:
        """Rows of the ledger."""
        with closing(sqlite3.connect(self.ledger)) as ledger:
            return ledger.execute(sql).fetchall()

    def outcomes(self) -> list[tuple[str, str]]:
        """The last run's outcomes: the last part of the identifier, and the outcome."""
        sql = (
            "SELECT identifier, outcome FROM outcomes WHERE run = (SELECT max(run) FROM runs)"
            " ORDER BY identifier, number"
        )
        return [(name.rpartition(":")[2], outcome) for name, outcome in self.query(sql)]

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The ledger, to change it by hand between two runs."""
        with closing(sqlite3.connect(self.ledger, isolation_level=None)) as ledger:
            yield ledger

    def age_sending(self) -> None:
        """Make what the last run was sending so old that the next one need not wait for it."""
        with self.writing() as ledger:
            ledger.execute("UPDATE sending SET at = '2020-01-01T00:00:00Z'")

    def counts(self, table: str) -> dict[str, int]:
        """The last run's rows by outcome, without outcomes that no row had."""
        sql = (
            'SELECT outcome, rows FROM counts WHERE run = (SELECT max(run) FROM runs) AND "table" ='
            f" '{table}' AND rows"
        )
        return dict(self.query(sql))

    def rejects(self) -> dict[str, tuple[str, str]]:
        """Held and rejected rows: outcome and reason by the last part of the identifier."""
        rows = self.query("SELECT identifier, outcome, reason FROM rejects")
        return {name.rpartition(":")[2]: (outcome, reason) for name, outcome, reason in rows}


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """Both systems; only ServiceNow is used here."""
    options = SandboxOptions(sage_port=0, servicenow_port=0, vendors=1, accounts=1, batches=0)
    with Sandbox(options) as running:
        yield running


@pytest.fixture
def instance(
    sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> Iterator[Instance]:
    """An empty instance and an empty ledger; signal handlers are restored afterwards."""
    handlers = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)}
    caplog.set_level("INFO")
    sandbox.clock.set(None)
    sandbox.reset()
    yield Instance(sandbox, tmp_path, caplog)
    for name, handler in handlers.items():
        signal.signal(name, handler)


@pytest.fixture(scope="session")
def singer() -> Singer:
    """Builds messages."""
    return Singer()


class _QuietServer(ThreadingHTTPServer):
    def handle_error(self, *_: t.Any) -> None:
        """Print nothing when the target hangs up."""


class Server:
    """An HTTP server on loopback that answers as it is told, and keeps what it was sent."""

    def __init__(self, answer: Callable[[BaseHTTPRequestHandler], None]) -> None:
        server = self
        self.headers: list[t.Any] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.headers.append(self.headers)
                self.rfile.read(int(self.headers["Content-Length"] or 0))
                answer(self)

            do_POST = do_GET  # noqa: N815 - the name it is called by

            def log_message(self, *_: t.Any) -> None: ...

        self._server = _QuietServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Starts servers, and stops them at the end."""
    servers: list[Server] = []

    def start(answer: Callable[[BaseHTTPRequestHandler], None]) -> Server:
        servers.append(Server(answer))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(autouse=True)
def _no_credential_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
