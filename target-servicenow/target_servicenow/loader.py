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
from target_servicenow.mapping.expression import parent_name
from target_servicenow.mapping.render import (
    Row,
    Unrendered,
    company_prefix,
    holds_entries,
    keyless,
    parent_prefix,
    render_record,
)
from target_servicenow.outcomes import Cause, Outcome
from target_servicenow.recorder import LedgerRecorder
from target_servicenow.upsert.gone import FLOOR, gone

if t.TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from target_servicenow.ledger.entries import Reject
    from target_servicenow.ledger.writer import LedgerWriter
    from target_servicenow.mapping.profile import Profile, Table
    from target_servicenow.upsert.upserter import Upserter

logger = logging.getLogger(__name__)

RETRIED_TOGETHER = 500
"""Waiting rows that are read and tried at once."""


class Loader:
    """Renders, upserts and records.

    Attributes:
        altered: Rows whose column was stored differently from what was sent, by table and column.
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
            max_rejects: More rejected rows than this stop the run; None for any number.
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
        self._announce = announce
        self._validating = validating
        self.altered: Counter[tuple[str, str]] = Counter()
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
        partial = [bool(record.pop(FROM_LEDGER, False)) for record in records]
        for table in tables:
            if table.each:
                self._load_entries(table, records, partial, version)
            else:
                rows = (
                    row for record in records for row in render_record(self._profile, table, record)
                )
                self._load(table, rows, version)

    def _load_entries(
        self,
        table: Table,
        records: Sequence[Mapping[str, t.Any]],
        partial: Sequence[bool],
        version: int | None,
    ) -> None:
        """Settle the rows of records that hold several, and of entries they no longer hold."""
        latest: dict[str, Mapping[str, t.Any]] = {}
        for number, record in enumerate(records):
            prefix = "" if partial[number] else parent_prefix(self._profile, table, record)
            latest.pop(prefix, None)  # the last version comes last
            latest[prefix or f"({number})"] = record
        rendered = {
            prefix: list(render_record(self._profile, table, record))
            for prefix, record in latest.items()
        }
        self._load(table, chain.from_iterable(rendered.values()), version)
        if table.when_gone:
            whole = {
                prefix: {row.identifier for row in rows}
                for prefix, rows in rendered.items()
                if prefix.endswith(":")
                and holds_entries(latest[prefix], table.each)
                and all(row.identifier.startswith(prefix) for row in rows)
            }
            deleted = {prefix for prefix in whole if _is_deleted(table, latest[prefix])}
            self._load_leftovers(table, whole, deleted, version)

    def _load_leftovers(
        self,
        table: Table,
        kept: dict[str, set[str]],
        deleted: Container[str],
        version: int | None,
    ) -> None:
        """Settle the rows of entries that records no longer hold.

        Where a record lost many, its list may have been cut short, unless it says that it is
        deleted as a whole.
        """
        leaving: dict[str, list[Row]] = {}
        for row in self._upserter.leftovers(table, kept):
            leaving.setdefault(_prefix(row.identifier, kept), []).append(row)
        allowed: list[Row] = []
        for prefix, rows in leaving.items():
            if len(rows) > FLOOR and prefix not in deleted:
                due = self._upserter.differing(table, rows)
                total = len(kept[prefix]) + len(due)
                if self._held_back.holds(table, due, total, f"are no longer in {prefix[:-1]}"):
                    del kept[prefix]
                    continue
            allowed += rows
        self._load(table, allowed, version)
        self._ledger.drop_rejects(table.name, kept)

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
        whole = {company_prefix(self._profile, table, partition) for partition in partitions}
        seen, unseen = self._ledger.seen_and_unseen(table.name, version, whole)
        leaving: dict[str, list[Row]] = {}
        for row in self._upserter.differing(table, gone(table, unseen)):
            leaving.setdefault(company(row.identifier), []).append(row)
        for name, rows in leaving.items():
            where = f"were not in the complete read of {name.partition(':')[2]}"
            if not self._held_back.holds(table, rows, seen[name] + len(rows), where):
                self._load(table, rows, None)

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
            and reject.cause != Cause.TOO_MANY_GONE
            and not (self._validating and reject.cause == Cause.SCHEMA)
        ]
        if not again:
            return
        logger.info("Retrying held or rejected rows (%d)", len(again))
        self._ledger.uncount(again)
        beside = [
            table
            for table in self._profile.tables
            if table.name not in by_name and any(_feeds(table, other) for other in tables)
        ]
        for table in (*beside, *tables):
            wanted = [
                reject
                for reject in again
                if reject.table == table.name or _feeds(table, by_name[reject.table])
            ]
            for page in _pages(wanted):
                self._load(
                    table,
                    (
                        row
                        for payload in self._ledger.payloads(page)
                        for row in render_record(self._profile, table, payload)
                    ),
                    None,
                )

    def _load(
        self, table: Table, rendered: Iterable[Row | Unrendered], version: int | None
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
                unseen=self.unseen,
                announce=self._announce,
            )
            self._upserter.upsert(table, rows, recorder)
        self._guard()

    def _guard(self) -> None:
        counts = self._ledger.counts().values()
        rejected = sum(fates.get(Outcome.REJECTED, 0) for fates in counts)
        if self._max_rejects is not None and rejected > self._max_rejects:
            raise StopRunError(
                f"More rows were rejected ({rejected}) than max_rejects allows "
                f"({self._max_rejects}): see their reasons with target-servicenow ledger rejects, "
                "correct them or raise max_rejects, and run again"
            )


def _pages(rejects: Sequence[Reject]) -> Iterator[Sequence[Reject]]:
    """Yield waiting rows in pages, since all their records together may not fit into memory.

    Rows that could be each other's are decided together.
    """
    together = [reject for reject in rejects if reject.cause == Cause.ADOPTION]
    if together:
        yield together
    others = [reject for reject in rejects if reject.cause != Cause.ADOPTION]
    for start in range(0, len(others), RETRIED_TOGETHER):
        yield others[start : start + RETRIED_TOGETHER]


def _feeds(table: Table, other: Table) -> bool:
    """Tell whether the records of `other` also have the rows in `table` that it points at."""
    return table.name in other.references() and (table.stream, table.each) == (
        other.stream,
        other.each,
    )


def _is_deleted(table: Table, record: Mapping[str, t.Any]) -> bool:
    """Tell whether a record itself says, by ``create_when``, that it has no rows any more."""
    if table.create_when is None:
        return False
    scope = {**record, **{parent_name(name): value for name, value in record.items()}}
    return scope.keys() >= {*table.create_when.names} and not table.create_when(scope)


def _prefix(identifier: str, prefixes: Container[str]) -> str:
    """Return the one of `prefixes` that an identifier begins with; each ends with a colon."""
    prefix = identifier
    while prefix not in prefixes:
        prefix = prefix[: prefix[:-1].rindex(":") + 1]
    return prefix
