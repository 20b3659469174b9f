"""Recording what becomes of the rows of one table, in the ledger and in the log."""

from __future__ import annotations

import logging
import time
import typing as t

from typing_extensions import override

from target_servicenow.ledger.entries import Entry
from target_servicenow.ledger.memory import UNSHOWN
from target_servicenow.mapping.types import same
from target_servicenow.outcomes import WAITING, WRITTEN, Cause, Outcome
from target_servicenow.upsert.altered import of_unchanged
from target_servicenow.upsert.notes import Recorder
from target_servicenow.upsert.plan import Change, Decision, was_written

if t.TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from target_servicenow.ledger.entries import Remembered
    from target_servicenow.ledger.writer import LedgerWriter
    from target_servicenow.mapping.profile import Table
    from target_servicenow.mapping.render import Row
    from target_servicenow.money import Money
    from target_servicenow.upsert.settled import Settled

logger = logging.getLogger(__name__)


class LedgerRecorder(Recorder):
    """Records the rows of one table in the ledger."""

    def __init__(
        self,
        table: Table,
        ledger: LedgerWriter,
        version: int | None,
        *,
        altered: Counter[tuple[str, str]],
        left_altered: Counter[tuple[str, str]],
        unseen: Counter[tuple[str, str]],
        announce: bool,
    ) -> None:
        """Prepare.

        Args:
            table: The table of the rows.
            ledger: The ledger, its run started.
            version: The Singer version the rows were received under, if any.
            altered: Counts rows whose column was stored differently from what was sent.
            left_altered: Counts rows whose column still is, so that it was not sent again.
            unseen: Counts rows in which ServiceNow did not show a column.
            announce: Log every change, row by row, old and new (mode plan).
        """
        self._table = table
        self._ledger = ledger
        self._version = version
        self._altered = altered
        self._left_altered = left_altered
        self._unseen = unseen
        self._announce = announce

    @override
    def known(self, table: str, identifiers: Iterable[str]) -> dict[str, str]:
        """Return those of `identifiers` that have been in a table, with the sys_id of their row."""
        return self._ledger.memory.known(table, identifiers)

    @override
    def owned(self, sys_ids: Iterable[str]) -> AbstractSet[str]:
        """Return those of `sys_ids` that are known as the rows of records."""
        return self._ledger.memory.owned(self._table.name, sys_ids)

    @override
    def decided(self, decisions: Sequence[Decision], commit_seconds: float) -> float:
        """Find out what became of rows that an earlier run was sending when it was cut off.

        Args:
            decisions: What is to be done about them.
            commit_seconds: After this long a call that was cut off is no longer running.

        Returns:
            Seconds to wait before looking again for those that may still be under way.
        """
        self._end_unwanted(decisions)
        sent = self._ledger.unfinished(self._table.name)
        known: list[Entry] = []
        wait = 0.0
        for decision in decisions if sent else ():
            name = decision.row.identifier
            if name not in sent or decision.outcome in WAITING:
                continue  # a row that exists twice, or cannot be seen, proves nothing
            run, at, outcome, changes = sent[name]
            entry = Entry(self._table.name, name, "", money=self._money(decision.row))
            left = commit_seconds - (time.time() - at.timestamp())
            if was_written(self._table, decision, outcome, changes):
                known.append(
                    entry._replace(
                        outcome=outcome,
                        sys_id=decision.sys_id,
                        changes=changes,
                        altered=_altered(self._table, decision, changes),
                        attempts=1,
                        cause=Cause.LOST_ANSWER,
                        reason=f"written in run {run}, which ended before it recorded the answer",
                    )
                )
            elif left > 0:
                wait = max(wait, min(left, commit_seconds))
            else:
                known.append(entry)
        if known:
            self._ledger.close_unfinished(known, sent)
        return wait

    def _end_unwanted(self, decisions: Sequence[Decision]) -> None:
        """Let rows wait no more that are neither in ServiceNow nor to be created there."""
        unwanted = [d.row.identifier for d in decisions if d.outcome is None]
        if unwanted:
            self._ledger.end(
                self._table.name,
                unwanted,
                Cause.NOT_WANTED,
                "there is no such row in ServiceNow, and by its record none is to be created",
            )

    @override
    def remembered(self, identifiers: Sequence[str]) -> Mapping[str, Remembered]:
        """Return what is remembered of rows that ServiceNow stores otherwise than sent."""
        return self._ledger.altered(self._table.name, identifiers)

    @override
    def sending(self, decisions: Sequence[Decision]) -> None:
        """Note rows before they are sent."""
        self._ledger.sending(
            Entry(
                self._table.name,
                decision.row.identifier,
                decision.outcome or Outcome.UNCHANGED,
                changes=decision.changes,
            )
            for decision in decisions
        )

    @override
    def unsent(self, decisions: Sequence[Decision]) -> None:
        """Take notes back: nothing was done about these rows."""
        self._ledger.unsent(self._table.name, [row.row.identifier for row in decisions])

    @override
    def settled(self, settled: Sequence[Settled]) -> None:
        """Record the fate of rows."""
        self._ledger.record([self._entry(fate) for fate in settled])
        for fate in settled:
            learned = fate.decision.learned
            left = [name for name in fate.decision.altered if name not in learned]
            for counter, columns in (
                (self._altered, (*fate.altered, *learned)),
                (self._left_altered, left),
                (self._unseen, fate.decision.unseen),
            ):
                for name in columns:
                    counter[self._table.name, name] += 1
            deferred = fate.decision.deferred
            if self._announce and fate.outcome in WRITTEN:
                logger.info("%s", self._announcement(fate))
            if (fate.outcome in WAITING or fate.cause is Cause.HIDDEN) and not deferred:
                logger.warning(
                    "%s %s %s: %s",
                    self._table.name,
                    fate.decision.row.identifier,
                    fate.outcome,
                    fate.reason,
                )

    def _announcement(self, settled: Settled) -> str:
        name = f"{self._table.name} {settled.decision.row.identifier}"
        if settled.outcome is Outcome.CREATED:
            return f"{name} would be created"
        changes = ", ".join(
            f"{column} {change.old!r} -> {change.new!r}"
            for column, change in settled.decision.changes.items()
        )
        return f"{name} would be {settled.outcome}: {changes}"

    def _money(self, row: Row) -> Money | None:
        return None if self._table.money is None else self._table.money.of(row.values)

    def _entry(self, settled: Settled) -> Entry:
        row = settled.decision.row
        cause, reason = settled.cause, settled.reason
        if settled.outcome not in WAITING and settled.unresolved:
            cause, reason = Cause.REFERENCE, settled.unresolved
        there = settled.outcome in WRITTEN or settled.cause is Cause.HIDDEN
        tried_again = settled.outcome in WAITING or settled.unresolved
        return Entry(
            table=self._table.name,
            identifier=row.identifier,
            outcome=settled.outcome,
            sys_id=settled.sys_id or (UNSHOWN if there else ""),
            changes=settled.decision.changes,
            altered=settled.altered,
            status=settled.status,
            attempts=settled.attempts,
            cause=cause,
            reason=reason,
            stream=self._table.stream,
            payload=row.payload if tried_again else None,
            version=self._version,
            money=self._money(row),
            deferred=settled.decision.deferred,
            remembered=(
                of_unchanged(settled.decision)
                if settled.outcome is Outcome.UNCHANGED
                else settled.remembered
            ),
        )


def _altered(
    table: Table, decision: Decision, changes: Mapping[str, Mapping[str, str]]
) -> dict[str, Change]:
    """Return the columns of a row that stand otherwise than an earlier run sent them.

    Args:
        table: The table of the row.
        decision: What is to be done about the row as it stands now.
        changes: The columns that the earlier run sent.
    """
    return {
        name: Change(old=due.old, new=changes[name]["new"])
        for name, due in decision.changes.items()
        if name in changes and not same(due.old, changes[name]["new"], table.type_of(name))
    }
