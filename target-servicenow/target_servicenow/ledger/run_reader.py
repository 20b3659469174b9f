"""Reading the runs of a ledger, and what each did; also while a run writes."""

from __future__ import annotations

import sqlite3
import typing as t

from target_servicenow.ledger import file, logs
from target_servicenow.ledger.entries import from_json
from target_servicenow.ledger.waiting import KEYLESS
from target_servicenow.outcomes import COUNTED, WRITTEN, Outcome

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_WRITTEN = ", ".join(f"'{outcome}'" for outcome in sorted(WRITTEN))
CHANGED: t.Final = f"outcome IN ({_WRITTEN})"
"""Which outcomes changed a row, in SQL."""
ALL: t.Final = 2**63 - 1
"""As a limit: every row."""


class RunReader:
    """A read-only view of the runs of a ledger, of any format up to the current one."""

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

    def stand_still(self) -> None:
        """See the ledger as it is now from here on, whatever a run writes meanwhile."""
        with file.reading():
            self._db.execute("BEGIN")

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

    def run(self, number: int) -> dict[str, t.Any] | None:
        """Return a run, as its row has it; None when there is none with this number."""
        return next(iter(self._rows("SELECT * FROM runs WHERE run = ?", number)), None)

    def writing_runs(self, since: str | None) -> list[dict[str, t.Any]]:
        """Return the runs, no plans, that were at work at a time or later, newest first.

        Args:
            since: The time, as the ledger writes it; None for the last run alone.
        """
        if since is None:
            return self._rows("SELECT * FROM runs WHERE mode <> 'plan' ORDER BY run DESC LIMIT 1")
        return self._rows(
            "SELECT * FROM runs WHERE mode <> 'plan' AND COALESCE(finished, started) >= ?"
            " ORDER BY run DESC",
            since,
        )

    def log(self, run: int | None) -> list[dict[str, t.Any]]:
        """Return what the tap said of its own run, in order; for None that of the last such run."""
        found = self._rows(
            "SELECT * FROM logs WHERE run = COALESCE(?, (SELECT MAX(run) FROM logs))"
            " ORDER BY number",
            run,
        )
        with file.reading():
            return [{**entry, "record": from_json(entry["record"])} for entry in found]

    def amounts(self, run: int) -> list[dict[str, t.Any]]:
        """Return the money that a run moved, by table, currency and outcome."""
        return self._rows(
            'SELECT * FROM amounts WHERE run = ? AND rows <> 0 ORDER BY "table", currency', run
        )

    def changes(self, run: int, limit: int) -> list[dict[str, t.Any]]:
        """Return some rows that a run changed, those that it created last."""
        found = self._rows(
            f"SELECT * FROM outcomes WHERE run = ? AND {CHANGED}"  # noqa: S608
            f" ORDER BY outcome = '{Outcome.CREATED}', number LIMIT ?",
            run,
            limit,
        )
        with file.reading():
            return [
                {
                    **row,
                    "changes": from_json(row["changes"]),
                    "altered": from_json(row["altered"]),
                }
                for row in found
            ]

    def changed(self, run: int) -> int:
        """Return how many changes of rows by a run there are."""
        sql = f"SELECT COUNT(*) AS rows FROM outcomes WHERE run = ? AND {CHANGED}"  # noqa: S608
        [row] = self._rows(sql, run)
        return int(row["rows"])

    def causes(self, run: int) -> list[tuple[str, int]]:
        """Return how many rows of a run had a cause, the most frequent first."""
        found = self._rows(
            'SELECT cause, COUNT(*) AS rows FROM (SELECT DISTINCT cause, "table", identifier'
            " FROM outcomes WHERE run = ? AND cause <> '') AS causes"
            " GROUP BY cause ORDER BY rows DESC, cause",
            run,
        )
        return [(row["cause"], row["rows"]) for row in found]

    def identifiers(self, run: int) -> dict[str, tuple[str, str]]:
        """Return the first and the last identifier of each table, by all that is known of it.

        Args:
            run: A run whose rows may not be among the records, as those of a plan.
        """
        ends = '"table", MIN(identifier) AS first, MAX(identifier) AS last'
        keyed = f"identifier NOT LIKE '{KEYLESS}%'"
        found = self._rows(
            'SELECT "table", MIN(first) AS first, MAX(last) AS last FROM'  # noqa: S608
            f' (SELECT {ends} FROM records WHERE {keyed} GROUP BY "table" UNION ALL'
            f' SELECT {ends} FROM outcomes WHERE run = ? AND {keyed} GROUP BY "table") AS both'
            ' GROUP BY "table"',
            run,
        )
        return {row["table"]: (row["first"], row["last"]) for row in found}

    def waiting_in_plan(self, run: int) -> Iterator[dict[str, t.Any]]:
        """Yield the rows that would wait after a plan: it leaves no other trace of them."""
        with file.reading():
            for row in self._db.execute(
                "SELECT * FROM outcomes AS found WHERE run = ? AND outcome IN ('held', 'rejected')"
                ' AND NOT EXISTS (SELECT 1 FROM outcomes AS later WHERE later."table" ='
                ' found."table" AND later.identifier = found.identifier AND later.run = found.run'
                " AND later.number > found.number) ORDER BY number",
                (run,),
            ):
                yield dict(row)

    def _stream(self, sql: str) -> Iterator[tuple[t.Any, ...]]:
        """Yield rows one by one: there may be millions."""
        with file.reading():
            yield from map(tuple, self._db.execute(sql))

    def _rows(self, sql: str, *parameters: t.Any) -> list[dict[str, t.Any]]:
        with file.reading():
            return [dict(row) for row in self._db.execute(sql, parameters)]
