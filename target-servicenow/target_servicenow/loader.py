"""From records of a stream to settled rows in the ledger."""

from __future__ import annotations

import logging
import typing as t
from collections import Counter
from itertools import chain

from target_servicenow.api.errors import StopRunError
from target_servicenow.held_back import HeldBack
from target_servicenow.ledger.entries import FROM_LEDGER, Entry
from target_servicenow.ledger.writer import company
from target_servicenow.mapping import versions
from target_servicenow.mapping.identifiers import company_prefix, keyless, parent_prefix
from target_servicenow.mapping.render import Row, Unrendered, render_record
from target_servicenow.outcomes import FOR_A_PERSON, Cause
from target_servicenow.overtaken import Overtaken
from target_servicenow.recorder import LedgerRecorder
from target_servicenow.upsert.adopt import Claims
from target_servicenow.upsert.gone import FLOOR, gone
from target_servicenow.vanished import Vanished

if t.TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from target_servicenow.ledger.entries import Reject
    from target_servicenow.ledger.writer import LedgerWriter
    from target_servicenow.mapping.profile import Profile, Table
    from target_servicenow.mapping.versions import Record, Version
    from target_servicenow.upsert.upserter import Upserter

logger = logging.getLogger(__name__)

_OUT_OF_REACH = {Cause.HIDDEN, Cause.REASSIGNED}
"""What only a person changes: trying again in the same run finds the same."""

RETRIED_TOGETHER = 500
"""Waiting rows that are read and tried at once."""


class Loader:
    """Renders, upserts and records.

    Attributes:
        altered: Rows whose column was stored differently from what was sent, by table and column.
        left_altered: Rows whose column still is, so that it was not sent again, likewise.
        unseen: Rows in which ServiceNow did not show a column, by table and column.
    """

    def __init__(
        self,
        profile: Profile,
        upserter: Upserter,
        ledger: LedgerWriter,
        *,
        max_rejects: int | None,
        max_inactive_percent: int = 10,
        announce: bool = False,
        validating: bool = False,
    ) -> None:
        """Prepare.

        Args:
            profile: The mapping.
            upserter: Brings rows into ServiceNow.
            ledger: The ledger, its run started.
            max_rejects: More newly rejected rows than this stop the run; None for any number.
            max_inactive_percent: More rows than this that are gone at once are held back.
            announce: Log every change, row by row, old and new (mode plan).
            validating: Records are validated against their schema, so one that did not match it
                waits for its next version instead of being retried.
        """
        self._profile = profile
        self._upserter = upserter
        self._ledger = ledger
        self._max_rejects = max_rejects
        self._held_back = HeldBack(ledger, upserter, max_inactive_percent)
        self._overtaken = Overtaken(ledger, profile, max_inactive_percent)
        self._vanished = Vanished(ledger, profile, upserter)
        self._announce = announce
        self._validating = validating
        self.altered: Counter[tuple[str, str]] = Counter()
        self.left_altered: Counter[tuple[str, str]] = Counter()
        self.unseen: Counter[tuple[str, str]] = Counter()

    def load(
        self,
        tables: Sequence[Table],
        records: Iterable[dict[str, t.Any]],
        *,
        version: int | None = None,
    ) -> None:
        """Settle the rows that the records of one stream have in its tables.

        Args:
            tables: All tables of the stream, each after those it points into.
            records: Any number; of two versions of one record the last one counts.
            version: The Singer version the records came under, if any.

        Raises:
            StopRunError: The run cannot go on, or too many rows were rejected.
        """
        records = list(records)
        # A record from the ledger holds only the entries that waited there.
        stamps = [record.pop(FROM_LEDGER, None) for record in records]
        exported = [(r, stamp) for r, stamp in zip(records, stamps, strict=True) if stamp]
        whole = [r for r, stamp in zip(records, stamps, strict=True) if not stamp]
        if exported:
            self._load_exported(tables, exported)
        for table in tables if whole else ():
            read = versions.latest(self._profile, table, whole)
            self._overtaken.by_key(table, read)
            self._load(table, chain.from_iterable(one.rows for one in read), version)
            self._overtaken.by_filter(table, read)
            if table.each:
                self._overtaken.by_header(table, read)
                self._load_leftovers(table, read, version)

    def _load_exported(
        self, tables: Iterable[Table], exported: Iterable[tuple[Record, t.Any]]
    ) -> None:
        """Settle the rows of records that the ledger exported, as far as they still wait there."""
        current = [one for one in exported if not self._overtaken.is_stale(*one)]
        for table in tables:
            rendered = [list(render_record(self._profile, table, record)) for record, _ in current]
            self._load(table, chain.from_iterable(rendered), None)
            for rows, (_, stamp) in zip(rendered, current, strict=True):
                self._overtaken.by_import(table, stamp, {row.identifier for row in rows})

    def _load_leftovers(self, table: Table, read: Iterable[Version], version: int | None) -> None:
        """Settle the rows of entries that records, read whole, no longer hold.

        Where a record lost many, its list may have been cut short, unless it says that it is
        deleted as a whole.
        """
        whole = [one for one in read if one.is_whole(table)]
        kept = {one.prefix: one.identifiers for one in whole}
        deleted = {one.prefix for one in whole if one.is_deleted(table)}
        if table.when_gone:
            leaving: dict[str, list[Row]] = {}
            for row in self._upserter.leftovers(table, kept):
                leaving.setdefault(_prefix(row.identifier, kept), []).append(row)
            allowed: list[Row] = []
            for prefix, gone_rows in leaving.items():
                if len(gone_rows) > FLOOR and prefix not in deleted:
                    due = self._differing(table, gone_rows)
                    total = len(kept[prefix]) + len(due)
                    if self._held_back.holds(table, due, total, f"are no longer in {prefix[:-1]}"):
                        del kept[prefix]
                        continue
                allowed += gone_rows
            self._load(table, allowed, version)
            for row in allowed:
                kept[_prefix(row.identifier, kept)].add(row.identifier)
        self._overtaken.by_entries(table, kept)

    def reject(
        self,
        tables: Iterable[Table],
        record: Mapping[str, t.Any],
        misfit: str,
        *,
        version: int | None = None,
    ) -> None:
        """Record that a record has no rows, since it does not match its schema."""
        reason = f"it does not match its schema: {misfit}"
        record = {name: record[name] for name in record if name != FROM_LEDGER}
        for table in tables:
            rows = render_record(self._profile, table, record)
            unfit = [
                Unrendered(table.name, row.identifier, Cause.SCHEMA, reason, row.payload)
                for row in rows
            ]
            if not unfit:
                name = parent_prefix(self._profile, table, record) or keyless(record)
                unfit = [Unrendered(table.name, name, Cause.SCHEMA, reason, record)]
            self._load(table, unfit, version)

    def deactivate(
        self, table: Table, version: int, partitions: Iterable[Mapping[str, t.Any]] = ()
    ) -> None:
        """Set to ``when_gone`` what a complete read under `version` did not bring.

        A company of which it would be too many rows is left alone, and so is one of which the read
        brought nothing, unless it is known to have been read.

        Args:
            table: The table.
            version: The Singer version of the read.
            partitions: What the tap says that it has read.
        """
        whole = self._whole(table, partitions)
        seen, unseen = self._ledger.seen_and_unseen(table.name, version, whole)
        leaving: dict[str, list[Row]] = {}
        for row in self._differing(table, gone(table, unseen)):
            leaving.setdefault(company(row.identifier), []).append(row)
        for name, rows in leaving.items():
            where = f"were not in the complete read of {name.partition(':')[2]}"
            if not self._held_back.holds(table, rows, seen[name] + len(rows), where):
                self._load(table, rows, None)

    def end_unseen(
        self, table: Table, version: int, partitions: Iterable[Mapping[str, t.Any]] = ()
    ) -> None:
        """End the wait of rows that a complete read under `version` did not bring."""
        self._overtaken.by_sweep(table, version, self._whole(table, partitions))

    def _whole(self, table: Table, partitions: Iterable[Mapping[str, t.Any]]) -> set[str]:
        """Return the companies that a tap says it has read."""
        return {company_prefix(self._profile, table, partition) for partition in partitions} - {""}

    def vanished(self, entry: Record) -> int:
        """List the rows of a record that vanished before it was final: see `Vanished.add`."""
        return self._vanished.add(entry)

    def _differing(self, table: Table, rows: Sequence[Row]) -> list[Row]:
        remembered = self._ledger.altered(table.name, [row.identifier for row in rows])
        return self._upserter.differing(table, rows, remembered)

    def retry(self, tables: Sequence[Table]) -> None:
        """Retry what was held in this run, and what earlier runs held or rejected.

        Args:
            tables: The tables in which rows wait, each after those it points into.
        """
        waiting = self._ledger.pending()
        by_name = {table.name: table for table in tables}
        for table, rows in self._held_back.released(tables):
            self._load(table, rows, None)
        again = [
            reject
            for reject in waiting
            if reject.table in by_name
            and reject.cause not in FOR_A_PERSON
            and not (reject.run == self._ledger.run and reject.cause in _OUT_OF_REACH)
            and not (self._validating and reject.cause == Cause.SCHEMA)
        ]
        if not again:
            return
        logger.info("Retrying held or rejected rows (%d)", len(again))
        self._ledger.begin_retry(again)
        for table in tables:
            leaving = [r.identifier for r in again if r.table == table.name and not r.has_record]
            self._load(table, gone(table, leaving), None)
        beside = [
            table
            for table in self._profile.tables
            if table.name not in by_name and any(_feeds(table, other) for other in tables)
        ]
        for table in (*beside, *tables):
            wanted = [
                reject
                for reject in again
                if reject.has_record
                and (reject.table == table.name or _feeds(table, by_name[reject.table]))
            ]
            claims = self._claims(table, list({*wanted, *self._ledger.memory.waiting(table.name)}))
            for page in _pages(wanted):
                self._load(table, self._rendered(table, page), None, claims)

    def _claims(self, table: Table, waiting: Sequence[Reject]) -> Claims:
        """Return which waiting rows could claim one that was typed in by hand."""
        claims = Claims(table)
        for page in _pages(waiting) if table.adopt_by else ():
            rows = [row for row in self._rendered(table, page) if isinstance(row, Row)]
            known = self._ledger.memory.known(table.name, [row.identifier for row in rows])
            self._upserter.claim(table, rows, known, claims)
        return claims

    def _rendered(self, table: Table, page: Iterable[Reject]) -> Iterator[Row | Unrendered]:
        """Yield the rows that the records of waiting rows have in a table."""
        for payload in self._ledger.payloads(page):
            yield from render_record(self._profile, table, payload)

    def _load(
        self,
        table: Table,
        rendered: Iterable[Row | Unrendered],
        version: int | None,
        claims: Claims | None = None,
    ) -> None:
        rows: list[Row] = []
        unfit: list[Entry] = []
        for row in {row.identifier: row for row in rendered}.values():  # the last version counts
            if isinstance(row, Row):
                rows.append(row)
            else:
                logger.warning("%s %s %s: %s", table.name, row.identifier, row.outcome, row.reason)
                unfit.append(
                    Entry(
                        table.name,
                        row.identifier,
                        row.outcome,
                        cause=row.cause,
                        reason=row.reason,
                        stream=table.stream,
                        payload=row.payload,
                        version=version,
                    )
                )
        if unfit:
            self._ledger.record(unfit)

        if rows:
            recorder = LedgerRecorder(
                table,
                self._ledger,
                version,
                altered=self.altered,
                left_altered=self.left_altered,
                unseen=self.unseen,
                announce=self._announce,
            )
            self._upserter.upsert(table, rows, recorder, claims)
        self._guard()

    def _guard(self) -> None:
        rejected = self._ledger.new_rejects() if self._max_rejects is not None else 0
        if self._max_rejects is not None and rejected > self._max_rejects:
            raise StopRunError(
                f"More rows were rejected ({rejected}) than max_rejects allows "
                f"({self._max_rejects}): see their reasons with target-servicenow ledger rejects, "
                "correct them, drop them there with --drop, or raise max_rejects, and run again"
            )


def _pages(rejects: Sequence[Reject]) -> Iterator[Sequence[Reject]]:
    """Yield waiting rows in pages, since all their records together may not fit into memory."""
    for start in range(0, len(rejects), RETRIED_TOGETHER):
        yield rejects[start : start + RETRIED_TOGETHER]


def _feeds(table: Table, other: Table) -> bool:
    """Tell whether the records of `other` also have the rows in `table` that it points at."""
    return table.name in other.references() and (table.stream, table.each) == (
        other.stream,
        other.each,
    )


def _prefix(identifier: str, prefixes: Container[str]) -> str:
    """Return the one of `prefixes` that an identifier begins with; each ends with a colon."""
    prefix = identifier
    while prefix not in prefixes:
        prefix = prefix[: prefix[:-1].rindex(":") + 1]
    return prefix
