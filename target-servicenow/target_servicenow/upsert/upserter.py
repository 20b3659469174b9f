"""Bringing a batch of rows of one table into ServiceNow: look up, decide, write, settle."""

from __future__ import annotations

import logging
import typing as t
import zlib
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from target_servicenow.api import batch
from target_servicenow.api.errors import StopRunError
from target_servicenow.outcomes import WRITTEN, Cause, Outcome
from target_servicenow.stopping import SLICE_SECONDS, StoppedError
from target_servicenow.upsert import altered, lookup
from target_servicenow.upsert.batch_size import BatchSize
from target_servicenow.upsert.first_look import look
from target_servicenow.upsert.gone import leftovers
from target_servicenow.upsert.notes import Notes
from target_servicenow.upsert.plan import Decision, difference, too_long, truncated
from target_servicenow.upsert.references import References, Resolved
from target_servicenow.upsert.refusals import Refusals
from target_servicenow.upsert.settled import Settled
from target_servicenow.upsert.writer import RowWriter

if t.TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from target_servicenow.api.dictionary import Definitions
    from target_servicenow.api.session import Session
    from target_servicenow.ledger.entries import Remembered
    from target_servicenow.mapping.profile import Profile, Table
    from target_servicenow.mapping.render import Row
    from target_servicenow.upsert.adopt import Claims
    from target_servicenow.upsert.notes import Recorder

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


class Upserter:
    """Upserts rows, table after table, over one session for each worker."""

    def __init__(
        self,
        sessions: Sequence[Session],
        profile: Profile,
        definitions: Definitions,
        policy: Policy,
    ) -> None:
        """Prepare.

        Args:
            sessions: One for each worker; the first also looks up.
            profile: The mapping.
            definitions: ServiceNow's dictionary of the tables, as far as it is readable.
            policy: What to do about rows that do not fit.
        """
        self._sessions = sessions
        self._definitions = definitions
        self._policy = policy
        self._stop = sessions[0].stop
        self._references = References(profile)
        self._batch_sizes: dict[str, BatchSize] = {}
        self._refusals: dict[str, Refusals] = {}
        # Tables seen to hold their source column.
        self._verified: set[str] = set()
        # Tables seen to keep the sys_id that a create names.
        self._keeps_sys_ids: set[str] = set()

    def upsert(
        self,
        table: Table,
        rows: Sequence[Row],
        recorder: Recorder,
        claims: Claims | None = None,
    ) -> None:
        """Settle every row.

        Args:
            table: The table of the rows.
            rows: Any number, each identifier once; references may point at rows settled before.
            recorder: Keeps what becomes of them, as soon as it is known.
            claims: The records that could claim a row typed in by hand, these included; None
                while more may come, and a row that could claim one is held.

        Raises:
            StopRunError: The run cannot go on; what was answered until then is settled.
            StoppedError: The run is ending; likewise.
        """
        resolved = self._references.resolve(
            self._sessions[0],
            table,
            rows,
            blank=self._policy.on_missing_reference == "blank",
            known=recorder.known,
        )
        ready, settled = self._prepared(table, resolved)
        decisions = self._decisions(table, ready, recorder, claims)
        first = self._sessions[0]
        commit_seconds = batch.commit_seconds(first, single=first.batch_refused)
        if seconds := recorder.decided(decisions, commit_seconds):
            logger.info(
                "An earlier run was interrupted while writing %s: waiting %.0f s for ServiceNow to "
                "finish that call",
                table.name,
                seconds,
            )
            self._stop.sleep(seconds)
            decisions = self._decisions(table, ready, recorder, claims)
            recorder.decided(decisions, commit_seconds)
        remembered = recorder.remembered(altered.undecided(decisions))
        writes = []
        for raw in decisions:
            known = remembered.get(raw.row.identifier, altered.NOTHING)
            decision = altered.as_remembered(table, raw, known)
            if decision.outcome in WRITTEN and not self._policy.dry_run:
                writes.append(decision)
            elif decision.outcome is not None:
                # In a plan a new row counts as existing for those that point at it.
                sys_id = decision.sys_id or decision.new_sys_id
                settled.append(_as_decided(decision, decision.outcome, sys_id))

        refusals = self._refusals.setdefault(table.name, Refusals())
        planned = self._policy.dry_run
        notes = Notes(table.name, recorder, refusals, self._references, resolved, planned=planned)
        notes.record(settled)
        if writes:
            self._write(table, writes, notes)
            notes.record(refusals.end())

    def leftovers(self, table: Table, kept: Mapping[str, AbstractSet[str]]) -> list[Row]:
        """Return the rows of entries that their records no longer hold, as `gone` makes them."""
        return leftovers(self._sessions[0], table, kept) if kept else []

    def claim(
        self, table: Table, rows: Sequence[Row], known: Container[str], claims: Claims
    ) -> None:
        """Add those of `rows` that have none in ServiceNow, nor had one before (`known`)."""
        matches = lookup.by_identifier(self._sessions[0], table, [row.identifier for row in rows])
        claims.add(
            row for row in rows if not matches[row.identifier] and row.identifier not in known
        )

    def differing(
        self, table: Table, rows: Sequence[Row], remembered: Mapping[str, Remembered]
    ) -> list[Row]:
        """Return those of `rows` that exist and have other values than those `remembered`."""
        matches = lookup.by_identifier(self._sessions[0], table, [row.identifier for row in rows])
        return [
            row
            for row in rows
            if any(
                altered.unexpected(
                    difference(table, match.values, row.values),
                    remembered.get(row.identifier, altered.NOTHING),
                )
                for match in matches[row.identifier]
            )
        ]

    def _prepared(self, table: Table, resolved: Resolved) -> tuple[list[Row], list[Settled]]:
        """Return the rows that can be written, with texts that fit; settle the others."""
        policy = self._policy
        outcome = Outcome.REJECTED if policy.on_missing_reference == "reject" else Outcome.HELD
        settled = []
        for row in resolved.waiting:
            reason = resolved.unresolved[row.identifier]
            waits = Decision(row, outcome, cause=Cause.REFERENCE, reason=reason)
            settled.append(_as_decided(waits, outcome))
        lengths = {
            name: definition.max_length
            for name, definition in self._definitions.get(table.name, {}).items()
            if definition.type in _TEXT_TYPES and name in table.fields
        }
        fitting = []
        for row in resolved.ready:
            if policy.on_long_text == "truncate":
                fitting.append(truncated(row, lengths))
            elif problems := too_long(row, lengths):
                reason = f"too long for {table.name}: {'; '.join(problems)}"
                rejected = Decision(row, Outcome.REJECTED, cause=Cause.LENGTH, reason=reason)
                settled.append(_as_decided(rejected, Outcome.REJECTED))
            else:
                fitting.append(row)
        return fitting, settled

    def _decisions(
        self, table: Table, rows: Sequence[Row], recorder: Recorder, claims: Claims | None
    ) -> list[Decision]:
        decisions = look(self._sessions[0], table, rows, recorder, claims)
        if any(decision.outcome in _FOUND for decision in decisions):
            self._verified.add(table.name)
        return decisions

    def _write(self, table: Table, writes: list[Decision], notes: Notes) -> None:
        batch_size = self._batch_sizes.setdefault(table.name, BatchSize())

        def write(session: Session, share: Sequence[Decision]) -> None:
            try:
                RowWriter(
                    session,
                    table,
                    notes,
                    batch_size=batch_size,
                    keeps_sys_ids=self._keeps_sys_ids,
                ).write(share)
            except BaseException:
                self._stop.set()
                raise

        # The first row that is taken shows whether the instance keeps the identifier, before
        # there are many. While all are refused, twice as many are tried.
        few = 1
        while writes and table.name not in self._verified:
            write(self._sessions[0], writes[:few])
            writes = writes[few:]
            few *= 2
            if notes.refusals.shown:
                self._verified.add(table.name)
            elif notes.refusals.blind:
                raise StopRunError(_unreadable(table))
        if len(writes) <= batch_size.rows or len(self._sessions) == 1:
            write(self._sessions[0], writes)
            return
        shares: list[list[Decision]] = [[] for _ in self._sessions]
        for decision in writes:
            shares[zlib.crc32(decision.row.identifier.encode()) % len(shares)].append(decision)
        with ThreadPoolExecutor(len(shares)) as pool:  # left when the last worker has ended
            futures = [
                pool.submit(write, session, share)
                for session, share in zip(self._sessions, shares, strict=True)
            ]
            try:
                while wait(futures, timeout=SLICE_SECONDS).not_done:
                    pass
            except BaseException:  # a signal
                self._stop.set()
                raise
        _raise_first(futures)


def _unreadable(table: Table) -> str:
    return (
        f"ServiceNow creates rows of {table.name} and shows none of them: give the integration "
        f"user a role that can read the table with its column {table.source_column}, and run "
        "again; the ledger knows what was created, so nothing is created twice"
    )


def _raise_first(futures: Sequence[Future[None]]) -> None:
    """Raise what stopped a worker; the others only stopped because of it."""
    errors = [error for future in futures if (error := future.exception())]
    for error in sorted(errors, key=lambda error: isinstance(error, StoppedError)):
        raise error


def _as_decided(decision: Decision, outcome: Outcome, sys_id: str = "") -> Settled:
    """Settle a row that is not sent."""
    return Settled(decision, outcome, sys_id, cause=decision.cause, reason=decision.reason)


_FOUND = {Outcome.UNCHANGED, Outcome.UPDATED}
"""Outcomes of rows that were found with their source column."""

_TEXT_TYPES = {"string", "translated_text", "email", "url", "phone_number_e164", "multi_two_lines"}
