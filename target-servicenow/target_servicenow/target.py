"""target-servicenow: a Singer target that upserts into ServiceNow tables."""

from __future__ import annotations

import logging
import os
import sys
import time
import typing as t
from dataclasses import replace
from functools import cached_property

import simplejson
from singer_sdk.exceptions import RecordsWithoutSchemaException
from singer_sdk.helpers.capabilities import PluginCapabilities
from typing_extensions import override

from target_servicenow import exposed_files, settings, state_mark
from target_servicenow.api.oauth import BasicAuth
from target_servicenow.api.session import Session, client_credentials
from target_servicenow.command_line import CommandLineTarget
from target_servicenow.credentials import credentials
from target_servicenow.ledger.writer import LedgerWriter
from target_servicenow.loader import Loader
from target_servicenow.mapped_tables import MappedTables
from target_servicenow.mapping import parse as mapping
from target_servicenow.message_reader import InputError
from target_servicenow.outcomes import COUNTED, Cause
from target_servicenow.sinks import LedgerSink, TableSink
from target_servicenow.upsert.upserter import Policy, Upserter
from target_servicenow.vanished import VANISHED

if t.TYPE_CHECKING:
    from singer_sdk.helpers.capabilities import CapabilitiesEnum
    from singer_sdk.sinks import Sink

    from target_servicenow.api.oauth import Authenticator
    from target_servicenow.findings import Finding
    from target_servicenow.mapping.profile import Table
    from target_servicenow.sdk import Message


class RecordBeforeSchemaError(InputError, RecordsWithoutSchemaException):
    """A record came before the schema of its stream."""


class TargetServiceNow(CommandLineTarget):
    """Upserts Singer records into ServiceNow tables, each row exactly once, with an audit trail."""

    name = "target-servicenow"
    config_jsonschema: t.ClassVar[dict[str, t.Any]] = settings.SCHEMA
    capabilities: t.ClassVar[list[CapabilitiesEnum]] = [
        PluginCapabilities.ABOUT,
        PluginCapabilities.ACTIVATE_VERSION,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]

    @override
    def __init__(self, **options: t.Any) -> None:
        """Read the settings and the mapping; nothing is connected yet.

        Raises:
            SettingError: A setting is missing or wrong.
            MappingError: The mapping does not exist or is not valid.
            LedgerError: The ledger cannot be opened.
        """
        super().__init__(**options)
        self.max_parallelism = 1  # tables drain in the order in which they point at each other
        self._mapping = mapping.load(self.values.mapping, self.values.mapping_overrides)
        self._planning = self.values.mode == "plan"
        self._versions: dict[str, int | None] = {}
        self._started = self._last_checkpoint = time.monotonic()
        self._sessions = self._open_sessions()
        self._ledger = LedgerWriter(self.values.ledger_path)
        self._tables = MappedTables(
            self._mapping,
            self._sessions[0],
            title=self.values.mapping,
            unmapped=self.values.unmapped_streams,
            known=self._ledger.memory.latest,
        )

    def _open_sessions(self) -> list[Session]:
        connection = replace(self.values.connection, stop=self.stop)
        user, secret = credentials(self.values)
        authenticator: Authenticator
        if self.values.auth_method == "basic":
            authenticator = BasicAuth(user, secret)
        else:
            authenticator = client_credentials(connection, client_id=user, client_secret=secret)
        return [Session(connection, authenticator) for _ in range(self.values.workers)]

    def _begin(self) -> None:
        """Open the run in the ledger, once."""
        if self._ledger.run:
            return
        self._ledger.start(
            mode=self.values.mode, mapping=self.values.mapping, instance=self.values.instance
        )
        if days := self.values.ledger_keep_days:
            self.logger.info(
                "%d entries older than %d days were deleted from the ledger (ledger_keep_days)",
                self._ledger.prune(days),
                days,
            )

    @cached_property
    def loader(self) -> Loader:
        """What brings records into ServiceNow."""
        policy = Policy(
            dry_run=self._planning,
            on_missing_reference=self.values.on_missing_reference,
            on_long_text=self.values.on_long_text,
        )
        return Loader(
            self._tables.profile,
            Upserter(self._sessions, self._tables.profile, self._tables.report.definitions, policy),
            self._ledger,
            max_rejects=self.values.max_rejects,
            max_inactive_percent=self.values.max_inactive_percent,
            announce=self._planning,
            validating=self.values.validate_records,
        )

    @override
    def check(self, *, writing: bool) -> list[Finding]:
        return [
            *self._tables.findings(writing=writing),
            *exposed_files.findings(self.values.ledger_path, os.environ),
        ]

    # What a sink needs

    def tables_of(
        self, stream: str, schema: dict[str, t.Any], key_properties: tuple[str, ...]
    ) -> tuple[Table, ...]:
        """Return the tables that a stream fills: none when ``stream_maps`` drops it.

        Raises:
            MappingError: Nothing maps the stream, or it lacks what the mapping needs.
        """
        if self.is_dropped(stream):
            self.logger.info("Stream %s is dropped by stream_maps", stream)
            return ()
        return self._tables.of_stream(stream, schema, key_properties)

    @override
    def get_sink_class(self, stream_name: str) -> type[Sink]:
        """Return the kind of a stream's sink."""
        return LedgerSink if stream_name in self._mapping.ledger else TableSink

    def keep_log(self, stream: str, records: list[dict[str, t.Any]]) -> None:
        """Keep what a tap says of its own run."""
        self._ledger.keep_log(stream, records)
        for record in records:
            if record.get("Event") == VANISHED:
                self.loader.vanished(record)

    def drain_before(self, sink: TableSink) -> None:
        """Settle the records that rows of this sink may point at."""
        wanted = {name for table in sink.tables for name in table.references()}
        for other in list(self.active_sinks.values()):
            names = {table.name for table in other.tables} if isinstance(other, TableSink) else ()
            if other is not sink and wanted.intersection(names):
                self.drain_one(other)

    # Singer messages

    def _sinks_of(self, message: Message) -> list[TableSink]:
        """Return the sinks of a message's stream: several, or others, under stream_maps."""
        maps = self.mapper.stream_maps.get(message["stream"], ())
        sinks = (self.active_sinks.get(stream_map.stream_alias) for stream_map in maps)
        return [sink for sink in sinks if isinstance(sink, TableSink)]

    @override
    def process_schema(self, message: Message) -> None:
        """Settle what came under the old schema, then check the tables under the new one."""
        self._begin()
        stream = message["stream"]
        known = self.mapper.stream_maps.get(stream)
        if known and known[0].raw_schema != message["schema"]:
            for sink in self._sinks_of(message):
                self.drain_one(sink)
        super().process_schema(message)
        self._versions.pop(stream, None)
        for sink in self._sinks_of(message):
            self._ledger.keep_schema(sink.stream_name, sink.original_schema, sink.key_properties)
            self._tables.prepare(sink.tables)

    @override
    def check_stream_known(self, stream_name: str) -> None:
        if not self.sink_exists(stream_name):
            raise RecordBeforeSchemaError(
                f"is a RECORD of stream {stream_name} before any SCHEMA of it"
            )

    @override
    def process_record(self, message: Message) -> None:
        """Collect a record; those of another version are settled first."""
        stream, version = message["stream"], message.get("version")
        if self._versions.get(stream) != version:
            for sink in self._sinks_of(message):
                self.drain_one(sink)
                sink.version = version
            self._versions[stream] = version
        super().process_record(message)

    @override
    def process_activate_version(self, message: Message) -> None:
        """Set inactive what a complete read, which has ended now, did not bring."""
        for sink in self._sinks_of(message):
            self.drain_one(sink)
            for table in sink.tables:
                if table.when_gone and not table.each:
                    self.loader.deactivate(table, message["version"], _partitions(message))
                if not table.each:
                    self.loader.end_unseen(table, message["version"], _partitions(message))

    @override
    def process_state(self, message: Message) -> None:
        """Keep the state, and every ``checkpoint_seconds`` emit it for settled records.

        Raises:
            StateError: It comes from a run that the ledger does not hold.
        """
        if self.values.mark_state:
            self._begin()
            mark = state_mark.of(message["value"])
            if mark is not None and not self._ledger.holds_run(mark):
                raise state_mark.foreign(self.values.ledger_path)
        super().process_state(message)
        if time.monotonic() - self._last_checkpoint >= self.values.checkpoint_seconds:
            self.drain_all()
            self._last_checkpoint = time.monotonic()

    @override
    def process_endofpipe(self) -> None:
        """Settle the rest, retry what was held, and log what was done."""
        self._begin()
        super().process_endofpipe()
        waiting = {
            reject.table for reject in self._ledger.pending() if reject.cause != Cause.VANISHED
        }
        mapped = self._tables.all() if waiting else ()
        if tables := [table for table in mapped if table.name in waiting]:
            self._tables.prepare(tables)
            self.loader.retry(tables)
        self._summarize()
        self.finish("finished")

    @override
    def emit_state(self, state: Message) -> None:
        """Write state to stdout; a plan emits none, or a schedule would skip unwritten rows."""
        if self.values.mark_state:
            state = state_mark.marked(state, self._ledger.mark)
        if not self._planning:
            sys.stdout.write(simplejson.dumps(state, use_decimal=True) + "\n")
            sys.stdout.flush()

    def _summarize(self) -> None:
        for table, counts in self._ledger.counts().items():
            words = (f"{counts.get(outcome, 0)} {outcome}" for outcome in COUNTED)
            self.logger.info("%s: %s", table, ", ".join(words))
        for rules in self._mapping.rules.values():
            for remark in rules.remarks():
                self.logger.info("%s", remark)
        if "loader" in self.__dict__:
            self._summarize_columns()
        self.logger.info(
            "%s %d: %d calls to ServiceNow in %.1f s; the ledger is %s",
            "Plan" if self._planning else "Run",
            self._ledger.run,
            self._calls(),
            time.monotonic() - self._started,
            self.values.ledger_path,
        )

    def _summarize_columns(self) -> None:
        for (table, column), rows in sorted(self.loader.altered.items()):
            self.logger.warning(
                "ServiceNow altered %s.%s (rows: %d); the ledger shows what was sent and what was "
                "stored",
                table,
                column,
                rows,
            )
        for (table, column), rows in sorted(self.loader.left_altered.items()):
            self.logger.info(
                "%s.%s is stored otherwise than sent, as before (rows: %d): it is not sent again "
                "until one of the two changes",
                table,
                column,
                rows,
            )
        definitions = self._tables.report.definitions
        for (table, column), rows in sorted(self.loader.unseen.items()):
            if column in definitions.get(table, {column}):  # else it was reported as missing
                self.logger.warning(
                    "ServiceNow did not show %s.%s in some rows (rows: %d), so it was neither "
                    "compared nor written there: give the integration user a role that can read "
                    "it in every row, or remove the column with mapping_overrides",
                    table,
                    column,
                    rows,
                )

    def _calls(self) -> int:
        return sum(session.calls for session in self._sessions)

    @override
    def finish(self, status: str, message: str = "") -> None:
        """Close the run in the ledger, if it was begun."""
        if self._ledger.run:
            self._ledger.finish(status=status, calls=self._calls(), message=message)
        self._ledger.close()


def _partitions(message: Message) -> list[dict[str, t.Any]]:
    """Return what an ACTIVATE_VERSION says that it covers; most taps do not say so."""
    given = message.get("partitions")
    listed = given if isinstance(given, list) else []
    return [partition for partition in listed if isinstance(partition, dict)]


logging.captureWarnings(capture=True)
