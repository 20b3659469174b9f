"""Sage300Stream: carries a replication plan out, in Singer's terms."""

from __future__ import annotations

import logging
import typing as t
from functools import cached_property

from singer_sdk import SchemaDirectory, Stream, StreamSchema
from singer_sdk.helpers.conform import TypeConformanceLevel

import tap_sage300
from tap_sage300 import replication, state
from tap_sage300.errors import CallBudgetError, TapError
from tap_sage300.reader import Entity, Reader, utc_today
from tap_sage300.records import COMPANY, Builder, builder

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from singer_sdk import Tap
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.singerlib import MetadataMapping

    from tap_sage300.odata import Record as SageRecord
    from tap_sage300.source import Source


class Sage300Stream(Stream):
    """One entity of Sage 300; a partition is a company.

    The SDK runs the read and writes the records. Bookmarks are this stream's own: the SDK keeps
    what it has seen of an unsorted stream as progress markers, which a cut run throws away.
    """

    entity: t.ClassVar[Entity]
    """What to read, and how its changes show."""

    schema = StreamSchema(SchemaDirectory(f"{tap_sage300.__path__[0]}/schemas"))
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE  # records are built strictly, from JSON

    def __init__(self, tap: Tap, source: Source) -> None:
        """Make the stream; nothing is read yet."""
        super().__init__(tap, name=self.entity.name)
        self.primary_keys = (COMPANY, self.entity.key)
        self.replication_key = self.entity.date
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
        try:
            progress = state.load(self.get_context_state(context), self.entity.date)
        except ValueError as fault:
            raise TapError(f"The state of {self.name} for {company}: {fault}.") from fault
        progress = replication.begin(progress, self._rules, utc_today())
        try:
            for rows, after in self._reader.read(company, progress):
                self._mention_strangers(rows)
                for row in rows:
                    yield self._builder.build(company, row)
                self._rows += len(rows)
                progress = after
                self._remember(context, progress)
        except CallBudgetError:
            self._remember(context, replication.put_off(progress))
            self._tell_budget(company, progress)

    @cached_property
    def _rules(self) -> replication.Rules:
        settings, entity = self._source.settings, self.entity
        wanted = [settings.full_sweep_days]
        if not entity.dates_edits:
            wanted.append(settings.gl_sweep_days)
        if self.replication_method == "FULL_TABLE":  # demanded by the catalog
            wanted.append(0)
        return replication.Rules(
            lookback_days=settings.lookback_days,
            start_date=settings.start_date if entity.dates_edits else None,
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
        select = self._builder.to_select((self.entity.key, self.entity.date, self.entity.status))
        return Reader(self.entity, self._rules, select, self._source, self.logger)

    def _remember(self, context: Context | None, progress: state.Progress) -> None:
        part = self.get_context_state(context)
        part.clear()
        part.update(context=dict(context or {}), **state.dump(progress, self.entity.date))
        self.state_manager.is_flushed = False
        self._write_state_message()

    def _mention_strangers(self, rows: list[SageRecord]) -> None:
        strange = self._builder.unknown(rows[0]) - self._strange if rows else frozenset()
        if strange:
            self._strange |= strange
            self.logger.warning(
                "Properties that the catalog does not know are left out: %s",
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
            "is not begun" if last is None else f"is read up to {self.entity.key} {last}",
        )

    # What the SDK asks

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
        if self.selected:
            self.logger.info("%d records in %d calls to Sage 300", self._rows, self._reader.calls)

    def log(self, message: str, *args: t.Any, level: int = logging.INFO, **kwargs: t.Any) -> None:
        """Leave out the SDK's line on a failed sync: the command says why, in one sentence."""
        if level < logging.ERROR:
            super().log(message, *args, level=level, **kwargs)

    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """Set no signpost."""

    def _increment_stream_state(
        self, latest_record: Record, *, context: Context | None = None
    ) -> None:
        """Keep no progress markers."""

    def _write_starting_replication_value(self, context: Context | None) -> None:
        """Keep no starting value; the window holds it."""
