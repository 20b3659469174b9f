"""The rows that wait in the ledger: held or rejected, and tried again until that ends."""

from __future__ import annotations

import typing as t

from target_servicenow.ledger import file
from target_servicenow.ledger.entries import Entry, Reject, from_json, now, to_json
from target_servicenow.ledger.run import LedgerRun
from target_servicenow.outcomes import WAITING, Outcome

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

KEYLESS = "(no key) "
"""Begins the name of a record without an identifier."""


class Waiting(t.NamedTuple):
    """A row as it waited before it was recorded again."""

    outcome: str
    since: int
    payload: str


_Before: t.TypeAlias = "Mapping[tuple[str, str], Waiting]"
"""What waited, by table and identifier."""


class WaitingRows(LedgerRun):
    """A run's view of the rows that wait."""

    _retrying = False  # whether what is recorded has waited before

    def pending(self) -> list[Reject]:
        """Return the rows worth another try now: those held, and those earlier runs rejected."""
        rows = self._rows(
            "SELECT \"table\", identifier, run, outcome, cause, payload <> '{}' FROM rejects"
            " WHERE outcome <> 'dropped' AND (outcome = 'held' OR run < ?)"
            " ORDER BY run, identifier",
            self._run,
        )
        return [Reject(*row) for row in rows]

    def new_rejects(self) -> int:
        """Return how many rows this run has rejected that no earlier run finished with."""
        [(count,)] = self._rows(
            "SELECT COUNT(*) FROM rejects WHERE outcome = 'rejected' AND since = ?", self._run
        )
        return int(count)

    def payloads(self, rejects: Iterable[Reject]) -> Iterator[dict[str, t.Any]]:
        """Yield the records of waiting rows, one after another; a row settled since has none."""
        for reject in rejects:
            record = self.payload(reject.table, reject.identifier)
            if record is not None:
                yield record

    def payload(self, table: str, identifier: str) -> dict[str, t.Any] | None:
        """Return the record of a row, None when the row does not wait."""
        rows = self._rows(
            'SELECT payload FROM rejects WHERE "table" = ? AND identifier = ?', table, identifier
        )
        with file.reading():
            return from_json(rows[0][0]) if rows else None

    def knows(self, table: str, identifier: str) -> bool:
        """Tell whether a row was ever seen."""
        found = self._rows(
            'SELECT 1 FROM records WHERE "table" = ? AND identifier = ?', table, identifier
        )
        return bool(found)

    def key_properties(self, stream: str) -> list[str]:
        """Return the key properties of a stream, as its last SCHEMA names them."""
        rows = self._rows("SELECT key_properties FROM schemas WHERE stream = ?", stream)
        with file.reading():
            return [name for (text,) in rows for name in from_json(text)]

    def waits(self, table: str) -> bool:
        """Tell whether any row of a table waits."""
        return bool(self._rows('SELECT 1 FROM rejects WHERE "table" = ? LIMIT 1', table))

    def waiting_below(self, table: str, prefix: str) -> list[str]:
        """Return the identifiers of waiting rows that begin with a prefix, up to a colon."""
        return self._below("rejects", table, prefix)

    def known_below(self, table: str, prefix: str) -> list[str]:
        """Return the identifiers ever seen that begin with a prefix, up to a colon."""
        return self._below("records", table, prefix)

    def _below(self, source: str, table: str, prefix: str) -> list[str]:
        rows = self._rows(
            f'SELECT identifier FROM {source} WHERE "table" = ? AND identifier >= ?'  # noqa: S608
            " AND identifier < ?",
            table,
            prefix,
            f"{prefix[:-1]};",  # the character after the colon
        )
        return [identifier for (identifier,) in rows]

    def keyless(self, table: str) -> dict[str, dict[str, t.Any]]:
        """Return the waiting records of a table that have no identifier, by their name."""
        rows = self._rows(
            'SELECT identifier, payload FROM rejects WHERE "table" = ? AND identifier >= ?'
            " AND identifier < ?",
            table,
            KEYLESS,
            f"{KEYLESS[:-1]}!",  # the character after the blank
        )
        with file.reading():
            return {identifier: from_json(payload) for identifier, payload in rows}

    def not_in_sweep(self, table: str, version: int) -> list[Reject]:
        """Return the waiting rows that neither came under a version nor in this run at all."""
        rows = self._rows(
            "SELECT \"table\", identifier, rejects.run, outcome, cause, payload <> '{}'"
            ' FROM rejects JOIN records USING ("table", identifier)'
            ' WHERE "table" = ? AND rejects.run < ? AND (version IS NULL OR version < ?)',
            table,
            self._run,
            version,
        )
        return [Reject(*row) for row in rows]

    def end(self, table: str, identifiers: Iterable[str], cause: str, reason: str) -> int:
        """End the wait of those rows that wait, and say why in their history; return how many."""
        waiting = [
            name
            for name in identifiers
            if self._rows('SELECT 1 FROM rejects WHERE "table" = ? AND identifier = ?', table, name)
        ]
        if waiting:
            with self._writing():
                self._db.executemany(
                    'DELETE FROM rejects WHERE "table" = ? AND identifier = ?',
                    [(table, name) for name in waiting],
                )
                self._append(
                    [
                        Entry(table, name, Outcome.DROPPED, cause=cause, reason=reason)
                        for name in waiting
                    ],
                    self._run,
                )
        return len(waiting)

    # Within a transaction

    def _append(self, entries: Iterable[Entry], run: int) -> None:
        """Add to the history."""
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

    def _before(self, entries: Iterable[Entry]) -> _Before:
        """Return how the rows that wait now waited before."""
        found = {}
        for entry in entries:
            if entry.payload is not None:
                key = (entry.table, entry.identifier)
                for row in self._db.execute(
                    "SELECT outcome, since, payload FROM rejects"
                    ' WHERE "table" = ? AND identifier = ?',
                    key,
                ):
                    found[key] = Waiting(*row)
        return found

    def _list(self, entries: Iterable[Entry], before: _Before) -> None:
        """List the rows that wait, and those no longer that do not."""
        fates = [entry for entry in entries if entry.outcome != Outcome.DROPPED]
        self._db.executemany(
            'DELETE FROM rejects WHERE "table" = ? AND identifier = ?',
            [(e.table, e.identifier) for e in fates],
        )
        self._db.executemany(
            'INSERT INTO rejects ("table", identifier, run, outcome, reason, cause, stream,'
            " payload, since) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    e.table, e.identifier, self._run, e.outcome, e.reason, e.cause, e.stream,
                    to_json(e.payload), self._since(e, before.get((e.table, e.identifier))),
                )
                for e in fates
                if e.payload is not None
            ],
        )  # fmt: skip

    def _since(self, entry: Entry, before: Waiting | None) -> int:
        """Return the run since which a row waits with its outcome.

        One that only runs that did not finish have met is new when it comes again.
        """
        if before is None or before.outcome != entry.outcome:
            return self._run
        if self._retrying or before.since <= self._finished:
            return before.since
        return self._run


def after_drop(entry: Entry, before: _Before) -> Entry:
    """Return the fate of a row, which stays dropped while it would wait with the same record."""
    row = before.get((entry.table, entry.identifier))
    if (
        row is not None
        and row.outcome == Outcome.DROPPED
        and entry.outcome in WAITING
        and row.payload == to_json(entry.payload)
    ):
        return entry._replace(outcome=Outcome.DROPPED)
    return entry
