"""What upserting does to the rows of one table, told to the ledger and to the log."""

from __future__ import annotations

import logging
import time
import typing as t
from dataclasses import asdict

from target_servicenow.ledger.entries import Entry
from target_servicenow.upsert.plan import Decision, Outcome, was_written
from target_servicenow.upsert.writer import COMMIT_SECONDS

if t.TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    from target_servicenow.ledger.writer import LedgerWriter
    from target_servicenow.mapping.profile import Table
    from target_servicenow.upsert.writer import Settled

logger = logging.getLogger(__name__)

_KEPT = {Outcome.HELD, Outcome.REJECTED}
_CHANGED = {Outcome.CREATED, Outcome.ADOPTED, Outcome.UPDATED}


class LedgerRecorder:
    """The book of an `Upserter` for rows of one table."""

    def __init__(
        self,
        table: Table,
        ledger: LedgerWriter,
        version: int | None,
        *,
        altered: Counter[tuple[str, str]],
        announce: bool,
    ) -> None:
        """Prepare.

        Args:
            table: the rows' table.
            ledger: with its run started.
            version: the Singer version the rows came under, if any.
            altered: counts rows whose column was stored otherwise than sent.
            announce: log what is changed, row by row, old and new (mode plan).
        """
        self._table = table
        self._ledger = ledger
        self._version = version
        self._altered = altered
        self._announce = announce

    def decided(self, decisions: Sequence[Decision]) -> float:
        """Find out what became of rows that an earlier run was sending when it was cut off.

        Returns:
            Seconds to wait before looking again for those that may still be on their way.
        """
        sent = self._ledger.unfinished(self._table.name)
        known: list[Entry] = []
        wait = 0.0
        for decision in decisions if sent else ():
            name = decision.row.identifier
            if name not in sent or decision.outcome is Outcome.REJECTED:
                continue  # a row that is there twice says nothing
            run, at, outcome, changes = sent[name]
            entry = Entry(self._table.name, name, "")
            left = COMMIT_SECONDS - (time.time() - at.timestamp())
            if was_written(self._table, decision, outcome, changes):
                known.append(
                    entry._replace(
                        outcome=outcome,
                        sys_id=decision.sys_id,
                        changes=changes,
                        attempts=1,
                        reason=f"written in run {run}, whose end was not recorded",
                    )
                )
            elif left > 0:
                wait = max(wait, min(left, COMMIT_SECONDS))
            else:
                known.append(entry)
        if known:
            self._ledger.close_unfinished(known, sent)
        return wait

    def sending(self, decisions: Sequence[Decision]) -> None:
        """Note rows before they are sent."""
        self._ledger.sending(
            Entry(
                self._table.name,
                decision.row.identifier,
                (decision.outcome or Outcome.UNCHANGED).value,
                changes={name: asdict(change) for name, change in decision.changes.items()},
            )
            for decision in decisions
        )

    def settled(self, settled: Sequence[Settled]) -> None:
        """Record what has become of rows."""
        self._ledger.record([self._entry(one) for one in settled])
        for one in settled:
            self._altered.update((self._table.name, name) for name in one.altered)
            if self._announce and one.outcome in _CHANGED:
                logger.info("%s", self._announcement(one))
            if one.outcome in _KEPT:
                logger.warning(
                    "%s %s %s: %s",
                    self._table.name,
                    one.decision.row.identifier,
                    one.outcome.value,
                    one.reason,
                )

    def _announcement(self, settled: Settled) -> str:
        name = f"{self._table.name} {settled.decision.row.identifier}"
        if settled.outcome is Outcome.CREATED:
            return f"{name} would be created"
        changes = settled.decision.changes.items()
        told = ", ".join(f"{column} {change.old!r} -> {change.new!r}" for column, change in changes)
        return f"{name} would be {settled.outcome.value}: {told}"

    def _entry(self, settled: Settled) -> Entry:
        row = settled.decision.row
        changes = settled.decision.changes
        return Entry(
            table=self._table.name,
            identifier=row.identifier,
            outcome=settled.outcome.value,
            sys_id=settled.sys_id,
            changes={name: asdict(change) for name, change in changes.items()},
            altered={name: asdict(change) for name, change in settled.altered.items()},
            status=settled.status,
            attempts=settled.attempts,
            reason=settled.reason,
            stream=self._table.stream,
            payload=(row.payload or None) if settled.outcome in _KEPT else None,
            version=self._version,
        )
