"""What records are called, and what changed in them, as lines."""

from __future__ import annotations

import typing as t

from target_servicenow.commands.printing import ARROW, value, wrapped
from target_servicenow.report import records, words

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from target_servicenow.ledger.reader import LedgerReader
    from target_servicenow.report.facts import Event, Record


class Names:
    """What people call the records of a ledger.

    Args:
        reader: The ledger.
        run: A run whose rows may not be among the records, as those of a plan.
    """

    def __init__(self, reader: LedgerReader, run: int = 0) -> None:
        """Learn what the tables hold."""
        self._reader = reader
        self._entities = records.entities(reader, run)
        self._references: dict[str, str] = {}

    def of(self, record: Record) -> str:
        """Return a record by its key and its name."""
        key = words.record(record.identifier, self._entities.get(record.table, ""))
        name = words.cut(record.name.strip(), 60)
        return f"{key}, {name}" if name else key

    def learn_references(self, told: Iterable[Record]) -> None:
        """Learn the names of the records that changed columns point at."""
        for sys_id, row in records.pointed_at(self._reader, told).items():
            self._references[sys_id] = self.of(records.life(self._reader, *row))

    def lines(self, event: Event, identifier: str, indent: int) -> list[str]:
        """Return what changed, without the column that holds the identifier.

        Columns that were blank are told together, as those of a created row.
        """
        columns = [change for change in event.changes if change[2] != identifier]
        blank = [f"{c}: {self._shown(new)}" for c, old, new in columns if not old.strip()]
        lines = wrapped("; ".join(blank), indent) if blank else []
        for column, old, new in columns:
            if old.strip():
                text = f"{column}: {self._shown(old)} {ARROW} {self._shown(new)}"
                lines += wrapped(text, indent)
        for column, stored, sent in event.altered:
            lines += wrapped(f"{column}: sent {value(sent)}, stored {value(stored)}", indent)
        return lines

    def _shown(self, text: str) -> str:
        return self._references.get(text) or value(text)
