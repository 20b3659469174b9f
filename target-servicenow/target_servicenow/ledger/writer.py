"""Writing the ledger. Its tables are described in ``schema.sql``."""

from __future__ import annotations

import typing as t
from collections import Counter

from target_servicenow.ledger import altered, file
from target_servicenow.ledger.amounts import Amounts, add_to_run
from target_servicenow.ledger.entries import Entry, Sent, from_json, now, parse_time, to_json
from target_servicenow.ledger.memory import UNSHOWN, Memory
from target_servicenow.ledger.waiting import WaitingRows, after_drop
from target_servicenow.outcomes import Outcome

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from target_servicenow.ledger.entries import Reject, Remembered

_SILENT = frozenset({Outcome.UNCHANGED, Outcome.DROPPED})
"""Outcomes that add nothing to the history when a row comes again."""


class LedgerWriter(WaitingRows):
    """One run's view of the ledger. Safe to use from several threads.

    Attributes:
        memory: What is known of rows from runs that wrote.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, created if it is not there.

        Raises:
            LedgerError: It cannot be opened or written, or is not a ledger of this version.
        """
        super().__init__(path)
        self._fates: Counter[tuple[str, str]] = Counter()  # by table and outcome
        self._amounts = Amounts()
        self._logged = 0
        self.memory = Memory(self._db)

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

    def altered(self, table: str, identifiers: Iterable[str]) -> dict[str, Remembered]:
        """Return what is remembered of some rows of a table, by identifier."""
        with file.reading():
            return altered.read(self._db, table, identifiers)

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
                    add_to_run(self._db, run, entry)
                self._forget([entry], run)

    def record(self, entries: Iterable[Entry]) -> None:
        """Keep the fate of some rows, in one transaction.

        A row that was held or rejected before and is settled now leaves the rejects.
        """
        entries = list(entries)
        with self._writing():
            before = self._before(entries)
            entries = [after_drop(entry, before) for entry in entries] if before else entries
            told = [e for e in entries if e.outcome not in _SILENT and not e.deferred]
            self._append(told, self._run)
            self._forget(entries, self._run)
            # A row that was only found somewhere may be a copy of the record's own.
            self._db.executemany(
                'INSERT INTO records ("table", identifier, sys_id, last_seen, version)'
                ' VALUES (?, ?, ?, ?, ?) ON CONFLICT ("table", identifier) DO UPDATE SET'
                " last_seen = excluded.last_seen,"
                " version = COALESCE(excluded.version, records.version),"
                " sys_id = CASE WHEN excluded.sys_id = '' OR (? = 'unchanged' AND records.sys_id"
                " NOT IN ('', ?)) THEN records.sys_id ELSE excluded.sys_id END",
                [
                    (e.table, e.identifier, e.sys_id, self._run, e.version, e.outcome, UNSHOWN)
                    for e in entries
                ],
            )
            self._list(entries, before)
            altered.keep(self._db, entries)
            self._count([e for e in entries if e.outcome != Outcome.DROPPED])

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
        self._amounts.add(entries)
        self._amounts.keep(self._db, self._run)

    def seen_and_unseen(
        self, table: str, version: int, companies: AbstractSet[str] = frozenset()
    ) -> tuple[Counter[str], list[str]]:
        """Return how many rows were received under a version, by company, and which did not.

        Versions rise. A row may have come under a later one in a run whose state was lost, so that
        the tap goes on with the one before.

        Args:
            table: The rows' table.
            version: The version.
            companies: Companies that were read whole; those that sent rows need not be named.
        """
        rows = self._rows('SELECT identifier, version FROM records WHERE "table" = ?', table)
        seen = Counter(company(name) for name, last in rows if (last or 0) >= version)
        whole = companies | seen.keys()
        return seen, [n for n, last in rows if (last or 0) < version and company(n) in whole]

    def begin_retry(self, rejects: Iterable[Reject]) -> None:
        """Take back the counts of rows about to be retried; what is recorded from now on is."""
        self._retrying = True
        with self._lock:
            for reject in rejects:
                if reject.run == self._run:
                    self._fates[reject.table, reject.outcome] -= 1
                    self._amounts.take_back(reject)

    def counts(self) -> dict[str, dict[str, int]]:
        """Return the rows of this run by table and outcome."""
        counts: dict[str, dict[str, int]] = {}
        for (table, outcome), rows in self._fates.items():
            counts.setdefault(table, {})[outcome] = rows
        return counts


def company(identifier: str) -> str:
    """Return the source and the company, with which every identifier begins."""
    return ":".join(identifier.split(":")[:2])
