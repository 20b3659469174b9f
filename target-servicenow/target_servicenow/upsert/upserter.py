"""Bringing a batch of rows of one table into ServiceNow: look up, decide, write, settle."""

from __future__ import annotations

import logging
import threading
import time
import typing as t
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from target_servicenow.api.table import StoredRow
from target_servicenow.outcomes import WRITTEN, Cause, Outcome
from target_servicenow.upsert import adopt, lookup
from target_servicenow.upsert.batch_size import BatchSize
from target_servicenow.upsert.gone import leftovers
from target_servicenow.upsert.plan import Decision, decide, difference, too_long, truncated
from target_servicenow.upsert.references import References
from target_servicenow.upsert.writer import RowWriter, Settled

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from target_servicenow.api.dictionary import Definitions
    from target_servicenow.api.session import Session
    from target_servicenow.mapping.profile import Profile, Table
    from target_servicenow.mapping.render import Row

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Policy:
    """The settings that decide about rows.

    Attributes:
        dry_run: Decide everything, send nothing (mode plan).
    """

    dry_run: bool = False
    on_missing_reference: t.Literal["hold", "blank", "reject"] = "hold"
    on_long_text: t.Literal["reject", "truncate"] = "reject"


class Recorder(t.Protocol):
    """Keeps what becomes of the rows of one table; may be called from any worker."""

    def decided(self, decisions: Sequence[Decision]) -> float:
        """Take in rows that were looked up and are not sent yet.

        Returns:
            Seconds to wait before looking again, since a call in which an earlier run was cut off
            may still be at work on them; 0 when there is none.
        """

    def sending(self, decisions: Sequence[Decision]) -> None:
        """Note rows that are about to be sent."""

    def settled(self, settled: Sequence[Settled]) -> None:
        """Record the fate of rows."""


class Upserter:
    """Upserts rows, table after table, over one session for each worker."""

    def __init__(
        self,
        sessions: Sequence[Session],
        profile: Profile,
        definitions: Definitions,
        policy: Policy,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare.

        Args:
            sessions: One for each worker; the first also looks up.
            profile: The mapping.
            definitions: ServiceNow's dictionary of the tables, as far as it is readable.
            policy: What to do about rows that do not fit.
            sleep: Waits so many seconds.
        """
        self._sessions = sessions
        self._definitions = definitions
        self._policy = policy
        self._sleep = sleep
        self._references = References(profile)
        self._batch_sizes: dict[str, BatchSize] = {}
        # Tables seen to hold their source column.
        self._verified: set[str] = set()
        # Tables seen to keep the sys_id that a create names.
        self._keeps_sys_ids: set[str] = set()

    def upsert(self, table: Table, rows: Sequence[Row], recorder: Recorder) -> None:
        """Settle every row.

        Args:
            table: The table of the rows.
            rows: Any number, each identifier once; references may point at rows settled before.
            recorder: Keeps what becomes of them, as soon as it is known.

        Raises:
            StopRunError: The run cannot go on; what was answered until then is settled.
        """
        ready, settled = self._prepared(table, rows)
        decisions = self._decisions(table, ready)
        if wait := recorder.decided(decisions):
            logger.info(
                "An earlier run was interrupted while writing %s: waiting %.0f s for ServiceNow to "
                "finish that call",
                table.name,
                wait,
            )
            self._sleep(wait)
            decisions = self._decisions(table, ready)
            recorder.decided(decisions)
        writes = []
        for decision in decisions:
            if decision.outcome in WRITTEN and not self._policy.dry_run:
                writes.append(decision)
            elif decision.outcome is not None:
                # In a plan a new row counts as existing for those that point at it.
                sys_id = decision.sys_id or decision.new_sys_id
                settled.append(_as_decided(decision, decision.outcome, sys_id))

        def remember_and_record(done: list[Settled]) -> None:
            for fate in done:
                if fate.sys_id:
                    row = fate.decision.row
                    stored = StoredRow(fate.sys_id, row.values)
                    planned = self._policy.dry_run and fate.outcome is Outcome.CREATED
                    self._references.remember(table.name, row.identifier, stored, planned=planned)
            if done:
                recorder.settled(done)

        remember_and_record(settled)
        self._write(table, writes, recorder.sending, remember_and_record)

    def leftovers(self, table: Table, kept: Mapping[str, AbstractSet[str]]) -> list[Row]:
        """Return the rows of entries that their records no longer hold, as `gone` makes them."""
        return leftovers(self._sessions[0], table, kept) if kept else []

    def differing(self, table: Table, rows: Sequence[Row]) -> list[Row]:
        """Return those of `rows` that exist and have other values."""
        matches = lookup.by_identifier(self._sessions[0], table, [row.identifier for row in rows])
        return [
            row
            for row in rows
            if any(difference(table, match.values, row.values) for match in matches[row.identifier])
        ]

    def _prepared(self, table: Table, rows: Sequence[Row]) -> tuple[list[Row], list[Settled]]:
        """Return the rows with references resolved and texts that fit; settle the others."""
        policy = self._policy
        ready, waiting = self._references.resolve(
            self._sessions[0], table, rows, blank=policy.on_missing_reference == "blank"
        )
        outcome = Outcome.REJECTED if policy.on_missing_reference == "reject" else Outcome.HELD
        settled = [
            _as_decided(
                Decision(one.row, outcome, cause=Cause.REFERENCE, reason=one.reason), outcome
            )
            for one in waiting
        ]
        lengths = {
            name: definition.max_length
            for name, definition in self._definitions.get(table.name, {}).items()
            if definition.type in _TEXT_TYPES
        }
        fitting = []
        for row in ready:
            if policy.on_long_text == "truncate":
                fitting.append(truncated(row, lengths))
            elif problems := too_long(row, lengths):
                reason = f"too long for {table.name}: {'; '.join(problems)}"
                rejected = Decision(row, Outcome.REJECTED, cause=Cause.LENGTH, reason=reason)
                settled.append(_as_decided(rejected, Outcome.REJECTED))
            else:
                fitting.append(row)
        return fitting, settled

    def _decisions(self, table: Table, rows: Sequence[Row]) -> list[Decision]:
        session = self._sessions[0]
        matches = lookup.by_identifier(session, table, [row.identifier for row in rows])
        if any(matches.values()):
            self._verified.add(table.name)
        unmatched = [row for row in rows if not matches[row.identifier]]
        unclaimed, decisions = adopt.candidates(session, table, unmatched)
        waiting = {decision.row.identifier for decision in decisions}
        decisions += [
            decide(table, row, matches[row.identifier], unclaimed.get(row.identifier, []))
            for row in rows
            if row.identifier not in waiting
        ]
        return decisions

    def _write(
        self,
        table: Table,
        writes: list[Decision],
        sending: Callable[[list[Decision]], None],
        settle: Callable[[list[Settled]], None],
    ) -> None:
        stop = threading.Event()
        batch_size = self._batch_sizes.setdefault(table.name, BatchSize())

        def write(session: Session, share: Sequence[Decision]) -> None:
            try:
                RowWriter(
                    session,
                    table,
                    batch_size=batch_size,
                    keeps_sys_ids=self._keeps_sys_ids,
                    sending=sending,
                    settle=settle,
                    stop=stop,
                    sleep=self._sleep,
                ).write(share)
            except BaseException:
                stop.set()
                raise

        if writes and table.name not in self._verified:
            # One row alone shows whether the instance keeps the identifier, before there are many.
            write(self._sessions[0], writes[:1])
            self._verified.add(table.name)
            writes = writes[1:]
        if len(writes) <= batch_size.rows or len(self._sessions) == 1:
            write(self._sessions[0], writes)
            return
        shares: list[list[Decision]] = [[] for _ in self._sessions]
        for decision in writes:
            shares[zlib.crc32(decision.row.identifier.encode()) % len(shares)].append(decision)
        with ThreadPoolExecutor(len(shares)) as pool:
            futures = [
                pool.submit(write, session, share)
                for session, share in zip(self._sessions, shares, strict=True)
            ]
            try:
                for future in futures:
                    future.result()
            except BaseException:  # a signal, too: the workers end with their current call
                stop.set()
                raise


def _as_decided(decision: Decision, outcome: Outcome, sys_id: str = "") -> Settled:
    """Settle a row that is not sent."""
    return Settled(decision, outcome, sys_id, cause=decision.cause, reason=decision.reason)


_TEXT_TYPES = {"string", "translated_text", "email", "url", "phone_number_e164", "multi_two_lines"}
