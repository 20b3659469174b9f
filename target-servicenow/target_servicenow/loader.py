"""From the records of a stream to settled rows in the ledger."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from target_servicenow.api.errors import StopRun
from target_servicenow.ledger.store import Entry
from target_servicenow.mapping.render import Row, render_record
from target_servicenow.upsert.plan import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from target_servicenow.ledger.store import Ledger
    from target_servicenow.mapping.profile import Profile, Table
    from target_servicenow.mapping.render import Unrendered
    from target_servicenow.upsert.apply import Upserter
    from target_servicenow.upsert.write import Settled

logger = logging.getLogger(__name__)

_KEPT = {Outcome.HELD, Outcome.REJECTED}


class Loader:
    """Renders, upserts and records."""

    def __init__(
        self, profile: Profile, upserter: Upserter, ledger: Ledger, *, max_rejects: int | None
    ) -> None:
        """Prepare.

        Args:
            profile: the mapping.
            upserter: brings rows into ServiceNow.
            ledger: with its run started.
            max_rejects: more rejected rows than this stop the run; None for any number.
        """
        self._profile = profile
        self._upserter = upserter
        self._ledger = ledger
        self._max_rejects = max_rejects
        self.swallowed: Counter[tuple[str, str]] = Counter()
        """Rows whose column ServiceNow stored otherwise than sent, by table and column."""

    def load(self, tables: Sequence[Table], records: Iterable[Mapping[str, Any]]) -> None:
        """Settle the rows that the records of one stream want in its tables.

        Raises:
            StopRun: the run cannot go on, or too many rows were rejected.
        """
        records = list(records)
        for table in tables:
            self._load(
                table, (row for r in records for row in render_record(self._profile, table, r))
            )

    def retry(self, tables: Iterable[Table]) -> None:
        """Try again what was held in this run, and what earlier runs held or rejected."""
        waiting = self._ledger.pending()
        by_name = {table.name: table for table in tables}
        again = [reject for reject in waiting if reject.table in by_name]
        if not again:
            return
        logger.info("Trying %d held or rejected rows again", len(again))
        self._ledger.uncount(again)
        for name, table in by_name.items():
            payloads = [reject.payload for reject in again if reject.table == name]
            self._load(
                table, (row for p in payloads for row in render_record(self._profile, table, p))
            )

    def _load(self, table: Table, rendered: Iterable[Row | Unrendered]) -> None:
        rows: list[Row] = []
        unfit: list[Entry] = []
        for row in {row.identifier: row for row in rendered}.values():  # the last version counts
            if isinstance(row, Row):
                rows.append(row)
            else:
                logger.warning("%s %s rejected: %s", table.name, row.identifier, row.reason)
                unfit.append(
                    Entry(
                        table.name,
                        row.identifier,
                        Outcome.REJECTED.value,
                        reason=row.reason,
                        stream=table.stream,
                        payload=row.payload,
                    )
                )
        if unfit:
            self._ledger.record(unfit)

        def settle(settled: list[Settled]) -> None:
            self._ledger.record([_entry(table, one) for one in settled])
            for one in settled:
                self.swallowed.update((table.name, name) for name in one.swallowed)
                if one.outcome in _KEPT:
                    logger.warning(
                        "%s %s %s: %s",
                        table.name,
                        one.decision.row.identifier,
                        one.outcome.value,
                        one.reason,
                    )

        if rows:
            self._upserter.upsert(table, rows, settle)
        self._guard()

    def _guard(self) -> None:
        rejected = sum(fates.get("rejected", 0) for fates in self._ledger.counts().values())
        if self._max_rejects is not None and rejected > self._max_rejects:
            raise StopRun(
                f"{rejected} rows were rejected, more than max_rejects ({self._max_rejects}): "
                "their reasons are in the ledger; mend them or raise max_rejects, and run again"
            )


def _entry(table: Table, settled: Settled) -> Entry:
    row = settled.decision.row
    changes = settled.decision.changes
    return Entry(
        table=table.name,
        identifier=row.identifier,
        outcome=settled.outcome.value,
        sys_id=settled.sys_id,
        changes={name: asdict(change) for name, change in changes.items()},
        swallowed={name: asdict(change) for name, change in settled.swallowed.items()},
        status=settled.status,
        attempts=settled.attempts,
        reason=settled.reason,
        stream=table.stream,
        payload=row.payload if settled.outcome in _KEPT else None,
    )
