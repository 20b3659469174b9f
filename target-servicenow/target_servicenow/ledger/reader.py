"""Reading the ledger, also while a run writes it."""

from __future__ import annotations

import sqlite3
import typing as t

import simplejson

from target_servicenow.ledger import file
from target_servicenow.ledger.writer import FROM_LEDGER

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OUTCOMES = ("created", "adopted", "updated", "unchanged", "held", "rejected")
"""The fates of a row, in the order they are shown."""


class LedgerReader:
    """A read-only view of a ledger."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            LedgerError: there is no ledger at `path`.
        """
        self._db = file.to_read(path)
        self._db.row_factory = sqlite3.Row

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def runs(self, limit: int) -> list[dict[str, t.Any]]:
        """The latest runs, newest first, each with its rows by table and outcome."""
        found = self._rows("SELECT * FROM runs ORDER BY run DESC LIMIT ?", limit)
        for run in found:
            run["outcomes"] = {}
            for count in self._rows("SELECT * FROM counts WHERE run = ?", run["run"]):
                table = run["outcomes"].setdefault(count["table"], dict.fromkeys(OUTCOMES, 0))
                table[count["outcome"]] = count["rows"]
        return found

    def find(self, key: str) -> list[dict[str, t.Any]]:
        """The records whose source identifier is `key`, or ends with it (a vendor's number)."""
        escaped = key.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
        return self._rows(
            "SELECT * FROM records WHERE identifier = ? OR identifier LIKE ? ESCAPE '\\'"
            " ORDER BY identifier",
            key,
            f"%:{escaped}",
        )

    def history(self, identifier: str) -> list[dict[str, t.Any]]:
        """What was done with one record, or planned (`mode`), oldest first."""
        found = self._rows(
            "SELECT outcomes.*, mode FROM outcomes JOIN runs USING (run) WHERE identifier = ?"
            " ORDER BY number",
            identifier,
        )
        for entry in found:
            entry["changes"] = simplejson.loads(entry["changes"])
            entry["altered"] = simplejson.loads(entry["altered"])
        return found

    def rejects(self) -> list[dict[str, t.Any]]:
        """The rows that wait for another try, with the reason, without their payload."""
        return self._rows(
            'SELECT "table", identifier, run, outcome, reason, stream FROM rejects'
            ' ORDER BY "table", identifier'
        )

    def messages(self) -> Iterator[dict[str, t.Any]]:
        """Singer messages that bring what waits back through the pipe: schemas, then records."""
        for schema in self._rows(
            "SELECT * FROM schemas WHERE stream IN (SELECT stream FROM rejects) ORDER BY stream"
        ):
            stream = schema["stream"]
            yield {
                "type": "SCHEMA",
                "stream": stream,
                "schema": simplejson.loads(schema["schema"], use_decimal=True),
                "key_properties": simplejson.loads(schema["key_properties"]),
            }
            for reject in self._rows(
                "SELECT payload FROM rejects WHERE stream = ? ORDER BY identifier", stream
            ):
                yield {
                    "type": "RECORD",
                    "stream": stream,
                    "record": {
                        **simplejson.loads(reject["payload"], use_decimal=True),
                        FROM_LEDGER: True,
                    },
                }

    def _rows(self, sql: str, *parameters: t.Any) -> list[dict[str, t.Any]]:
        return [dict(row) for row in self._db.execute(sql, parameters)]
