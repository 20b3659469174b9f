"""Writing the ledger. Its tables are described in ``schema.sql``."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
import typing as t
from collections import Counter

from target_servicenow.ledger import file
from target_servicenow.ledger.entries import (
    Entry,
    Reject,
    Sent,
    format_time,
    from_json,
    now,
    parse_time,
    to_json,
)
from target_servicenow.outcomes import Outcome

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet
    from pathlib import Path

# Tables that hide those of the same names for as long as the connection lasts.
_PLAN = (
    "CREATE TEMP TABLE records AS SELECT * FROM main.records",
    'CREATE UNIQUE INDEX temp.records_key ON records ("table", identifier)',
    "CREATE TEMP TABLE rejects AS SELECT * FROM main.rejects",
    'CREATE UNIQUE INDEX temp.rejects_key ON rejects ("table", identifier)',
    "CREATE TEMP TABLE sending AS SELECT * FROM main.sending WHERE run IS NULL",
    'CREATE UNIQUE INDEX temp.sending_key ON sending ("table", identifier)',
)


class LedgerWriter:
    """One run's view of the ledger. Safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        """Open the file, created if it is not there.

        Raises:
            LedgerError: It cannot be opened or written, or is not a ledger of this version.
        """
        self._lock = threading.Lock()
        self._run = 0
        self._fates: Counter[tuple[str, str]] = Counter()  # by table and outcome
        self._logged = 0
        self._path = path
        self._claim: file.Closeable | None = None
        self._db = file.open_to_write(path)

    @property
    def run(self) -> int:
        """The number of the run that was started; 0 before `start`."""
        return self._run

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        with self._lock, file.writing(self._db):
            yield

    def _rows(self, sql: str, *parameters: t.Any) -> list[tuple[t.Any, ...]]:
        with file.reading():
            return self._db.execute(sql, parameters).fetchall()

    def start(self, *, mode: str, mapping: str) -> None:
        """Open a run, in a ledger upgraded to the current format; one that was killed is closed.

        A plan keeps what it would do, but what it knows of records and rejects is its own and
        goes with it.

        Raises:
            LedgerError: Another run is using the ledger, or it cannot be upgraded or written.
        """
        self._claim = file.lock(self._path)
        file.upgrade(self._db, self._path)
        with self._writing():
            for statement in _PLAN if mode == "plan" else ():
                self._db.execute(statement)
            self._db.execute(
                "UPDATE runs SET status = 'stopped', message = 'interrupted'"
                " WHERE status = 'running'"
            )
            [(self._run,)] = self._db.execute(
                "INSERT INTO runs (started, status, mode, mapping) VALUES (?, 'running', ?, ?)"
                " RETURNING run",
                (now(), mode, mapping),
            )

    def prune(self, keep_days: int) -> int:
        """Delete the outcomes and logs that are older than so many days; return how many."""
        with self._writing():
            before = dt.datetime.now(dt.UTC) - dt.timedelta(days=keep_days)
            old = (format_time(before),)
            outcomes = self._db.execute("DELETE FROM outcomes WHERE at < ?", old).rowcount
            return outcomes + self._db.execute("DELETE FROM logs WHERE at < ?", old).rowcount

    def keep_schema(
        self, stream: str, schema: Mapping[str, t.Any], key_properties: Iterable[str]
    ) -> None:
        """Keep a stream's SCHEMA message, to export its rejects as Singer messages."""
        with self._writing():
            self._db.execute(
                "INSERT INTO schemas (stream, schema, key_properties) VALUES (?, ?, ?)"
                " ON CONFLICT (stream) DO UPDATE SET schema = excluded.schema,"
                " key_properties = excluded.key_properties",
                (stream, to_json(schema), to_json(list(key_properties))),
            )

    def keep_log(self, stream: str, records: Iterable[Mapping[str, t.Any]]) -> None:
        """Keep what a tap says of its own run."""
        at = now()
        with self._writing():
            for record in records:
                self._logged += 1
                self._db.execute(
                    "INSERT INTO logs (run, number, at, stream, record) VALUES (?, ?, ?, ?, ?)",
                    (self._run, self._logged, at, stream, to_json(record)),
                )

    def sending(self, entries: Iterable[Entry]) -> None:
        """Note rows that are about to be sent; `record` removes the note."""
        at = now()
        rows = [
            (e.table, e.identifier, self._run, at, e.outcome, to_json(e.changes)) for e in entries
        ]
        with self._writing():
            self._db.executemany(
                'INSERT INTO sending ("table", identifier, run, at, outcome, changes)'
                ' VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT ("table", identifier) DO UPDATE SET'
                " run = excluded.run, at = excluded.at, outcome = excluded.outcome,"
                " changes = excluded.changes",
                rows,
            )

    def unsent(self, table: str, identifiers: Iterable[str]) -> None:
        """Remove such notes of rows about which nothing was done."""
        with self._writing():
            self._forget([Entry(table, identifier, "") for identifier in identifiers], self._run)

    def unfinished(self, table: str) -> dict[str, Sent]:
        """Return the rows of a table that earlier runs were sending when they were cut off."""
        rows = self._rows(
            "SELECT identifier, run, at, outcome, changes FROM sending"
            ' WHERE "table" = ? AND run < ?',
            table,
            self._run,
        )
        with file.reading():
            return {
                identifier: Sent(run, parse_time(at), outcome, from_json(changes))
                for identifier, run, at, outcome, changes in rows
            }

    def close_unfinished(self, entries: Iterable[Entry], sent: Mapping[str, Sent]) -> None:
        """Remove such notes; a row that turns out to be written counts in the run that sent it.

        Args:
            entries: The fate of each row; ``outcome`` is empty for one that was not written.
            sent: Their notes by identifier.
        """
        with self._writing():
            for entry in entries:
                run = sent[entry.identifier].run
                if entry.outcome:
                    self._append([entry], run)
                    self._db.execute(
                        'INSERT INTO counts (run, "table", outcome, rows) VALUES (?, ?, ?, 1)'
                        ' ON CONFLICT (run, "table", outcome) DO UPDATE SET rows = counts.rows + 1',
                        (run, entry.table, entry.outcome),
                    )
                self._forget([entry], run)

    def record(self, entries: Iterable[Entry]) -> None:
        """Keep the fate of some rows, in one transaction.

        A row that was held or rejected before and is settled now leaves the rejects.
        """
        entries = list(entries)
        with self._writing():
            self._append([e for e in entries if e.outcome != Outcome.UNCHANGED], self._run)
            self._forget(entries, self._run)
            self._db.executemany(
                'INSERT INTO records ("table", identifier, sys_id, last_seen, version)'
                ' VALUES (?, ?, ?, ?, ?) ON CONFLICT ("table", identifier) DO UPDATE SET'
                " last_seen = excluded.last_seen,"
                " version = COALESCE(excluded.version, records.version),"
                " sys_id = COALESCE(NULLIF(excluded.sys_id, ''), records.sys_id)",
                [(e.table, e.identifier, e.sys_id, self._run, e.version) for e in entries],
            )
            self._db.executemany(
                'DELETE FROM rejects WHERE "table" = ? AND identifier = ?',
                [(e.table, e.identifier) for e in entries],
            )
            self._db.executemany(
                'INSERT INTO rejects ("table", identifier, run, outcome, reason, cause, stream,'
                " payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        e.table, e.identifier, self._run, e.outcome, e.reason, e.cause, e.stream,
                        to_json(e.payload),
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
            " altered, status, attempts, reason, cause)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    run, at, e.table, e.identifier, e.sys_id, e.outcome, to_json(e.changes),
                    to_json(e.altered), e.status, e.attempts, e.reason, e.cause,
                )
                for e in entries
            ],
        )  # fmt: skip

    def _forget(self, entries: Iterable[Entry], run: int) -> None:
        """Remove the notes that a run made of rows it was sending."""
        self._db.executemany(
            'DELETE FROM sending WHERE "table" = ? AND identifier = ? AND run = ?',
            [(e.table, e.identifier, run) for e in entries],
        )

    def _count(self, entries: list[Entry]) -> None:
        """Count each row as often as it comes, but a retried one only by its last fate."""
        self._fates.update((entry.table, entry.outcome) for entry in entries)
        self._db.executemany(
            'INSERT INTO counts (run, "table", outcome, rows) VALUES (?, ?, ?, ?)'
            ' ON CONFLICT (run, "table", outcome) DO UPDATE SET rows = excluded.rows',
            [(self._run, *fate, rows) for fate, rows in self._fates.items()],
        )

    def drop_rejects(self, table: str, kept: Mapping[str, AbstractSet[str]]) -> None:
        """Forget rejects of entries that their records, read whole, no longer hold.

        Args:
            table: The rows' table.
            kept: The identifiers of the entries a record holds, by the prefix they share.
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

    def seen_and_unseen(
        self, table: str, version: int, companies: AbstractSet[str] = frozenset()
    ) -> tuple[Counter[str], list[str]]:
        """Return how many rows came under a version, by company, and which did not.

        Versions rise. A row may have come under a later one in a run whose state was lost, so that
        the tap goes on with the one before.

        Args:
            table: The rows' table.
            version: The version.
            companies: Companies that were read whole; those of which rows came need not be named.
        """
        rows = self._rows('SELECT identifier, version FROM records WHERE "table" = ?', table)
        seen = Counter(company(name) for name, last in rows if (last or 0) >= version)
        whole = companies | seen.keys()
        return seen, [n for n, last in rows if (last or 0) < version and company(n) in whole]

    def uncount(self, rejects: Iterable[Reject]) -> None:
        """Take back the counts of rows about to be retried in this run."""
        with self._lock:
            for reject in rejects:
                if reject.run == self._run:
                    self._fates[reject.table, reject.outcome] -= 1

    def counts(self) -> dict[str, dict[str, int]]:
        """Return the rows of this run by table and outcome."""
        counts: dict[str, dict[str, int]] = {}
        for (table, outcome), rows in self._fates.items():
            counts.setdefault(table, {})[outcome] = rows
        return counts

    def pending(self) -> list[Reject]:
        """Return the rows worth another try now: those held, and those earlier runs rejected."""
        rows = self._rows(
            'SELECT "table", identifier, run, outcome, cause FROM rejects'
            " WHERE outcome = 'held' OR run < ? ORDER BY run, identifier",
            self._run,
        )
        return [Reject(*row) for row in rows]

    def payloads(self, rejects: Iterable[Reject]) -> Iterator[dict[str, t.Any]]:
        """Yield the records of waiting rows, one after another; a row settled since has none."""
        for reject in rejects:
            rows = self._rows(
                'SELECT payload FROM rejects WHERE "table" = ? AND identifier = ?',
                reject.table,
                reject.identifier,
            )
            for (payload,) in rows:
                with file.reading():
                    record = from_json(payload)
                yield record

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


def company(identifier: str) -> str:
    """Return the source and the company, with which every identifier begins."""
    return ":".join(identifier.split(":")[:2])
