"""Keeping what is done about the rows of one table, as it is done, from every worker."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from target_servicenow.api.table import StoredRow
from target_servicenow.outcomes import Cause, Outcome

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from target_servicenow.ledger.entries import Remembered
    from target_servicenow.upsert.plan import Decision
    from target_servicenow.upsert.references import References, Resolved
    from target_servicenow.upsert.refusals import Refusals
    from target_servicenow.upsert.settled import Settled


class Recorder(t.Protocol):
    """Keeps what becomes of the rows of one table; may be called from any worker."""

    def known(self, table: str, identifiers: Iterable[str]) -> dict[str, str]:
        """Return those of `identifiers` that have been in a table, with the sys_id of their row.

        The sys_id is "" where ServiceNow never showed the row.
        """

    def owned(self, sys_ids: Iterable[str]) -> AbstractSet[str]:
        """Return those of `sys_ids` that are known as the rows of records."""

    def decided(self, decisions: Sequence[Decision], commit_seconds: float) -> float:
        """Take in rows that were looked up and are not sent yet.

        Args:
            decisions: What is to be done about them.
            commit_seconds: After this long a call that was cut off is no longer running.

        Returns:
            Seconds to wait before looking again, since a call in which an earlier run was cut off
            may still be at work on them; 0 when there is none.
        """

    def remembered(self, identifiers: Sequence[str]) -> Mapping[str, Remembered]:
        """Return what is remembered of rows that ServiceNow stores otherwise than sent."""

    def sending(self, decisions: Sequence[Decision]) -> None:
        """Note rows that are about to be sent."""

    def unsent(self, decisions: Sequence[Decision]) -> None:
        """Take notes back: nothing was done about these rows."""

    def settled(self, settled: Sequence[Settled]) -> None:
        """Record the fate of rows."""


class Notes:
    """What the workers of one table do: recorded, and remembered for rows that point at theirs."""

    def __init__(
        self,
        table: str,
        recorder: Recorder,
        refusals: Refusals,
        references: References,
        resolved: Resolved,
        *,
        planned: bool,
    ) -> None:
        """Prepare.

        Args:
            table: The table of the rows.
            recorder: Keeps what becomes of them.
            refusals: What the table refused in this run.
            references: Remembers rows for those that point at them.
            resolved: The references of the rows themselves.
            planned: Nothing is written (mode plan).
        """
        self.refusals = refusals
        self.sending = recorder.sending
        self.unsent = recorder.unsent
        self._table = table
        self._recorder = recorder
        self._references = references
        self._unresolved = resolved.unresolved
        self._planned = planned

    def settled(self, settled: Sequence[Settled]) -> None:
        """Record rows whose fate is certain; a refused one may have to wait for the others'."""
        if denied := [fate.decision for fate in settled if fate.denied]:
            self.unsent(denied)
        self.record(self.refusals.sift(settled))

    def record(self, settled: Sequence[Settled]) -> None:
        """Record the fate of rows."""
        for fate in settled:
            if fate.sys_id and fate.cause is not Cause.HIDDEN:
                row = fate.decision.row
                stored = StoredRow(fate.sys_id, row.values)
                planned = self._planned and fate.outcome is Outcome.CREATED
                self._references.remember(self._table, row.identifier, stored, planned=planned)
        if self._unresolved:
            settled = [
                replace(fate, unresolved=self._unresolved.get(fate.decision.row.identifier, ""))
                for fate in settled
            ]
        if settled:
            self._recorder.settled(settled)
