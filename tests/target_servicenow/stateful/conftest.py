"""A tap that sends what changed, the target that may be killed, and the instance between runs."""

from __future__ import annotations

import base64
import itertools
import json
import sqlite3
import sys
import typing as t
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from target_servicenow.api.transport import Transport
from target_servicenow.ledger.writer import LedgerWriter
from target_servicenow.stopping import Stop
from target_servicenow.upsert import batch_size

if t.TYPE_CHECKING:
    import io
    from collections.abc import Callable, Iterator

    from conftest import Instance, Singer

Message = dict[str, t.Any]

BASIC = {"auth_method": "basic", "username": "integration", "password": "sandbox"}
ENTITIES = {
    "APVendors": ("Vendor", "VendorNumber"),
    "GLAccounts": ("GLAccount", "UnformattedAccount"),
}
PLAIN: dict[str, t.Any] = {"access": [], "business_rules": []}
"""The behaviours under which a person with all rights works."""


class Killed(BaseException):
    """The end of the process, as far as the code inside can tell."""


class Wire:
    """What the target sends; at a request of choice its process ends.

    Attributes:
        written: For each row sent, its identifier, or its sys_id where it was changed.
    """

    def __init__(self) -> None:
        """Count nothing yet."""
        self.start()

    def start(
        self,
        kill_at: int = 0,
        *,
        is_answered: bool = False,
        on_kill: Callable[[], None] = lambda: None,
    ) -> None:
        """Count from zero; end the process at a request, before or after it was served."""
        self.written: list[str] = []
        self._calls = 0
        self._kill_at, self._is_answered, self._on_kill = kill_at, is_answered, on_kill
        self._is_dead = False

    def around(self, send: Callable[..., requests.Response]) -> Callable[..., requests.Response]:
        """Put this around the method that sends."""

        def sent(
            http: requests.Session, request: requests.PreparedRequest, **options: t.Any
        ) -> requests.Response:
            self._calls += 1
            if self._is_dead:
                raise Killed
            if self._calls == self._kill_at and not self._is_answered:
                self._kill()
            self._note(request)
            if self._calls == self._kill_at:
                send(http, request, **{**options, "stream": False})
                self._kill()
            return send(http, request, **options)

        return sent

    def _kill(self) -> t.NoReturn:
        self._is_dead = True
        self._on_kill()
        raise Killed

    def _note(self, request: requests.PreparedRequest) -> None:
        for item in json.loads(request.body or "{}").get("rest_requests", ()):
            if item["method"] == "POST":
                values = json.loads(base64.b64decode(item["body"]))
                self.written.append(values["correlation_id"])
            elif item["method"] == "PATCH":
                self.written.append(item["url"].partition("?")[0].rpartition("/")[2])


@dataclass
class World:
    """Sage 300 as a list of changes, an instance with its own life, and the runs in between.

    Attributes:
        changes: Every version of every record, as its RECORD message, in order.
        position: So many of them are behind the last state that the target emitted.
        behaviours: How the instance behaves.
        writers: The ledgers that were opened.
        owners: The identifier that each row of the instance ever had, by sys_id; "" for none.
        copies: Rows that a person made from one of ours, identifier included.
    """

    instance: Instance
    singer: Singer
    wire: Wire
    behaviours: dict[str, t.Any]
    writers: list[LedgerWriter]
    changes: list[Message] = field(default_factory=list)
    position: int = 0
    owners: dict[str, str] = field(default_factory=dict)
    copies: set[str] = field(default_factory=set)

    # Sage 300

    def change(self, message: Message) -> None:
        """A record is new, or another one than before."""
        self.changes.append(message)

    @staticmethod
    def name(message: Message) -> str:
        """The source identifier of the row that a RECORD has."""
        record = message["record"]
        entity, key = ENTITIES[message["stream"]]
        return f"sage300:{record['CompanyID']}:{entity}:{record[key]}"

    def latest(self) -> dict[str, Message]:
        """Each record as it is now, by identifier."""
        return {self.name(message): message for message in self.changes}

    # The instance

    def behave(self, **changes: t.Any) -> None:
        """Change how the instance behaves."""
        self.behaviours |= changes
        self.instance.behave(**self.behaviours)

    def rows(self) -> dict[str, dict[str, str]]:
        """Every row of the tables that are filled, by sys_id, with its table."""
        tables = ("itfm_gl_accounts", "proc_vendor")
        return {
            row["sys_id"]: {**row, "table": table}
            for table in tables
            for row in self.instance.rows(table)
        }

    def ours(self) -> list[str]:
        """The sys_ids of rows that the ledger knows, and that carry their identifier."""
        rows = self.rows()
        known = self.instance.query("SELECT identifier, sys_id FROM records") if self.runs else []
        return sorted(
            sys_id
            for name, sys_id in known
            if sys_id in rows and rows[sys_id]["correlation_id"] == name
        )

    @property
    def runs(self) -> bool:
        """Whether there is a ledger."""
        return self.instance.ledger.exists()

    def insert(self, table: str, **values: str) -> str:
        """A person types a row in."""
        with self._as_person():
            sys_id = self.instance.insert_row(table, **values)
        self.owners[sys_id] = ""
        return sys_id

    def update(self, sys_id: str, **values: str) -> None:
        """A person changes a row."""
        with self._as_person():
            self.instance.update_row(self.rows()[sys_id]["table"], sys_id, **values)

    def delete(self, sys_id: str) -> None:
        """A person deletes a row."""
        table = self.rows()[sys_id]["table"]
        url = f"{self.instance.sandbox.servicenow_url}/api/now/table/{table}/{sys_id}"
        with self._as_person():
            requests.delete(url, auth=("integration", "sandbox"), timeout=30).raise_for_status()
        self.copies.discard(sys_id)

    @contextmanager
    def _as_person(self) -> Iterator[None]:
        self.instance.behave(**PLAIN)
        yield
        self.instance.behave(**self.behaviours)

    # Runs

    def pending(self) -> dict[str, str]:
        """Why rows are held or rejected, by identifier."""
        return dict(self.instance.query("SELECT identifier, reason FROM rejects"))

    def run(
        self, kill_at: int = 0, *, is_answered: bool = False, pace: int = 2, whole: bool = False
    ) -> int | None:
        """Let the tap send, and the target load; the exit code, None where it was killed.

        Args:
            kill_at: The request at which the target is killed; 0, none.
            is_answered: Whether the instance served that request.
            pace: Records between two states.
            whole: Every record is sent once more, not only what changed.
        """
        copy = self.instance.folder / "killed.sqlite"
        states: list[Message] = []
        self.wire.start(
            kill_at, is_answered=is_answered, on_kill=lambda: self._keep_ledger(copy, states)
        )
        code = None
        try:
            result = self.instance.run(
                self._everything() if whole else self._news(pace),
                **BASIC,
                workers=1,
                checkpoint_seconds=0,
                max_retries=2,
            )
        except Killed:
            self._lose_ledger(copy)
        else:
            code, states = result.code, result.states
        if states:
            self.position = max(self.position, states[-1]["n"])
        self.instance.age_sending()
        self._observe()
        return code

    def _news(self, pace: int) -> Iterator[Message]:
        """What changed since the last state, with states in between."""
        yield from self._schemas()
        for number in range(self.position, len(self.changes)):
            yield self.changes[number]
            if (number + 1) % pace == 0:
                yield self.singer.state({"n": number + 1})
        yield self.singer.state({"n": len(self.changes)})

    def _everything(self) -> Iterator[Message]:
        yield from self._schemas()
        yield from self.latest().values()
        yield self.singer.state({"n": len(self.changes)})

    def _schemas(self) -> Iterator[Message]:
        return map(self.singer.schema, ENTITIES)

    def _keep_ledger(self, copy: Path, states: list[Message]) -> None:
        """Keep what is on disk and was printed when the process ends; the rest never happens."""
        with (
            closing(sqlite3.connect(self.instance.ledger)) as now,
            closing(sqlite3.connect(copy)) as then,
        ):
            now.backup(then)
        printed = t.cast("io.StringIO", sys.stdout).getvalue()  # where a run's output goes
        states.extend(json.loads(line) for line in printed.splitlines())

    def _lose_ledger(self, copy: Path) -> None:
        """Put that in the place of what the code, which does not know that it is dead, wrote."""
        while self.writers:
            self.writers.pop().close()
        for end in ("-wal", "-shm"):
            Path(f"{self.instance.ledger}{end}").unlink(missing_ok=True)
        copy.replace(self.instance.ledger)

    # What must hold

    def _observe(self) -> None:
        """Look at the instance after a run: no record has a second row."""
        rows = self.rows()
        for sys_id, row in rows.items():
            name = row["correlation_id"]
            if self.owners.get(sys_id) == name or not name or sys_id in self.copies:
                continue
            assert not self.owners.get(sys_id), f"{sys_id} was {self.owners[sys_id]}, is {name}"
            others = [other for other, owner in self.owners.items() if owner == name]
            assert not rows.keys() & {*others}, f"{name} has {sys_id} beside {others}"
            self.owners[sys_id] = name
        assert all(row["correlation_id"] or sys_id in self.owners for sys_id, row in rows.items())


@pytest.fixture
def new_world(
    instance: Instance, singer: Singer, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], World]:
    """Makes worlds, one after another; waits are skipped, and calls are small."""
    wire, numbers = Wire(), itertools.count()
    writers: list[LedgerWriter] = []
    start = LedgerWriter.start

    def started(writer: LedgerWriter, **options: t.Any) -> None:
        writers[:] = [writer]
        start(writer, **options)

    monkeypatch.setattr(LedgerWriter, "start", started)
    monkeypatch.setattr(Transport, "send", wire.around(Transport.send))
    monkeypatch.setattr(Stop, "sleep", lambda stop, _seconds: stop.check())
    monkeypatch.setattr(batch_size, "START_ROWS", 3)

    def make() -> World:
        instance.sandbox.reset()
        instance.ledger = instance.folder / f"{next(numbers)}.sqlite"
        instance.config["ledger_path"] = str(instance.ledger)
        behaviours = {**PLAIN, "columns": [], "properties": {}}
        return World(instance, singer, wire, behaviours, writers)

    return make
