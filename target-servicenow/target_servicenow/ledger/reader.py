"""Reading the ledger, also while a run writes."""

from __future__ import annotations

import sqlite3
import typing as t

from target_servicenow.ledger import file, logs
from target_servicenow.ledger.altered import shown
from target_servicenow.ledger.entries import FROM_LEDGER, from_json, stamp
from target_servicenow.outcomes import COUNTED, Cause, Outcome

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

_HAS_RECORD = (
    f"outcome <> '{Outcome.DROPPED}' AND payload <> '{{}}' AND cause <> '{Cause.TOO_MANY_GONE}'"
)
"""Which rejects hold a record."""


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
        none = dict.fromkeys((outcome.value for outcome in COUNTED), 0)
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
        """Return the records whose source identifier is `key`, or ends with it (`1200`).

        Each with the columns that ServiceNow stores (old) otherwise than sent (new) at present.
        """
        escaped = key.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
        found = self._rows(
            "SELECT records.*, COALESCE(columns, '{}') AS altered"
            ' FROM records LEFT JOIN altered USING ("table", identifier)'
            " WHERE identifier = ? OR identifier LIKE ? ESCAPE '\\'"
            " ORDER BY identifier",
            key,
            f"%:{escaped}",
        )
        with file.reading():
            return [{**record, "altered": shown(record["altered"])} for record in found]

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

    def rejects(self, keys: Sequence[str] = (), cause: str | None = None) -> list[dict[str, t.Any]]:
        """Return the rows waiting for another try, without their payload.

        Args:
            keys: Source identifiers, or the ends of some (`1200`); none for all rows.
            cause: Only rows with this cause.
        """
        found = self._rows(
            'SELECT "table", identifier, run, since, outcome, cause, reason, stream FROM rejects'
            " WHERE outcome <> 'dropped' ORDER BY \"table\", identifier"
        )
        named = [row for row in found if not keys or any(matching([row], key) for key in keys)]
        return [row for row in named if cause in {None, row["cause"]}]

    def altered(self) -> list[dict[str, t.Any]]:
        """Return the rows that ServiceNow stores otherwise than sent at present."""
        found = self._rows(
            'SELECT "table", identifier, columns FROM altered ORDER BY "table", identifier'
        )
        with file.reading():
            rows = [{**row, "columns": shown(row["columns"])} for row in found]
        return [row for row in rows if row["columns"]]

    def messages(self) -> Iterator[dict[str, t.Any]]:
        """Yield Singer messages that bring the waiting rows back: each schema, then its records."""
        for schema in self._rows(
            "SELECT * FROM schemas WHERE stream IN (SELECT stream FROM rejects WHERE"  # noqa: S608
            f" {_HAS_RECORD}) ORDER BY stream"
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
                'SELECT "table", identifier FROM rejects'  # noqa: S608
                f" WHERE stream = ? AND {_HAS_RECORD} ORDER BY identifier",
                stream,
            ):
                yield from self._record(stream, **name)

    def _record(self, stream: str, table: str, identifier: str) -> Iterator[dict[str, t.Any]]:
        """Yield the message that brings one waiting row back, if it still waits."""
        rows = self._rows(
            'SELECT payload FROM rejects WHERE "table" = ? AND identifier = ?', table, identifier
        )
        for row in rows:
            with file.reading():
                payload = from_json(row["payload"])
            record = {**payload, FROM_LEDGER: stamp(table, identifier, payload)}
            yield {"type": "RECORD", "stream": stream, "record": record}

    def _rows(self, sql: str, *parameters: t.Any) -> list[dict[str, t.Any]]:
        with file.reading():
            return [dict(row) for row in self._db.execute(sql, parameters)]


def matching(rows: Iterable[dict[str, t.Any]], key: str) -> list[dict[str, t.Any]]:
    """Return the rows whose source identifier is `key`, or else ends with it."""
    rows = list(rows)
    exact = [row for row in rows if row["identifier"] == key]
    return exact or [row for row in rows if row["identifier"].endswith(f":{key}")]
