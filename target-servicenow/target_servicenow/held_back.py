"""Rows that are gone from Sage 300, but too many at once: held back until a person confirms them.

They are listed in the ledger, with how many of how many they were. Raising max_inactive_percent
lets them go in the next run.
"""

from __future__ import annotations

import logging
import typing as t

from target_servicenow.ledger.entries import Entry
from target_servicenow.outcomes import Cause, Outcome
from target_servicenow.upsert.gone import gone, objection

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from target_servicenow.ledger.writer import LedgerWriter
    from target_servicenow.mapping.profile import Table
    from target_servicenow.mapping.render import Row
    from target_servicenow.upsert.upserter import Upserter

logger = logging.getLogger(__name__)


class HeldBack:
    """Holds rows back, and lets them go."""

    def __init__(self, ledger: LedgerWriter, upserter: Upserter, max_percent: int) -> None:
        """Prepare, with the setting max_inactive_percent."""
        self._ledger = ledger
        self._upserter = upserter
        self._max_percent = max_percent

    def holds(self, table: Table, leaving: Sequence[Row], total: int, where: str) -> bool:
        """Tell whether rows may not go at once; if so, list them.

        Args:
            table: Their table.
            leaving: The rows, all of one company or one record.
            total: How many it has, these included.
            where: Where they were expected, such as ``were not in the complete read``.
        """
        reason = objection(len(leaving), total, where, max_percent=self._max_percent)
        if reason:
            logger.warning("%s: %s", table.name, reason)
            facts = {"leaving": len(leaving), "total": total, "where": where}
            self._ledger.record(
                Entry(
                    table.name,
                    row.identifier,
                    Outcome.HELD,
                    cause=Cause.TOO_MANY_GONE,
                    reason=reason,
                    stream=table.stream,
                    payload=facts,
                )
                for row in leaving
            )
        return bool(reason)

    def released(self, tables: Sequence[Table]) -> Iterator[tuple[Table, list[Row]]]:
        """Yield the rows that may go now, or have gone by another hand."""
        waiting = [r for r in self._ledger.pending() if r.cause == Cause.TOO_MANY_GONE]
        for table in tables:
            listed = {
                reject.identifier: facts
                for reject in waiting
                if reject.table == table.name
                for facts in self._ledger.payloads([reject])
            }
            rows = gone(table, listed)
            remembered = self._ledger.altered(table.name, listed)
            differing = self._upserter.differing(table, rows, remembered) if rows else ()
            due = {row.identifier for row in differing}
            free = [
                row
                for row in rows
                if row.identifier not in due
                or not objection(**listed[row.identifier], max_percent=self._max_percent)
            ]
            if free:
                yield table, free
