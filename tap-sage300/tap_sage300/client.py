"""Sage300Stream: carries a replication plan out, in Singer's terms."""

from __future__ import annotations

import typing as t
from functools import cached_property

from singer_sdk import metrics
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.mapper import SameRecordTransform
from typing_extensions import override

from tap_sage300 import progress_log
from tap_sage300.api import lazy
from tap_sage300.api.errors import CallBudgetError, NoAccessError
from tap_sage300.company_stream import CompanyStream
from tap_sage300.errors import TapError
from tap_sage300.events import Event, ReadNotes
from tap_sage300.message_writer import Envelope
from tap_sage300.progress_log import ProgressLog
from tap_sage300.reading import reader, replication, state
from tap_sage300.reading.records import COMPANY, Builder, builder

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from singer_sdk import Tap
    from singer_sdk.helpers.types import Context, Record

    from tap_sage300.api.odata import Record as SageRecord
    from tap_sage300.discovery import SiteEntity
    from tap_sage300.message_writer import MessageWriter
    from tap_sage300.run import Run


STALLED_RUNS = 2
"""Runs in a row without headway that are reported."""


class Sage300Stream(CompanyStream):
    """One entity of Sage 300.

    The SDK runs the read; the state is this stream's own.
    """

    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE  # records are built strictly, from JSON

    @override
    def __init__(self, tap: Tap, run: Run, known: SiteEntity) -> None:
        """Make the stream of what is known of it on the site; nothing is read yet."""
        super().__init__(tap, run, known)
        self._writer = t.cast("MessageWriter", tap.message_writer)
        self._unknown: frozenset[str] = frozenset()
        self._rows = 0

    @override
    def get_records(self, context: Context | None) -> Iterator[Record]:
        """Read one company; where it cannot be read, that is noted and the run goes on.

        Raises:
            TapError: Nothing at all can be read.
        """
        company: str = (context or {})[COMPANY]
        module = self.entity.module
        notes = ReadNotes(self._run.events, company, self.name)
        if closed := self._run.closed(company, module):
            notes.end(state.Progress(), str(closed))
            return
        try:
            yield from self._read(context, company, notes)
        except NoAccessError:
            raise
        except TapError as error:
            notes.end(state.Progress(), str(error))
            self._run.fail(company, module, error)
            self.logger.warning(
                "%s of %s is read no further in this run, for a reason given at its end",
                self.name,
                company,
            )

    def _read(self, context: Context | None, company: str, notes: ReadNotes) -> Iterator[Record]:
        """Read one company: each page's records, then the state that covers them.

        The SDK takes the next record when it has written the one before, so that the state
        written here never runs ahead of the records.

        Raises:
            TapError: Sage 300 cannot be read, or the state is not this tap's.
        """
        entity = self.dated_entity
        try:
            progress = state.load(self.get_context_state(context), entity.date, len(entity.keys))
        except ValueError as error:
            raise TapError(
                f"The state of {self.name} for {company} cannot be used: {error}"
            ) from error
        opened = progress = self._begin(company, progress)
        calls = self._reader.calls
        log = ProgressLog()
        try:
            for step in self._reader.read(company, progress):
                self._log_unknown(step.rows)
                version = step.progress.version
                self.set_version(version)
                self._envelope = Envelope(self.name, step.received_at, version)
                for record in self._builder.build(company, step.rows):
                    yield record
                    record.clear()  # the SDK holds on to the last one, and so to a large page
                self._rows += len(step.rows)
                notes.take(step)
                if step.progress.swept != progress.swept:
                    self.activate(company, step.progress.swept)
                progress = step.progress
                self._save(context, progress)
                if line := log.line(step, self._reader.calls, self._run.session.limiter.left):
                    self.logger.info("%s of %s: %s", self.name, company, line)
                del step  # as it does
            notes.end(progress, self._reader.incomplete)
            if progress.window is not None:
                self._save(context, self._headway(company, opened, progress))
        except CallBudgetError:
            notes.end(progress, "the calls of this run (max_calls_per_run) are spent")
            if self._reader.calls > calls:
                progress = self._headway(company, opened, progress)
            self._save(context, replication.put_off(progress))
            self._log_budget(company, progress)
        except TapError as error:
            notes.end(progress, str(error))
            self._save(context, self._headway(company, opened, progress))
            raise

    def _begin(self, company: str, progress: state.Progress) -> state.Progress:
        """Choose what to read of a company."""
        today = reader.utc_today()
        progress, remark = replication.set_back(progress, today)
        if remark:
            self.logger.warning("%s of %s: %s", self.name, company, remark)
        return self.with_version(company, replication.begin(progress, self._rules, today))

    def _headway(
        self, company: str, opened: state.Progress, reached: state.Progress
    ) -> state.Progress:
        """Note whether a run that was cut came further than the one before."""
        progress = replication.headway(opened, reached)
        runs = 0 if progress.window is None else progress.window.stalled
        if runs >= STALLED_RUNS:
            self.logger.error(
                "%s of %s: no headway in %d runs in a row: raise max_calls_per_run if the budget "
                "ends them, otherwise clear what makes them fail; nothing more of it is read until "
                "then",
                self.name,
                company,
                runs,
            )
        return progress

    @cached_property
    def _rules(self) -> replication.Rules:
        config, entity = self._run.config, self.dated_entity
        sweeps = [config.full_sweep_days]
        if not entity.is_dated:
            sweeps.append(config.undated_sweep_days)
        elif self.replication_method == "FULL_TABLE":  # demanded by the catalog
            sweeps.append(0)
        return replication.Rules(
            lookback_days=config.lookback_days,
            dated=entity.date is not None,
            start_date=config.start_date if entity.is_dated else None,
            sweep_days=min((days for days in sweeps if days is not None), default=None),
            paging=config.paging,
        )

    @cached_property
    def _builder(self) -> Builder:
        return builder(self.effective_schema, self._is_selected, self.entity.calculated)

    def _is_selected(self, path: tuple[str, ...]) -> bool:
        """Return whether the catalog selects a property, by the names that lead to it."""
        if len(path) == 1:
            return self.mask["properties", path[0]]
        # Singer has an `items` in the breadcrumb of what is in a list; some tools leave it out.
        short = tuple(step for name in path for step in ("properties", name))
        long = tuple(step for name in path for step in ("items", "properties", name))[1:]
        return self.mask.get(short, True) and self.mask.get(long, True)

    @cached_property
    def _reader(self) -> reader.EntityReader:
        entity = self.dated_entity
        return reader.EntityReader(
            entity,
            self._rules,
            self._run.session,
            self.logger,
            page_size=self._run.page_size(entity),
            select=self._builder.to_select(entity.required),
            date_literals=self._run.date_literals(whole_days=self._is_day(entity.date)),
        )

    def _is_day(self, name: str | None) -> bool:
        schema = self.effective_schema["properties"].get(name, {})
        return bool(schema.get("format") == "date")

    @cached_property
    def _is_mapped(self) -> bool:
        """Whether the setting stream_maps changes this stream."""
        return [type(stream_map) for stream_map in self.stream_maps] != [SameRecordTransform]

    @override
    def write_record(self, record: Record) -> None:
        """Write a record, past the SDK's message objects where nothing is to be mapped."""
        if self._is_mapped:
            super().write_record(lazy.parsed(record))
        else:
            for part in self._envelope.line(record):
                self._writer.hold(part)

    def _save(self, context: Context | None, progress: state.Progress) -> None:
        self._writer.write_held()  # a state that did not change is not written again
        self._run.write_events()  # before the state, which may no longer show them
        self.write_state(context, state.dump(progress, self.dated_entity.date))

    def _log_unknown(self, rows: Sequence[SageRecord]) -> None:
        unknown = self._builder.unknown(rows[0]) - self._unknown if rows else frozenset()
        if unknown:
            self._unknown |= unknown
            self.logger.warning(
                "Properties of %s that are not in the catalog are skipped: %s",
                self.name,
                ", ".join(sorted(unknown)),
            )

    def _log_budget(self, company: str, progress: state.Progress) -> None:
        if self._run.budget_logged:
            return
        self._run.budget_logged = True
        self._run.events.note(Event.BUDGET_STOP, company, self.name)
        last = None if progress.window is None else progress.window.last_key
        self.logger.info(
            "The %d calls of this run (max_calls_per_run) are spent: %s of %s is %s; the next run "
            "resumes there and reads the rest after it",
            self._run.config.max_calls_per_run,
            self.name,
            company,
            "not started yet"
            if last is None
            else f"read up to {' and '.join(self.entity.keys)} {last}",
        )

    @override
    def log_sync_costs(self) -> None:
        """Log how many records the run read, and at what cost."""
        if not self.selected:
            return
        calls, left = self._reader.calls, self._run.session.limiter.left
        self.logger.info("%s: %d records in %d calls to Sage 300", self.name, self._rows, calls)
        for point in progress_log.points(self.name, calls, left):
            metrics.log(self.metrics_logger, point)
