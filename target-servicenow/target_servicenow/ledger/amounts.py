"""The money that the rows of a run stand for, summed by table, currency and outcome."""

from __future__ import annotations

import typing as t
from decimal import Decimal

from target_servicenow import money
from target_servicenow.money import Money

if t.TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from target_servicenow.ledger.entries import Entry, Reject

_KEEP = (
    'INSERT INTO amounts (run, "table", currency, outcome, rows, amount) VALUES (?, ?, ?, ?, ?, ?)'
    ' ON CONFLICT (run, "table", currency, outcome)'
    " DO UPDATE SET rows = excluded.rows, amount = excluded.amount"
)
_NOTHING = (0, Decimal(0))


class Amounts:
    """The sums of one run."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._sums: dict[tuple[str, str, str], tuple[int, Decimal]] = {}

    def add(self, entries: Iterable[Entry]) -> None:
        """Add what some rows stand for."""
        for entry in entries:
            if entry.money is not None:
                key = (entry.table, entry.money.currency, entry.outcome)
                rows, total = self._sums.get(key, _NOTHING)
                self._sums[key] = (rows + 1, money.add(total, entry.money.amount))

    def take_back(self, reject: Reject) -> None:
        """Take back what a row stands for that is about to be tried again."""
        given = Money.parse(reject.money)
        if given is not None:
            key = (reject.table, given.currency, reject.outcome)
            rows, total = self._sums.get(key, _NOTHING)
            self._sums[key] = (rows - 1, money.subtract(total, given.amount))

    def keep(self, db: sqlite3.Connection, run: int) -> None:
        """Write the sums of the run, within a transaction."""
        db.executemany(
            _KEEP,
            [(run, *key, rows, f"{total:f}") for key, (rows, total) in self._sums.items()],
        )


def add_to_run(db: sqlite3.Connection, run: int, entry: Entry) -> None:
    """Add what a row stands for to an earlier run, within a transaction."""
    if entry.money is None:
        return
    key = (run, entry.table, entry.money.currency, entry.outcome)
    kept = db.execute(
        'SELECT rows, amount FROM amounts WHERE run = ? AND "table" = ? AND currency = ?'
        " AND outcome = ?",
        key,
    ).fetchone()
    rows, total = (kept[0], Decimal(kept[1])) if kept else _NOTHING
    db.execute(_KEEP, (*key, rows + 1, f"{money.add(total, entry.money.amount):f}"))
