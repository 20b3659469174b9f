"""Sending decided rows, one worker's share: Batch calls whose every row ends settled.

A create whose answer is lost may have been committed, so its identifier is looked up before it is
sent again. As a second guard a create names its sys_id, made from the identifier: where the
instance accepts that (the default), the database itself refuses a twin.
"""

from __future__ import annotations

import logging
import time
import typing as t
from collections import defaultdict, deque
from dataclasses import dataclass, field, replace

from target_servicenow.api import batch
from target_servicenow.api.errors import Action, StopRunError, UnknownOutcomeError
from target_servicenow.api.table import StoredRow, create_item, read_row, update_item
from target_servicenow.mapping.types import same
from target_servicenow.outcomes import Cause, Outcome
from target_servicenow.upsert import lookup
from target_servicenow.upsert.plan import Change, Decision, decide

if t.TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from target_servicenow.api.session import Session
    from target_servicenow.mapping.profile import Table
    from target_servicenow.upsert.batch_size import BatchSize

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 8
"""Times one row is sent before the run stops with state where it was."""

COMMIT_SECONDS = 35.0
"""After this long a Batch call that was cut off is no longer running: its limit is 30 s."""

TOO_LARGE = "the row is too large for the instance"


@dataclass(frozen=True)
class Settled:
    """The fate of a row, for the ledger.

    Attributes:
        status: The HTTP status of the write; 0 when nothing was sent.
        altered: Columns that came back other than they were sent: sent as `new`, stored as `old`.
    """

    decision: Decision
    outcome: Outcome
    sys_id: str = ""
    status: int = 0
    attempts: int = 0
    cause: Cause = Cause.NONE
    reason: str = ""
    altered: dict[str, Change] = field(default_factory=dict)


@dataclass
class _Pending:
    """A row on its way.

    Attributes:
        item: The request that writes it.
        unserviced_alone: Times it was unserviced though it was alone in its call.
        refusal: ServiceNow's words when it said that the row exists already, or no longer.
    """

    decision: Decision
    item: batch.Item
    attempts: int = 0
    unserviced_alone: int = 0
    refusal: str = ""


class RowWriter:
    """Settles decisions over one session."""

    def __init__(
        self,
        session: Session,
        table: Table,
        *,
        batch_size: BatchSize,
        keeps_sys_ids: set[str],
        sending: Callable[[list[Decision]], None],
        settle: Callable[[list[Settled]], None],
        stop: threading.Event,
        sleep: Callable[[float], None],
    ) -> None:
        """Prepare for one table.

        Args:
            session: This worker's own session.
            table: The table of the rows.
            batch_size: Shared by the workers of a run.
            keeps_sys_ids: Tables seen to keep the sys_id that a create names; shared likewise.
            sending: Notes rows before they are sent; called from this worker.
            settle: Records rows as soon as their answer is known; called from this worker.
            stop: Set by any worker that cannot go on.
            sleep: Waits so many seconds.
        """
        self._session = session
        self._table = table
        self._batch_size = batch_size
        self._keeps_sys_ids = keeps_sys_ids
        self._sending = sending
        self._settle = settle
        self._stop = stop
        self._sleep = sleep
        self._what = f"writing {table.name}"

    def write(self, decisions: Sequence[Decision]) -> None:
        """Send every decision until it is settled.

        Raises:
            StopRunError: What was answered is settled; the rest is not.
        """
        pending = deque(
            _Pending(decision, self._item(str(number), decision))
            for number, decision in enumerate(decisions)
        )
        while pending and not self._stop.is_set():
            group = self._take(pending)
            sent_at = time.monotonic()
            for entry in group:
                entry.attempts += 1
                if entry.attempts > MAX_ATTEMPTS:
                    raise StopRunError(
                        f"{self._table.name} {entry.decision.row.identifier} could not be "
                        f"confirmed after {MAX_ATTEMPTS} attempts: check the instance and run again"
                    )
            self._sending([entry.decision for entry in group])
            try:
                reply = batch.call(
                    self._session,
                    [entry.item for entry in group],
                    what=self._what,
                    repeatable=False,
                )
            except UnknownOutcomeError:
                self._batch_size.cut_short()
                self._await_commit(group, sent_at)
                pending.extend(self._look_again(group))
                continue
            if reply.too_large:
                if len(group) == 1:
                    self._settle([self._too_large(group[0])])
                else:
                    self._batch_size.cut_short()
                    pending.extendleft(reversed(group))
                continue
            pending.extend(self._read(group, reply, sent_at))

    def _take(self, pending: deque[_Pending]) -> list[_Pending]:
        group: list[_Pending] = []
        size = 0
        while pending and len(group) < self._batch_size.rows:
            size += pending[0].item.size
            if group and size > batch.MAX_BODY_BYTES:
                break
            group.append(pending.popleft())
        return group

    def _item(self, name: str, decision: Decision) -> batch.Item:
        table = self._table
        if decision.sys_id:
            return update_item(name, table.name, decision.sys_id, decision.values, table.fields)
        values = {"sys_id": decision.new_sys_id, **decision.values}
        return create_item(name, table.name, values, table.fields)

    def _read(
        self, group: list[_Pending], reply: batch.BatchReply, sent_at: float
    ) -> list[_Pending]:
        """Settle what is known; return what is to be sent (again)."""
        answers: dict[Action, list[tuple[_Pending, batch.ItemReply]]] = defaultdict(list)
        unserviced, unknown = [], []
        for entry in group:
            answer = reply.items.get(entry.item.id)
            if entry.item.id in reply.unserviced:
                entry.attempts -= 1  # it never had its turn
                unserviced.append(entry)
            elif answer is None or answer.verdict.action is Action.UNKNOWN:
                unknown.append(entry)
            else:
                answers[answer.verdict.action].append((entry, answer))
        settled = [self._stored(*pair) for pair in answers[Action.OK]]
        settled += [self._refused(e, a.verdict.sentence, a.status) for e, a in answers[Action.ROW]]
        settled += [self._too_large(e, a.status) for e, a in answers[Action.SPLIT]]
        if len(group) == 1 and unserviced:
            settled += self._unserviced_alone(unserviced)
        self._settle(settled)
        self._check_identifiers(settled)
        for _, answer in answers[Action.STOP]:
            raise StopRunError(answer.verdict.sentence)
        if unserviced:
            self._batch_size.cut_short()
        else:
            self._batch_size.took(len(group), reply.seconds)
        if answers[Action.RENEW]:
            self._session.renew()
        again = [e for action in (Action.RENEW, Action.WAIT) for e, _ in answers[action]]
        if answers[Action.WAIT]:
            self._sleep(2.0 ** again[0].attempts)
        moved = [
            replace(e, refusal=a.verdict.sentence)
            for action in (Action.GONE, Action.TAKEN)
            for e, a in answers[action]
        ]
        if unknown:
            self._await_commit(unknown, sent_at)
        return unserviced + again + self._look_again(unknown + moved)

    def _stored(self, entry: _Pending, answer: batch.ItemReply) -> Settled:
        decision = entry.decision
        row = read_row(answer.result) if isinstance(answer.result, dict) else StoredRow("", {})
        if not decision.sys_id:
            if row.sys_id == decision.new_sys_id:
                self._keeps_sys_ids.add(self._table.name)
            else:
                self._keeps_sys_ids.discard(self._table.name)
        return Settled(
            decision=decision,
            outcome=decision.outcome or Outcome.UNCHANGED,
            sys_id=row.sys_id or decision.sys_id,
            status=answer.status,
            attempts=entry.attempts,
            altered={
                name: Change(old=row.values.get(name, ""), new=value)
                for name, value in decision.values.items()
                if not same(row.values.get(name, ""), value, self._table.type_of(name))
            },
        )

    def _unserviced_alone(self, unserviced: list[_Pending]) -> list[Settled]:
        """Reject the row at its second try: ServiceNow skips an item for its size, too."""
        [entry] = unserviced
        entry.unserviced_alone += 1
        return [self._too_large(unserviced.pop())] if entry.unserviced_alone > 1 else []

    def _check_identifiers(self, settled: list[Settled]) -> None:
        """Stop where an identifier was not kept: its row could not be found, and be made twice."""
        for row in settled:
            change = row.altered.get(self._table.source_column)
            if change is not None:
                raise StopRunError(
                    f"ServiceNow did not store {self._table.name}.{self._table.source_column} as "
                    f"sent (sent {change.new!r}, stored {change.old!r}), so the row {row.sys_id} "
                    "could not be found again: make the column writable for the integration user "
                    "and 100 characters long, or name another one as source_column in "
                    "mapping_overrides"
                )

    def _too_large(self, entry: _Pending, status: int = 0) -> Settled:
        return self._refused(entry, TOO_LARGE, status, Cause.TOO_LARGE)

    def _refused(
        self, entry: _Pending, reason: str, status: int = 0, cause: Cause = Cause.REFUSED
    ) -> Settled:
        return Settled(
            decision=entry.decision,
            outcome=Outcome.REJECTED,
            sys_id=entry.decision.sys_id,
            status=status,
            attempts=entry.attempts,
            cause=cause,
            reason=reason,
        )

    def _await_commit(self, entries: Sequence[_Pending], sent_at: float) -> None:
        """Wait until no create can be under way where ServiceNow chooses the sys_id itself."""
        creates = any(not entry.decision.sys_id for entry in entries)
        if creates and self._table.name not in self._keeps_sys_ids:
            seconds = max(0.0, COMMIT_SECONDS - (time.monotonic() - sent_at))
            logger.info(
                "A call that was writing %s was interrupted: waiting %.0f s for ServiceNow to "
                "finish it, then looking up its rows (%d)",
                self._table.name,
                seconds,
                len(entries),
            )
            self._sleep(seconds)

    def _look_again(self, entries: list[_Pending]) -> list[_Pending]:
        """Settle what turns out to have been done; return what is to be sent (again)."""
        if not entries:
            return []
        matches = lookup.by_identifier(
            self._session, self._table, [entry.decision.row.identifier for entry in entries]
        )
        settled: list[Settled] = []
        again: list[_Pending] = []
        for entry in entries:
            before = entry.decision
            now = decide(self._table, before.row, matches[before.row.identifier], [])
            if now.outcome is None:  # gone meanwhile, and not to be created (`create_when`)
                continue
            if now.outcome is Outcome.REJECTED:
                settled.append(self._refused(entry, now.reason, cause=now.cause))
            elif now.outcome is Outcome.UNCHANGED:  # it had been done
                settled.append(
                    Settled(
                        before,
                        before.outcome or Outcome.UNCHANGED,
                        sys_id=now.sys_id,
                        attempts=entry.attempts,
                        cause=Cause.LOST_ANSWER,
                        reason="the answer was lost; the row was found afterwards",
                    )
                )
            elif now.outcome is Outcome.CREATED and entry.refusal and not before.sys_id:
                # Another row prevents it: one we may not see, or one with the same unique value.
                settled.append(self._refused(entry, entry.refusal))
            else:
                if now.sys_id:
                    entry.decision = replace(now, outcome=before.outcome)
                elif entry.refusal or not before.sys_id:
                    entry.decision = now
                # Else it is a PATCH of a row that exists, which can be repeated safely.
                entry.item = self._item(entry.item.id, entry.decision)
                again.append(entry)
        self._settle(settled)
        return again
