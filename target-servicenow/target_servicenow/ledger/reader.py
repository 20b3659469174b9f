"""Reading a whole ledger, also while a run writes."""

from __future__ import annotations

import typing as t

from target_servicenow.ledger import file
from target_servicenow.ledger.altered import shown
from target_servicenow.ledger.entries import FROM_LEDGER, from_json, stamp
from target_servicenow.ledger.run_reader import CHANGED, RunReader
from target_servicenow.outcomes import Cause, Outcome

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

_HAS_RECORD = (
    f"outcome <> '{Outcome.DROPPED}' AND payload <> '{{}}' AND cause <> '{Cause.TOO_MANY_GONE}'"
)
"""Which rejects hold a record."""
_LISTED = f"outcome <> '{Outcome.DROPPED}'"
"""Which rejects wait."""


class LedgerReader(RunReader):
    """A read-only view of a ledger: its runs, its records and the rows that wait."""

    def find(self, key: str) -> list[dict[str, t.Any]]:
        """Return the records with a source identifier, the end of one (`1200`), or a sys_id.

        Each with the columns that ServiceNow stores (old) otherwise than sent (new) at present.
        """
        escaped = key.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
        found = self._rows(
            "SELECT records.*, COALESCE(columns, '{}') AS altered"
            ' FROM records LEFT JOIN altered USING ("table", identifier)'
            " WHERE identifier = ? OR identifier LIKE ? ESCAPE '\\' OR sys_id = ?"
            " ORDER BY identifier",
            key,
            f"%:{escaped}",
            key if len(key) > 1 else None,  # one of those without a sys_id
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
            'SELECT "table", identifier, run, since, outcome, cause, reason, stream, money'  # noqa: S608
            f' FROM rejects WHERE {_LISTED} ORDER BY "table", identifier'
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

    def waiting(self, cause: str, limit: int) -> list[dict[str, t.Any]]:
        """Return some rows that wait for a cause, those that wait for the shortest time first.

        Each with its payload, the Singer record.
        """
        found = self._rows(
            f"SELECT * FROM rejects WHERE {_LISTED} AND cause = ?"  # noqa: S608
            ' ORDER BY since DESC, "table", identifier LIMIT ?',
            cause,
            limit,
        )
        with file.reading():
            return [{**row, "payload": from_json(row["payload"])} for row in found]

    def waiting_money(self) -> Iterator[tuple[str, str]]:
        """Yield the cause and the money of every row that waits."""
        yield from self._stream(f"SELECT cause, money FROM rejects WHERE {_LISTED}")  # noqa: S608

    def mentions(self, pattern: str) -> Iterator[tuple[str, str, dict[str, t.Any], bool]]:
        """Yield what may have a value: table, identifier, and columns or a record that waits.

        Args:
            pattern: What SQL's LIKE finds in JSON, without case where it is ASCII.

        Yields:
            With False the columns that a run wrote, old and new; with True the Singer record.
        """
        for is_record, sql in (
            (False, f'SELECT "table", identifier, changes FROM outcomes WHERE {CHANGED}'),  # noqa: S608
            (True, f'SELECT "table", identifier, payload FROM rejects WHERE {_LISTED}'),  # noqa: S608
        ):
            column = "payload" if is_record else "changes"
            with file.reading():
                for table, identifier, text in self._db.execute(
                    f"{sql} AND {column} LIKE ?", (pattern,)
                ):
                    yield table, identifier, from_json(text), is_record

    def payload(self, table: str, identifier: str) -> dict[str, t.Any]:
        """Return the Singer record of a row that waits, {} where it has none."""
        rows = self._rows(
            'SELECT payload FROM rejects WHERE "table" = ? AND identifier = ?', table, identifier
        )
        with file.reading():
            return from_json(rows[0]["payload"]) if rows else {}

    def pointed_at(self, sys_ids: AbstractSet[str]) -> dict[str, tuple[str, str]]:
        """Return table and identifier of the rows with some sys_ids, by sys_id."""
        sql = 'SELECT sys_id, "table", identifier FROM records'
        found = self._stream(sql) if sys_ids else ()
        return {
            sys_id: (table, identifier) for sys_id, table, identifier in found if sys_id in sys_ids
        }

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


def matching(rows: Iterable[dict[str, t.Any]], key: str) -> list[dict[str, t.Any]]:
    """Return the rows whose source identifier is `key`, or else ends with it."""
    rows = list(rows)
    exact = [row for row in rows if row["identifier"] == key]
    return exact or [row for row in rows if row["identifier"].endswith(f":{key}")]
