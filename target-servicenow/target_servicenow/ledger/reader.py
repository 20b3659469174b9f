"""Reading the ledger, also while a run writes."""

from __future__ import annotations

import sqlite3
import typing as t

from target_servicenow.ledger import file, logs
from target_servicenow.ledger.entries import FROM_LEDGER, from_json
from target_servicenow.outcomes import Cause, Outcome

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class LedgerReader:
    """A read-only view of a ledger, of any format up to the current one."""

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            LedgerError: There is no ledger at `path`, or a newer one.
        """
        self._db = file.open_to_read(path)
        self._db.row_factory = sqlite3.Row

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def runs(self, limit: int) -> list[dict[str, t.Any]]:
        """Return the latest runs, newest first, each with its rows by table and outcome.

        ``log`` is what the tap's own log comes to, None where there is none.

        Raises:
            LedgerError: The file cannot be read, as in every method here.
        """
        found = self._rows("SELECT * FROM runs ORDER BY run DESC LIMIT ?", limit)
        none = dict.fromkeys((outcome.value for outcome in Outcome), 0)
        for run in found:
            run["outcomes"] = {}
            for count in self._rows("SELECT * FROM counts WHERE run = ?", run["run"]):
                table = run["outcomes"].setdefault(count["table"], {**none})
                table[count["outcome"]] = count["rows"]
            kept = self.log(run["run"])
            run["log"] = logs.summary(entry["record"] for entry in kept) if kept else None
        return found

    def log(self, run: int | None) -> list[dict[str, t.Any]]:
        """Return what the tap said of its own run, in order; for None that of the last such run."""
        found = self._rows(
            "SELECT * FROM logs WHERE run = COALESCE(?, (SELECT MAX(run) FROM logs))"
            " ORDER BY number",
            run,
        )
        with file.reading():
            return [{**entry, "record": from_json(entry["record"])} for entry in found]

    def find(self, key: str) -> list[dict[str, t.Any]]:
        """Return the records whose source identifier is `key`, or ends with it (`1200`)."""
        escaped = key.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
        return self._rows(
            "SELECT * FROM records WHERE identifier = ? OR identifier LIKE ? ESCAPE '\\'"
            " ORDER BY identifier",
            key,
            f"%:{escaped}",
        )

    def history(self, identifier: str) -> list[dict[str, t.Any]]:
        """Return what was done with one record, or planned (`mode`), oldest first."""
        found = self._rows(
            "SELECT outcomes.*, mode FROM outcomes JOIN runs USING (run) WHERE identifier = ?"
            " ORDER BY number",
            identifier,
        )
        with file.reading():
            for entry in found:
                entry["changes"] = from_json(entry["changes"])
                entry["altered"] = from_json(entry["altered"])
        return found

    def rejects(self) -> list[dict[str, t.Any]]:
        """Return the rows waiting for another try, without their payload."""
        return self._rows(
            'SELECT "table", identifier, run, outcome, cause, reason, stream FROM rejects'
            ' ORDER BY "table", identifier'
        )

    def messages(self) -> Iterator[dict[str, t.Any]]:
        """Yield Singer messages that bring the waiting rows back: each schema, then its records."""
        for schema in self._rows(
            "SELECT * FROM schemas WHERE stream IN (SELECT stream FROM rejects WHERE cause <> ?)"
            " ORDER BY stream",
            Cause.TOO_MANY_GONE,  # there is no record
        ):
            stream = schema["stream"]
            with file.reading():
                message = {
                    "type": "SCHEMA",
                    "stream": stream,
                    "schema": from_json(schema["schema"]),
                    "key_properties": from_json(schema["key_properties"]),
                }
            yield message
            for name in self._rows(
                'SELECT "table", identifier FROM rejects WHERE stream = ? AND cause <> ?'
                " ORDER BY identifier",
                stream,
                Cause.TOO_MANY_GONE,
            ):
                yield from self._record(stream, **name)

    def _record(self, stream: str, table: str, identifier: str) -> Iterator[dict[str, t.Any]]:
        """Yield the message that brings one waiting row back, if it still waits."""
        rows = self._rows(
            'SELECT payload FROM rejects WHERE "table" = ? AND identifier = ?', table, identifier
        )
        for row in rows:
            with file.reading():
                record = {**from_json(row["payload"]), FROM_LEDGER: True}
            yield {"type": "RECORD", "stream": stream, "record": record}

    def _rows(self, sql: str, *parameters: t.Any) -> list[dict[str, t.Any]]:
        with file.reading():
            return [dict(row) for row in self._db.execute(sql, parameters)]
