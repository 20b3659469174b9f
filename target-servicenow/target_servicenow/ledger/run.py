"""One run's hold on the ledger: opened, locked, counted, and closed at its end."""

from __future__ import annotations

import contextlib
import datetime as dt
import secrets
import threading
import typing as t

from target_servicenow.ledger import file
from target_servicenow.ledger.entries import format_time, now

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Tables that hide those of the same names for as long as the connection lasts.
_PLAN = (
    "CREATE TEMP TABLE records AS SELECT * FROM main.records",
    'CREATE UNIQUE INDEX temp.records_key ON records ("table", identifier)',
    "CREATE TEMP TABLE rejects AS SELECT * FROM main.rejects",
    'CREATE UNIQUE INDEX temp.rejects_key ON rejects ("table", identifier)',
    "CREATE TEMP TABLE sending AS SELECT * FROM main.sending WHERE run IS NULL",
    'CREATE UNIQUE INDEX temp.sending_key ON sending ("table", identifier)',
    "CREATE TEMP TABLE altered AS SELECT * FROM main.altered",
    'CREATE UNIQUE INDEX temp.altered_key ON altered ("table", identifier)',
)


class LedgerRun:
    """A run in the ledger. Safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        """Open the file, created if it is not there.

        Raises:
            LedgerError: It cannot be opened or written, or is not a ledger of this version.
        """
        self._lock = threading.Lock()
        self._run = 0
        self._mark = ""
        self._finished = 0  # the last run before this one that finished
        self._path = path
        self._claim: file.Closeable | None = None
        self._db = file.open_to_write(path)

    @property
    def run(self) -> int:
        """The number of the run that was started; 0 before `start`."""
        return self._run

    @property
    def mark(self) -> str:
        """The mark of the run, by which a state that it emits is known again; "" before `start`."""
        return self._mark

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        with self._lock, file.writing(self._db):
            yield

    def _rows(self, sql: str, *parameters: t.Any) -> list[tuple[t.Any, ...]]:
        with file.reading():
            return self._db.execute(sql, parameters).fetchall()

    def start(self, *, mode: str, mapping: str, instance: str = "") -> None:
        """Open a run, in a ledger upgraded to the current format; one that was killed is closed.

        A plan keeps what it would do, but what it knows of records and rejects is its own and
        goes with it.

        Args:
            mode: The setting ``mode``.
            mapping: The setting ``mapping``.
            instance: The instance it writes to, by its normalised address; "" for any.

        Raises:
            LedgerError: Another run is using the ledger, it belongs to another instance, or it
                cannot be upgraded or written.
        """
        self._claim = file.lock(self._path)
        file.upgrade(self._db, self._path)
        self._check_instance(instance)
        self._mark = secrets.token_hex(8)
        with self._writing():
            for statement in _PLAN if mode == "plan" else ():
                self._db.execute(statement)
            self._db.execute(
                "UPDATE runs SET status = 'stopped', message = 'interrupted'"
                " WHERE status = 'running'"
            )
            [(self._finished,)] = self._db.execute(
                "SELECT COALESCE(MAX(run), 0) FROM runs WHERE status = 'finished'"
                " AND mode <> 'plan'"
            )
            [(self._run,)] = self._db.execute(
                "INSERT INTO runs (started, status, mode, mapping, instance, mark)"
                " VALUES (?, 'running', ?, ?, ?, ?) RETURNING run",
                (now(), mode, mapping, instance, self._mark),
            )

    def _check_instance(self, instance: str) -> None:
        """Refuse an instance that the ledger's rows are not in.

        A run that recorded nothing, such as one with a mistyped address, binds it to none.
        """
        owners = self._rows(
            "SELECT instance FROM runs WHERE instance <> '' AND mode <> 'plan'"
            " AND (run IN (SELECT run FROM counts) OR run IN (SELECT run FROM sending))"
            " ORDER BY run DESC LIMIT 1"
        )
        if instance and owners and owners[0][0] != instance:
            raise file.LedgerError(
                f"The ledger {self._path} (ledger_path) belongs to {owners[0][0]}, not to "
                f"{instance}: correct instance_url, or give each instance a ledger and a state of "
                "its own, by another ledger_path and a first run without state"
            )

    def holds_run(self, mark: object) -> bool:
        """Tell whether the ledger holds the run with a mark."""
        return isinstance(mark, str) and bool(
            mark and self._rows("SELECT 1 FROM runs WHERE mark = ?", mark)
        )

    def prune(self, keep_days: int) -> int:
        """Delete the outcomes and logs that are older than so many days; return how many."""
        with self._writing():
            before = dt.datetime.now(dt.UTC) - dt.timedelta(days=keep_days)
            old = (format_time(before),)
            outcomes = self._db.execute("DELETE FROM outcomes WHERE at < ?", old).rowcount
            return outcomes + self._db.execute("DELETE FROM logs WHERE at < ?", old).rowcount

    def finish(self, *, status: str, calls: int, message: str = "") -> None:
        """Close the run."""
        with self._writing():
            self._db.execute(
                "UPDATE runs SET finished = ?, status = ?, calls = ?, message = ? WHERE run = ?",
                (now(), status, calls, message, self._run),
            )

    def close(self) -> None:
        """Close the file, and let another run have it."""
        self._db.close()
        if self._claim is not None:
            self._claim.close()
