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
from target_servicenow.upsert import adopt, lookup
from target_servicenow.upsert.gone import leftovers
from target_servicenow.upsert.batch_size import BatchSize
from target_servicenow.upsert.plan import (
    Decision,
    Outcome,
    decide,
    difference,
    own_sys_id,
    too_long,
    truncated,
)
from target_servicenow.upsert.references import References
from target_servicenow.upsert.writer import Settled, Writer

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
    """What is kept of the rows of one table; may be called from any worker."""

    def decided(self, decisions: Sequence[Decision]) -> float:
        """Rows were looked up, and nothing is sent yet.

        Returns:
            Seconds to wait before looking again, since a call that an earlier run was cut off in
            may still be at work on them; 0 when there is none.
        """

    def sending(self, decisions: Sequence[Decision]) -> None:
        """Rows are about to be sent."""

    def settled(self, settled: Sequence[Settled]) -> None:
        """The fate of rows is known."""


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
            sessions: one for each worker; the first also looks up.
            profile: the mapping.
            definitions: what ServiceNow's dictionary says of the tables, as far as readable.
            policy: what to do about rows that do not fit.
            sleep: waits so many seconds.
        """
        self._sessions = sessions
        self._definitions = definitions
        self._policy = policy
        self._sleep = sleep
        self._references = References(profile)
        self._paces: dict[str, BatchSize] = {}
        # MappedTables seen to hold their source column.
        self._proven: set[str] = set()
        # MappedTables seen to take the sys_id a create names.
        self._honoured: set[str] = set()

    def upsert(self, table: Table, rows: Sequence[Row], book: Recorder) -> None:
        """Settle every row; of rows with one identifier the last one counts.

        Args:
            table: the rows' table.
            rows: any number; references may point at rows settled before.
            book: keeps what becomes of them, as soon as it is known.

        Raises:
            StopRun: the run cannot go on; what was answered until then is settled.
        """
        latest = list({row.identifier: row for row in rows}.values())
        ready, settled = self._prepared(table, latest)
        decisions = self._decisions(table, ready)
        if wait := book.decided(decisions):
            logger.info(
                "A run was cut off while it wrote %s: waiting %.0f s for ServiceNow to end that",
                table.name,
                wait,
            )
            self._sleep(wait)
            decisions = self._decisions(table, ready)
            book.decided(decisions)
        writes = []
        for decision in decisions:
            if decision.outcome in _WRITTEN and not self._policy.dry_run:
                writes.append(decision)
            elif decision.outcome is not None:
                # In a plan a new row is taken to be there for those that point at it.
                created = decision.outcome is Outcome.CREATED
                sys_id = own_sys_id(decision.row.identifier) if created else decision.sys_id
                settled.append(Settled(decision, decision.outcome, sys_id, reason=decision.reason))

        def remember_and_settle(done: list[Settled]) -> None:
            for one in done:
                if one.sys_id:
                    row = one.decision.row
                    found = StoredRow(one.sys_id, row.values)
                    planned = self._policy.dry_run and one.outcome is Outcome.CREATED
                    self._references.remember(table.name, row.identifier, found, planned=planned)
            if done:
                book.settled(done)

        remember_and_settle(settled)
        self._write(table, writes, book.sending, remember_and_settle)

    def leftovers(self, table: Table, kept: Mapping[str, AbstractSet[str]]) -> list[Row]:
        """Rows of records that were read whole, of entries those no longer hold; as `gone`."""
        return leftovers(self._sessions[0], table, kept) if kept else []

    def differing(self, table: Table, rows: Sequence[Row]) -> list[Row]:
        """Those of `rows` that are there and do not read so yet."""
        matches = lookup.by_identifier(self._sessions[0], table, [r.identifier for r in rows])
        return [
            row
            for row in rows
            if any(difference(table, one.values, row.values) for one in matches[row.identifier])
        ]

    def _prepared(self, table: Table, rows: Sequence[Row]) -> tuple[list[Row], list[Settled]]:
        """Rows with references resolved and texts that fit; the others settled as they stand."""
        policy = self._policy
        ready, waiting = self._references.resolve(
            self._sessions[0], table, rows, blank=policy.on_missing_reference == "blank"
        )
        outcome = Outcome.REJECTED if policy.on_missing_reference == "reject" else Outcome.HELD
        settled = [Settled(Decision(w.row, outcome), outcome, reason=w.reason) for w in waiting]
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
                settled.append(
                    Settled(Decision(row, Outcome.REJECTED), Outcome.REJECTED, reason=reason)
                )
            else:
                fitting.append(row)
        return fitting, settled

    def _decisions(self, table: Table, rows: Sequence[Row]) -> list[Decision]:
        session = self._sessions[0]
        matches = lookup.by_identifier(session, table, [row.identifier for row in rows])
        if any(matches.values()):
            self._proven.add(table.name)
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
        pace = self._paces.setdefault(table.name, BatchSize())

        def write(session: Session, share: Sequence[Decision]) -> None:
            try:
                Writer(
                    session,
                    table,
                    pace=pace,
                    honoured=self._honoured,
                    sending=sending,
                    settle=settle,
                    stop=stop,
                    sleep=self._sleep,
                ).write(share)
            except BaseException:
                stop.set()
                raise

        if writes and table.name not in self._proven:
            # One row alone shows whether the instance keeps the identifier, before there are many.
            write(self._sessions[0], writes[:1])
            self._proven.add(table.name)
            writes = writes[1:]
        if len(writes) <= pace.rows or len(self._sessions) == 1:
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
            except BaseException:  # a signal, too: let the workers end with the call in hand
                stop.set()
                raise


_WRITTEN = {Outcome.CREATED, Outcome.ADOPTED, Outcome.UPDATED}
_TEXT_TYPES = {"string", "translated_text", "email", "url", "phone_number_e164", "multi_two_lines"}
