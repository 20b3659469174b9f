"""Sending decided rows, one worker's share: Batch calls whose every row ends settled.

A create whose answer is lost may have been committed, so its identifier is looked up before it is
sent again. As a second guard a create names its sys_id, made from the identifier: where the
instance honours it (the default), the database itself refuses a twin.
"""

from __future__ import annotations

import json
import logging
import time
import typing as t
from collections import defaultdict, deque
from dataclasses import dataclass, field, replace

from target_servicenow.api import batch
from target_servicenow.api.errors import Action, StopRun, UnknownOutcomeError
from target_servicenow.api.table import StoredRow, create_item, found, update_item
from target_servicenow.mapping.types import same
from target_servicenow.upsert import lookup
from target_servicenow.upsert.plan import Change, Decision, Outcome, decide, own_sys_id

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
    """What has become of a row, for the ledger.

    Attributes:
        status: The HTTP status of the write; 0 when nothing was sent.
        altered: Columns that came back other than they were sent: sent as `new`, stored as `old`.
    """

    decision: Decision
    outcome: Outcome
    sys_id: str = ""
    status: int = 0
    attempts: int = 0
    reason: str = ""
    altered: dict[str, Change] = field(default_factory=dict)


@dataclass
class _Pending:
    decision: Decision
    attempts: int = 0
    left_out: int = 0
    refusal: str = ""


class Writer:
    """Settles decisions over one session."""

    def __init__(
        self,
        session: Session,
        table: Table,
        *,
        pace: BatchSize,
        honoured: set[str],
        sending: Callable[[list[Decision]], None],
        settle: Callable[[list[Settled]], None],
        stop: threading.Event,
        sleep: Callable[[float], None],
    ) -> None:
        """Prepare for one table.

        Args:
            session: this worker's own.
            table: the rows' table.
            pace: shared by the workers of a run.
            honoured: tables seen to take the sys_id a create names; shared likewise.
            sending: notes rows before they are sent; called from this worker.
            settle: records rows as soon as their answer is known; called from this worker.
            stop: set by any worker that cannot go on.
            sleep: waits so many seconds.
        """
        self._session = session
        self._table = table
        self._pace = pace
        self._honoured = honoured
        self._sending = sending
        self._settle = settle
        self._stop = stop
        self._sleep = sleep
        self._what = f"writing {table.name}"

    def write(self, decisions: Sequence[Decision]) -> None:
        """Send every decision until it is settled.

        Raises:
            StopRun: what was answered is settled; the rest is not.
        """
        pending = deque(_Pending(decision) for decision in decisions)
        while pending and not self._stop.is_set():
            group = self._take(pending)
            sent_at = time.monotonic()
            for entry in group:
                entry.attempts += 1
                if entry.attempts > MAX_ATTEMPTS:
                    raise StopRun(
                        f"ServiceNow does not settle {entry.decision.row.identifier} of "
                        f"{self._table.name} after {MAX_ATTEMPTS} attempts: check the instance and "
                        "run again"
                    )
            self._sending([entry.decision for entry in group])
            try:
                reply = batch.call(
                    self._session,
                    [self._item(str(n), entry.decision) for n, entry in enumerate(group)],
                    what=self._what,
                    repeatable=False,
                )
            except UnknownOutcomeError:
                self._pace.cut_short()
                self._await_commit(group, sent_at)
                pending.extend(self._look_again(group))
                continue
            if reply.too_large:
                if len(group) == 1:
                    self._settle([self._refused(group[0], TOO_LARGE)])
                else:
                    self._pace.cut_short()
                    pending.extendleft(reversed(group))
                continue
            pending.extend(self._read(group, reply, sent_at))

    def _take(self, pending: deque[_Pending]) -> list[_Pending]:
        group: list[_Pending] = []
        size = 0
        while pending and len(group) < self._pace.rows:
            size += len(json.dumps(pending[0].decision.values)) * 4 // 3 + 400
            if group and size > batch.MAX_BODY_BYTES:
                break
            group.append(pending.popleft())
        return group

    def _item(self, number: str, decision: Decision) -> batch.Item:
        table, fields = self._table, self._table.fields
        if decision.sys_id:
            return update_item(number, table.name, decision.sys_id, decision.values, fields)
        values = {"sys_id": own_sys_id(decision.row.identifier), **decision.values}
        return create_item(number, table.name, values, fields)

    def _read(
        self, group: list[_Pending], reply: batch.BatchReply, sent_at: float
    ) -> list[_Pending]:
        """Settle what is known; return what is to be sent (again)."""
        answers: dict[Action, list[tuple[_Pending, batch.ItemReply]]] = defaultdict(list)
        unserviced, unknown = [], []
        for number, entry in enumerate(group):
            answer = reply.items.get(str(number))
            if str(number) in reply.unserviced:
                entry.attempts -= 1  # it never had its turn
                unserviced.append(entry)
            elif answer is None or answer.verdict.action is Action.UNKNOWN:
                unknown.append(entry)
            else:
                answers[answer.verdict.action].append((entry, answer))
        settled = [self._stored(*pair) for pair in answers[Action.OK]]
        settled += [self._refused(e, a.verdict.sentence, a.status) for e, a in answers[Action.ROW]]
        settled += [self._refused(e, TOO_LARGE, a.status) for e, a in answers[Action.SPLIT]]
        if len(group) == 1 and unserviced:
            settled += self._left_out_alone(unserviced)
        self._settle(settled)
        self._check_identifiers(settled)
        for _, answer in answers[Action.STOP]:
            raise StopRun(answer.verdict.sentence)
        if unserviced:
            self._pace.cut_short()
        else:
            self._pace.took(len(group), reply.seconds)
        if answers[Action.RENEW]:
            self._session.renew()
        again = [e for a in (Action.RENEW, Action.WAIT) for e, _ in answers[a]]
        if answers[Action.WAIT]:
            self._sleep(2.0 ** again[0].attempts)
        moved = [replace(e, refusal=a.verdict.sentence) for e, a in answers[Action.GONE]]
        moved += [replace(e, refusal=a.verdict.sentence) for e, a in answers[Action.TAKEN]]
        if unknown:
            self._await_commit(unknown, sent_at)
        return unserviced + again + self._look_again(unknown + moved)

    def _stored(self, entry: _Pending, answer: batch.ItemReply) -> Settled:
        decision = entry.decision
        row = found(answer.result) if isinstance(answer.result, dict) else StoredRow("", {})
        if not decision.sys_id:
            if row.sys_id == own_sys_id(decision.row.identifier):
                self._honoured.add(self._table.name)
            else:
                self._honoured.discard(self._table.name)
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

    def _left_out_alone(self, unserviced: list[_Pending]) -> list[Settled]:
        """ServiceNow leaves an item out for its size as it does for want of time: try twice."""
        [entry] = unserviced
        entry.left_out += 1
        return [self._refused(unserviced.pop(), TOO_LARGE)] if entry.left_out > 1 else []

    def _check_identifiers(self, settled: list[Settled]) -> None:
        """A row whose identifier was not kept could not be found again, and would be made twice."""
        for one in settled:
            change = one.altered.get(self._table.source_column)
            if change is not None:
                raise StopRun(
                    f"ServiceNow does not keep {self._table.source_column} of {self._table.name} "
                    f"(sent {change.new!r}, stored {change.old!r}), so the row {one.sys_id} could "
                    "not be found again: make the column writable for the integration user and "
                    "100 characters long, or name another one as source_column in "
                    "mapping_overrides"
                )

    def _refused(self, entry: _Pending, reason: str, status: int = 0) -> Settled:
        return Settled(
            decision=entry.decision,
            outcome=Outcome.REJECTED,
            sys_id=entry.decision.sys_id,
            status=status,
            attempts=entry.attempts,
            reason=reason,
        )

    def _await_commit(self, entries: Sequence[_Pending], sent_at: float) -> None:
        """Where ServiceNow chooses the sys_id, nothing but time rules out a create on its way."""
        creates = any(not entry.decision.sys_id for entry in entries)
        if creates and self._table.name not in self._honoured:
            seconds = max(0.0, COMMIT_SECONDS - (time.monotonic() - sent_at))
            logger.info(
                "A call that wrote %s was cut off: waiting %.0f s for ServiceNow to end it, then "
                "what it was about is looked up (rows: %d)",
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
            if now.outcome is None:  # gone meanwhile, and not wanted anew (`create_when`)
                continue
            if now.outcome is Outcome.REJECTED:
                settled.append(self._refused(entry, now.reason))
            elif now.outcome is Outcome.UNCHANGED:  # it had been done
                settled.append(
                    Settled(
                        before,
                        before.outcome or Outcome.UNCHANGED,
                        sys_id=now.sys_id,
                        attempts=entry.attempts,
                        reason="the answer was lost; the row was found afterwards",
                    )
                )
            elif now.outcome is Outcome.CREATED and entry.refusal and not before.sys_id:
                # Another row bars the way: one we may not see, or one with the same unique value.
                settled.append(self._refused(entry, entry.refusal))
            elif now.sys_id:
                entry.decision = replace(now, outcome=before.outcome)
                again.append(entry)
            else:
                if entry.refusal or not before.sys_id:
                    entry.decision = now
                again.append(entry)  # a PATCH of a row that is there repeats safely
        self._settle(settled)
        return again
