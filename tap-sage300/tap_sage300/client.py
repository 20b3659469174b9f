"""Sage300Stream: carries a replication plan out, in Singer's terms."""

from __future__ import annotations

import logging
import typing as t
from functools import cached_property

from singer_sdk import Stream, metrics
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.mapper import SameRecordTransform

from tap_sage300 import catalogs, pace, replication, state
from tap_sage300.errors import CallBudgetError, TapError
from tap_sage300.lines import Envelope
from tap_sage300.reader import Reader, utc_today
from tap_sage300.records import COMPANY, Builder, builder

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from singer_sdk import Tap
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.singerlib import Catalog, MetadataMapping

    from tap_sage300.discovery import Found
    from tap_sage300.entity import Entity
    from tap_sage300.lines import LineWriter
    from tap_sage300.odata import Record as SageRecord
    from tap_sage300.source import Source


class Sage300Stream(Stream):
    """One entity of Sage 300; a partition is a company.

    The SDK runs the read. Bookmarks are this stream's own: the SDK keeps what it has seen of an
    unsorted stream as progress markers, which a cut run throws away.
    """

    entity: t.ClassVar[Entity]
    """What to read, and how its changes show."""

    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE  # records are built strictly, from JSON

    def __init__(self, tap: Tap, source: Source, found: Found) -> None:
        """Make the stream of what was found of it on the site; nothing is read yet."""
        super().__init__(tap, name=self.entity.name, schema=dict(found.schema))
        self.primary_keys = (COMPANY, *self.entity.keys)
        self.replication_key = found.date
        self._writer = t.cast("LineWriter", tap.message_writer)
        self._source = source
        self._strange: frozenset[str] = frozenset()
        self._rows = 0

    def get_records(self, context: Context | None) -> Iterator[Record]:
        """Read one company: each page's records, then the state that covers them.

        The SDK asks for the next record when it has written the one before, so that the state
        written here never runs ahead of the records.

        Raises:
            TapError: Sage 300 cannot be read, or the state is not this tap's.
        """
        company: str = (context or {})[COMPANY]
        entity = self._dated_entity
        try:
            progress = state.load(self.get_context_state(context), entity.date, len(entity.keys))
        except ValueError as fault:
            raise TapError(f"The state of {self.name} for {company}: {fault}.") from fault
        progress = replication.begin(progress, self._rules, utc_today())
        speed = pace.Pace()
        try:
            for step in self._reader.read(company, progress):
                self._mention_strangers(step.rows)
                self._envelope = Envelope(self.name, step.received_at)
                yield from self._builder.build(company, step.rows)
                self._rows += len(step.rows)
                progress = step.progress
                self._remember(context, progress)
                if line := speed.line(step, self._reader.calls, self._source.session.gate.left):
                    self.logger.info("%s of %s: %s", self.name, company, line)
        except CallBudgetError:
            self._remember(context, replication.put_off(progress))
            self._tell_budget(company, progress)

    @cached_property
    def _dated_entity(self) -> Entity:
        return self.entity.dated_by(self.replication_key)

    @cached_property
    def _rules(self) -> replication.Rules:
        settings, entity = self._source.settings, self._dated_entity
        wanted = [settings.full_sweep_days]
        if not (entity.date and entity.dates_edits):
            wanted.append(settings.gl_sweep_days)
        elif self.replication_method == "FULL_TABLE":  # demanded by the catalog
            wanted.append(0)
        return replication.Rules(
            lookback_days=settings.lookback_days,
            dated=entity.date is not None,
            start_date=settings.start_date if entity.date and entity.dates_edits else None,
            sweep_days=min((days for days in wanted if days is not None), default=None),
            paging=settings.paging,
        )

    @cached_property
    def _builder(self) -> Builder:
        mask = self.mask
        return builder(
            self.effective_schema, lambda name: mask["properties", name], self.entity.calculated
        )

    @cached_property
    def _reader(self) -> Reader:
        entity = self._dated_entity
        select = self._builder.to_select(entity.needed)
        return Reader(entity, self._rules, select, self._source, self.logger)

    @cached_property
    def _is_mapped(self) -> bool:
        """Tell whether the setting stream_maps changes this stream."""
        return [type(one) for one in self.stream_maps] != [SameRecordTransform]

    def _write_record_message(self, record: Record) -> None:
        """Write a record, past the SDK's message objects where nothing is to be mapped."""
        if self._is_mapped:
            super()._write_record_message(record)
        else:
            self._writer.hold(self._envelope.line(record))

    def _remember(self, context: Context | None, progress: state.Progress) -> None:
        part = self.get_context_state(context)
        part.clear()
        part.update(context=dict(context or {}), **state.dump(progress, self._dated_entity.date))
        self._writer.write_held()  # a state that did not change is not written again
        self.state_manager.is_flushed = False
        self._write_state_message()

    def _mention_strangers(self, rows: list[SageRecord]) -> None:
        strange = self._builder.unknown(rows[0]) - self._strange if rows else frozenset()
        if strange:
            self._strange |= strange
            self.logger.warning(
                "Properties of %s that the catalog does not know are left out: %s",
                self.name,
                ", ".join(sorted(strange)),
            )

    def _tell_budget(self, company: str, progress: state.Progress) -> None:
        if self._source.budget_told:
            return
        self._source.budget_told = True
        last = None if progress.window is None else progress.window.last_key
        self.logger.info(
            "The %d calls of this run (max_calls_per_run) are used up: %s of %s %s; the next run "
            "goes on there and reads the rest after it",
            self._source.settings.max_calls_per_run,
            self.name,
            company,
            "is not begun"
            if last is None
            else f"is read up to {' and '.join(self.entity.keys)} {last}",
        )

    # What the SDK asks

    def apply_catalog(self, catalog: Catalog) -> None:
        """Take schema, selection and date of change from a catalog, but never the key.

        Raises:
            TapError: The catalog asks for what the stream cannot do.
        """
        keys, date = self.primary_keys, self.replication_key
        super().apply_catalog(catalog)
        self.primary_keys = keys
        if self.replication_key is None:
            self.replication_key = date
        if catalog.get_stream(self.name):
            catalogs.check_stream(self.name, self.effective_schema, keys, self.replication_key)

    @property
    def partitions(self) -> list[dict[str, t.Any]]:
        """One partition per company; those that have waited longest come first."""
        waits = self._waits
        companies = self._source.settings.companies
        return [{COMPANY: name} for name in sorted(companies, key=lambda name: -waits.get(name, 0))]

    @property
    def waited(self) -> int:
        """Most runs that ended before a window of this stream did."""
        return max(self._waits.values(), default=0)

    @property
    def _waits(self) -> dict[str, int]:
        stream_state: Mapping[str, t.Any] = self.tap_state.get("bookmarks", {}).get(self.name, {})
        return {
            part.get("context", {}).get(COMPANY, ""): state.waited(part)
            for part in stream_state.get("partitions", ())
        }

    @property
    def metadata(self) -> MetadataMapping:
        """Leave private properties unselected by default."""
        mapping = super().metadata
        for name in self.entity.private:
            mapping["properties", name].selected_by_default = False
        return mapping

    def log_sync_costs(self) -> None:
        """Log what the run has brought and cost."""
        if not self.selected:
            return
        calls, left = self._reader.calls, self._source.session.gate.left
        self.logger.info("%s: %d records in %d calls to Sage 300", self.name, self._rows, calls)
        for point in pace.points(self.name, calls, left):
            metrics.log(self.metrics_logger, point)

    def log(self, message: str, *args: t.Any, level: int = logging.INFO, **kwargs: t.Any) -> None:
        """Leave out the SDK's line on a failed sync: the command says why, in one sentence."""
        if level < logging.ERROR:
            super().log(message, *args, level=level, **kwargs)

    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """Set no signpost."""

    def _process_record(
        self,
        record: Record,
        child_context: Context | None = None,
        partition_context: Context | None = None,
    ) -> None:
        """Have no child streams; the company is in the record already."""

    def _increment_stream_state(
        self, latest_record: Record, *, context: Context | None = None
    ) -> None:
        """Keep no progress markers."""

    def _write_starting_replication_value(self, context: Context | None) -> None:
        """Keep no starting value; the window holds it."""
