"""Sending decided rows, one worker's share: Batch calls whose every row ends settled.

A create whose answer is lost may have been committed, so its identifier is looked up before it is
sent again. As a second guard a create names its sys_id, made from the identifier: where the
instance accepts that (the default), the database itself refuses a twin.
"""

from __future__ import annotations

import logging
import time
import typing as t
from collections import deque
from dataclasses import replace

from target_servicenow.api import batch
from target_servicenow.api.errors import Action, LaterError, StopRunError, UnknownOutcomeError
from target_servicenow.api.table import create_item, read_row, update_item
from target_servicenow.stopping import StoppedError
from target_servicenow.upsert import settled as fate
from target_servicenow.upsert.answers import Pending, sort
from target_servicenow.upsert.second_look import look_again

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from target_servicenow.api.session import Session
    from target_servicenow.mapping.profile import Table
    from target_servicenow.upsert.answers import Answers
    from target_servicenow.upsert.batch_size import BatchSize
    from target_servicenow.upsert.notes import Notes
    from target_servicenow.upsert.plan import Decision
    from target_servicenow.upsert.settled import Settled

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 8
"""Times one row is sent before the run stops with state where it was."""


class RowWriter:
    """Settles decisions over one session."""

    def __init__(
        self,
        session: Session,
        table: Table,
        notes: Notes,
        *,
        batch_size: BatchSize,
        keeps_sys_ids: set[str],
    ) -> None:
        """Prepare for one table.

        Args:
            session: This worker's own session.
            table: The table of the rows.
            notes: Keeps what is done; called from this worker.
            batch_size: Shared by the workers of a run.
            keeps_sys_ids: Tables seen to keep the sys_id that a create names; shared likewise.
        """
        self._session = session
        self._table = table
        self._notes = notes
        self._batch_size = batch_size
        self._keeps_sys_ids = keeps_sys_ids
        self._stop = session.stop
        self._what = f"writing {table.name}"

    def write(self, decisions: Sequence[Decision]) -> None:
        """Send every decision until it is settled.

        Raises:
            StopRunError: What was answered is settled; the rest is not.
            StoppedError: The run is ending; likewise.
        """
        pending = deque(
            Pending(decision, self._item(str(number), decision))
            for number, decision in enumerate(decisions)
        )
        tries = 0
        try:
            while pending:
                self._stop.check()
                try:
                    self._send(pending)
                    tries = 0
                except LaterError as later:
                    self._take_back(pending)  # the notes must tell when a call was sent
                    self._session.pause(tries, later)
                    tries += 1
        finally:
            self._take_back(pending)

    def _take_back(self, pending: Iterable[Pending]) -> None:
        """Take back the notes of rows that were not sent, or are known not to be done."""
        if left := [entry.decision for entry in pending if entry.noted and not entry.unknown]:
            self._notes.unsent(left)
        for entry in pending:
            entry.noted = entry.noted and entry.unknown

    def _send(self, pending: deque[Pending]) -> None:
        """Send the first rows that are pending, and settle those whose answer says enough."""
        group = self._take(pending)
        try:
            for entry in group:
                entry.attempts += 1
                self._check_attempts(entry)
                entry.noted = True
            self._notes.sending([entry.decision for entry in group])
            reply = batch.call(
                self._session, [entry.item for entry in group], what=self._what, repeatable=False
            )
        except UnknownOutcomeError:
            self._batch_size.cut_short()
            for entry in group:
                entry.unknown = True
            self._await_commit(group, single=False)
            pending.extend(self._look_again(group))
        except (LaterError, StopRunError, StoppedError) as error:  # nothing was done
            pending.extendleft(reversed(group))
            if isinstance(error, LaterError):
                for entry in group:
                    entry.attempts -= 1
            raise
        else:
            if not reply.too_large:
                self._read(group, reply, pending)
            elif len(group) == 1:
                self._notes.settled([fate.too_large(group[0])])
            else:
                self._batch_size.cut_short()
                pending.extendleft(reversed(group))

    def _check_attempts(self, entry: Pending) -> None:
        if entry.attempts > MAX_ATTEMPTS:
            raise StopRunError(
                f"{self._table.name} {entry.decision.row.identifier} could not be confirmed after "
                f"{MAX_ATTEMPTS} attempts: check the instance and run again"
            )

    def _take(self, pending: deque[Pending]) -> list[Pending]:
        group: list[Pending] = []
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

    def _read(self, group: list[Pending], reply: batch.BatchReply, pending: deque[Pending]) -> None:
        """Settle what is known, and put back what is to be sent (again)."""
        answers = sort(group, reply)
        by_action = answers.by_action
        settled = [self._stored(*pair) for pair in by_action[Action.OK]]
        settled += [fate.refused(e, a.verdict.sentence, a.status) for e, a in by_action[Action.ROW]]
        settled += [fate.denied(*pair) for pair in by_action[Action.DENIED]]
        settled += [fate.too_large(e, a.status) for e, a in by_action[Action.SPLIT]]
        settled += map(fate.failed, answers.failed)
        if len(group) == 1 and answers.unserviced:
            settled += self._unserviced_alone(answers.unserviced)
        self._notes.settled(settled)
        pending.extend(answers.unserviced + answers.again)
        self._check_identifiers(settled)
        pending.extend(entry for entry, _ in by_action[Action.STOP])
        for _, answer in by_action[Action.STOP]:
            raise StopRunError(answer.verdict.sentence)
        if reply.failure:
            raise reply.failure
        if answers.unserviced:
            self._batch_size.cut_short()
        else:
            self._batch_size.took(len(group), reply.seconds)
        self._recover(answers)
        moved = [
            replace(e, refusal=a.verdict.sentence)
            for action in (Action.GONE, Action.TAKEN)
            for e, a in by_action[action]
        ]
        self._await_commit(
            [entry for entry in answers.unknown if entry.may_run], single=reply.single
        )
        pending.extend(self._look_again(answers.unknown + moved))

    def _recover(self, answers: Answers) -> None:
        """Do what rows that are sent again need first."""
        if answers.by_action[Action.RENEW]:
            self._session.renew()
        if answers.by_action[Action.WAIT] and answers.again:
            self._stop.sleep(2.0 ** answers.again[0].attempts)

    def _stored(self, entry: Pending, answer: batch.ItemReply) -> Settled:
        row = read_row(answer.result)
        if not entry.decision.sys_id:
            if row.sys_id == entry.decision.new_sys_id:
                self._keeps_sys_ids.add(self._table.name)
            elif row.sys_id:
                self._keeps_sys_ids.discard(self._table.name)
        if not row.values:  # it may create rows and not read them
            kept = self._table.name in self._keeps_sys_ids
            return fate.unshown(
                entry, row.sys_id or (entry.decision.new_sys_id if kept else ""), answer.status
            )
        return fate.stored(self._table, entry, row, answer.status)

    def _unserviced_alone(self, unserviced: list[Pending]) -> list[Settled]:
        """Reject the row at its second try: ServiceNow skips an item for its size, too."""
        [entry] = unserviced
        entry.unserviced_alone += 1
        return [fate.too_large(unserviced.pop())] if entry.unserviced_alone > 1 else []

    def _check_identifiers(self, settled: list[Settled]) -> None:
        """Stop where an identifier was not kept: its row could not be found, and be made twice."""
        for row in settled:
            change = row.altered.get(self._table.source_column)
            if change is not None and change.old.rstrip() != change.new:  # padded, it is found
                raise StopRunError(
                    f"ServiceNow did not store {self._table.name}.{self._table.source_column} as "
                    f"sent (sent {change.new!r}, stored {change.old!r}), so the row {row.sys_id} "
                    "could not be found again: make the column 100 characters long, and readable "
                    "and writable for the integration user, or name another one as source_column "
                    "in mapping_overrides"
                )

    def _await_commit(self, entries: Sequence[Pending], *, single: bool) -> None:
        """Wait until no create can be under way where ServiceNow chooses the sys_id itself."""
        creates = any(not entry.decision.sys_id for entry in entries)
        if creates and self._table.name not in self._keeps_sys_ids:
            seconds = batch.commit_seconds(self._session, single=single)
            left = max(0.0, seconds - (time.monotonic() - self._session.sent_at))
            logger.info(
                "A call that was writing %s was interrupted: waiting %.0f s for ServiceNow to "
                "finish it, then looking up its rows (%d)",
                self._table.name,
                left,
                len(entries),
            )
            self._stop.sleep(left)

    def _look_again(self, entries: list[Pending]) -> list[Pending]:
        """Settle what turns out to have been done; return what is to be sent (again)."""
        if not entries:
            return []
        seen = look_again(self._session, self._table, entries)
        self._notes.unsent(seen.unwanted)
        self._notes.settled(seen.settled)
        for entry in seen.again:
            entry.item = self._item(entry.item.id, entry.decision)
        return seen.again
