"""Writing and reading the ledger. The tables are described in ``schema.sql``."""

from __future__ import annotations

import datetime as dt
import sqlite3
import threading
import typing as t
from collections import Counter
from contextlib import contextmanager

import simplejson

from target_servicenow.ledger import file
from target_servicenow.ledger.entries import Entry, Reject, Sent, as_json, as_text, moment, now
from target_servicenow.ledger.file import LedgerError

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet
    from pathlib import Path

FROM_LEDGER = "_from_ledger"
"""Marks a record that was exported from here: it may hold only a part of what Sage 300 holds."""


_PLAN = """
CREATE TEMP TABLE records AS SELECT * FROM main.records;
CREATE UNIQUE INDEX temp.records_key ON records ("table", identifier);
CREATE TEMP TABLE rejects AS SELECT * FROM main.rejects;
CREATE TEMP TABLE sending AS SELECT * FROM main.sending WHERE 0;
"""
"""MappedTables that hide those of the same names for as long as the connection lasts."""


class LedgerWriter:
    """One run's view of the ledger. Safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        """Open the file, made if it is not there.

        Raises:
            LedgerError: it cannot be opened or written.
        """
        self._lock = threading.Lock()
        self._run = 0
        self._fates: dict[str, Counter[str]] = {}
        self._path = path
        self._claim: sqlite3.Connection | None = None
        self._db = file.to_write(path)

    @property
    def run(self) -> int:
        """The number of the run that was started."""
        return self._run

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction, whole or not at all.

        Raises:
            LedgerError: the file cannot be written any more.
        """
        try:
            with self._lock, self._db:
                self._db.execute("BEGIN IMMEDIATE")
                yield
        except sqlite3.Error as error:
            raise LedgerError(
                f"The ledger (ledger_path) cannot be written ({error}): see that its disk has room "
                "and that nothing else holds the file, and run again"
            ) from None

    def start(self, *, mode: str, mapping: str) -> None:
        """Open a run; one that was killed is closed as stopped.

        A plan keeps what it would do, but what it knows of records and rejects is its own and
        goes with it.

        Raises:
            LedgerError: another run is at work, or the file cannot be written.
        """
        self._claim = file.claim(self._path)
        if mode == "plan":
            self._db.executescript(_PLAN)
        with self._writing():
            self._db.execute(
                "UPDATE runs SET status = 'stopped', message = 'it was interrupted'"
                " WHERE status = 'running'"
            )
            cursor = self._db.execute(
                "INSERT INTO runs (started, status, mode, mapping) VALUES (?, 'running', ?, ?)",
                (now(), mode, mapping),
            )
            self._run = cursor.lastrowid or 0

    def prune(self, keep_days: int) -> int:
        """Delete what was done longer ago than so many days; returns how many entries went."""
        with self._writing():
            before = dt.datetime.now(dt.UTC) - dt.timedelta(days=keep_days)
            cursor = self._db.execute("DELETE FROM outcomes WHERE at < ?", (as_text(before),))
        return cursor.rowcount

    def keep_schema(
        self, stream: str, schema: Mapping[str, t.Any], key_properties: Iterable[str]
    ) -> None:
        """Keep a stream's SCHEMA message, for giving its rejects out as Singer messages."""
        with self._writing():
            self._db.execute(
                "INSERT INTO schemas VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET"
                " schema = excluded.schema, key_properties = excluded.key_properties",
                (
                    stream,
                    simplejson.dumps(schema, use_decimal=True),
                    simplejson.dumps(list(key_properties)),
                ),
            )

    def sending(self, entries: Iterable[Entry]) -> None:
        """Note rows that are about to be sent; `record` removes the note."""
        with self._writing():
            self._db.executemany(
                "INSERT OR REPLACE INTO sending VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (e.table, e.identifier, self._run, now(), e.outcome, as_json(e.changes))
                    for e in entries
                ],
            )

    def unfinished(self, table: str) -> dict[str, Sent]:
        """The rows of a table that earlier runs were sending when they were cut off."""
        rows = self._db.execute(
            "SELECT identifier, run, at, outcome, changes FROM sending"
            ' WHERE "table" = ? AND run < ?',
            (table, self._run),
        )
        return {
            identifier: Sent(run, moment(at), outcome, simplejson.loads(changes))
            for identifier, run, at, outcome, changes in rows
        }

    def close_unfinished(self, entries: Iterable[Entry], sent: Mapping[str, Sent]) -> None:
        """Remove such notes; what was written after all counts in the run that wrote it.

        Args:
            entries: the fate of each row; ``outcome`` empty for one that was not written.
            sent: their notes by identifier.
        """
        with self._writing():
            for entry in entries:
                run = sent[entry.identifier].run
                if entry.outcome:
                    self._append([entry], run)
                    self._db.execute(
                        "INSERT INTO counts VALUES (?, ?, ?, 1)"
                        " ON CONFLICT DO UPDATE SET rows = rows + 1",
                        (run, entry.table, entry.outcome),
                    )
                self._forget([entry], run)

    def record(self, entries: Iterable[Entry]) -> None:
        """Keep the fate of some rows, in one transaction.

        A row that was held or rejected before and is settled now leaves the rejects.
        """
        entries = list(entries)
        with self._writing():
            self._append([entry for entry in entries if entry.outcome != "unchanged"], self._run)
            self._forget(entries, self._run)
            self._db.executemany(
                'INSERT INTO records ("table", identifier, sys_id, last_seen, version)'
                " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET last_seen = excluded.last_seen,"
                " version = IFNULL(excluded.version, version), sys_id = CASE"
                " excluded.sys_id WHEN '' THEN sys_id ELSE excluded.sys_id END",
                [(e.table, e.identifier, e.sys_id, self._run, e.version) for e in entries],
            )
            self._db.executemany(
                'DELETE FROM rejects WHERE "table" = ? AND identifier = ?',
                [(e.table, e.identifier) for e in entries],
            )
            self._db.executemany(
                "INSERT INTO rejects VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        e.table, e.identifier, self._run, e.outcome, e.reason, e.stream,
                        simplejson.dumps(e.payload, use_decimal=True, default=str),
                    )
                    for e in entries
                    if e.payload is not None
                ],
            )  # fmt: skip
            self._count(entries)

    def _append(self, entries: Iterable[Entry], run: int) -> None:
        at = now()
        self._db.executemany(
            'INSERT INTO outcomes (run, at, "table", identifier, sys_id, outcome, changes,'
            " altered, status, attempts, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    run, at, e.table, e.identifier, e.sys_id, e.outcome, as_json(e.changes),
                    as_json(e.altered), e.status, e.attempts, e.reason,
                )
                for e in entries
            ],
        )  # fmt: skip

    def _forget(self, entries: Iterable[Entry], run: int) -> None:
        """Remove the notes a run made of rows it was sending."""
        self._db.executemany(
            'DELETE FROM sending WHERE "table" = ? AND identifier = ? AND run = ?',
            [(e.table, e.identifier, run) for e in entries],
        )

    def _count(self, entries: list[Entry]) -> None:
        """Rows count as often as they come; one that waited and came again counts as it ended."""
        for entry in entries:
            self._fates.setdefault(entry.table, Counter())[entry.outcome] += 1
        self._db.executemany(
            "INSERT INTO counts VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET rows = excluded.rows",
            [
                (self._run, table, outcome, rows)
                for table, fates in self._fates.items()
                for outcome, rows in fates.items()
            ],
        )

    def drop_rejects(self, table: str, kept: Mapping[str, AbstractSet[str]]) -> None:
        """Forget rejects of entries that their records, read whole, no longer hold.

        Args:
            table: the rows' table.
            kept: for what the identifiers of a record's entries begin with, the entries it holds.
        """
        with self._writing():
            waiting = self._db.execute(
                'SELECT identifier FROM rejects WHERE "table" = ?', (table,)
            ).fetchall()
            prefixes = tuple(kept)
            every = set().union(*kept.values())
            self._db.executemany(
                'DELETE FROM rejects WHERE "table" = ? AND identifier = ?',
                [
                    (table, identifier)
                    for (identifier,) in waiting
                    if identifier.startswith(prefixes) and identifier not in every
                ],
            )

    def seen_and_unseen(self, table: str, version: int) -> tuple[int, list[str]]:
        """How many rows came under a version, and which of the same companies did not."""
        rows = self._db.execute(
            'SELECT identifier, version IS ? FROM records WHERE "table" = ?', (version, table)
        ).fetchall()
        companies = {_company(identifier) for identifier, seen in rows if seen}
        unseen = [i for i, seen in rows if not seen and _company(i) in companies]
        return sum(seen for _, seen in rows), unseen

    def uncount(self, rejects: Iterable[Reject]) -> None:
        """Rows about to be tried again in this run will be counted by their new fate."""
        with self._lock:
            for reject in rejects:
                if reject.run == self._run:
                    self._fates[reject.table][reject.outcome] -= 1

    def counts(self) -> dict[str, dict[str, int]]:
        """Rows of this run by table and outcome."""
        return {table: dict(fates) for table, fates in self._fates.items()}

    def pending(self) -> list[Reject]:
        """Rows held, and rows rejected in an earlier run: what is worth another try now."""
        rows = self._db.execute(
            'SELECT "table", identifier, run, outcome, reason, stream, payload FROM rejects'
            " WHERE outcome = 'held' OR run < ? ORDER BY run, identifier",
            (self._run,),
        )
        return [
            Reject(*row)._replace(payload=simplejson.loads(row[-1], use_decimal=True))
            for row in rows
        ]

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


def _company(identifier: str) -> str:
    """Source and company, which every identifier begins with."""
    return ":".join(identifier.split(":")[:2])
