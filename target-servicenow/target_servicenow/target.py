"""target-servicenow: a Singer target that upserts into ServiceNow tables."""

from __future__ import annotations

import logging
import sys
import time
import typing as t
from functools import cached_property
from pathlib import Path

import simplejson
from singer_sdk.exceptions import RecordsWithoutSchemaException
from singer_sdk.helpers.capabilities import PluginCapabilities
from typing_extensions import override

from target_servicenow import config as configuration
from target_servicenow import settings
from target_servicenow.api.oauth import BasicAuth
from target_servicenow.api.session import Session, client_credentials
from target_servicenow.command_line import CommandLineTarget
from target_servicenow.ledger.writer import LedgerWriter
from target_servicenow.loader import Loader
from target_servicenow.mapping import parse as mapping
from target_servicenow.sinks import TableSink
from target_servicenow.mapped_tables import MappedTables
from target_servicenow.upsert.upserter import Policy, Upserter
from target_servicenow.upsert.plan import Outcome

if t.TYPE_CHECKING:
    from types import FrameType

    from singer_sdk.helpers.capabilities import CapabilitiesEnum

    from target_servicenow.preflight import Finding


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
    default_sink_class = TableSink

    # State leaves at checkpoints, and they alone decide when everything is drained.
    _MAX_RECORD_AGE_IN_MINUTES = float("inf")

    @override
    def __init__(self, **options: t.Any) -> None:
        """Read the settings and the mapping; nothing is connected yet.

        Raises:
            SettingError: a setting is missing or wrong.
            MappingError: the mapping is not there or not sound.
            LedgerError: the ledger cannot be opened.
        """
        super().__init__(**options)
        self.max_parallelism = 1  # tables drain in the order they point at each other
        self._mapping = mapping.parse(
            self.config["mapping"], self.config.get("mapping_overrides") or {}
        )
        self._planning = self.config["mode"] == "plan"
        self._versions: dict[str, int | None] = {}
        self._last_checkpoint = time.monotonic()
        self._started = time.monotonic()
        self._sessions = self._open_sessions()
        self.tables = MappedTables(
            self._mapping,
            self._sessions[0],
            title=self.config["mapping"],
            unmapped=self.config["unmapped_streams"],
        )
        self._ledger = LedgerWriter(Path(self.config["ledger_path"]))

    def _begin(self) -> None:
        """Open the run in the ledger, once."""
        if self._ledger.run:
            return
        self._ledger.start(mode=self.config["mode"], mapping=self.config["mapping"])
        if days := self.config["ledger_keep_days"]:
            self.logger.info(
                "%d entries older than %d days are deleted from the ledger (ledger_keep_days)",
                self._ledger.prune(days),
                days,
            )

    @cached_property
    def loader(self) -> Loader:
        """What brings records into ServiceNow."""
        policy = Policy(
            dry_run=self._planning,
            on_missing_reference=self.config["on_missing_reference"],
            on_long_text=self.config["on_long_text"],
        )
        return Loader(
            self.tables.profile,
            Upserter(self._sessions, self.tables.profile, self.tables.report.definitions, policy),
            self._ledger,
            max_rejects=self.config.get("max_rejects"),
            announce=self._planning,
            validating=self.config["validate_records"],
        )

    def _open_sessions(self) -> list[Session]:
        connection = configuration.connection(self.config)
        user, secret = configuration.credentials(self.config)
        if self.config["auth_method"] == "basic":
            authenticator: t.Any = BasicAuth(user, secret)
        else:
            authenticator = client_credentials(connection, client_id=user, client_secret=secret)
        return [Session(connection, authenticator) for _ in range(self.config["workers"])]

    @override
    def check(self) -> list[Finding]:
        return self.tables.findings()

    # Singer messages

    def _sinks_of(self, message: dict[str, t.Any]) -> list[TableSink]:
        """The sinks that a message's stream goes to: several, or others, under stream_maps."""
        maps = self.mapper.stream_maps.get(message.get("stream", ""), ())
        sinks = (self._sinks_active.get(one.stream_alias) for one in maps)
        return [sink for sink in sinks if isinstance(sink, TableSink)]

    def drain_before(self, sink: TableSink) -> None:
        """Settle the records that rows of this sink may point at."""
        wanted = {name for table in sink.tables for name in table.references()}
        for other in list(self._sinks_active.values()):
            names = {table.name for table in other.tables} if isinstance(other, TableSink) else ()
            if other is not sink and wanted.intersection(names):
                self.drain_one(other)

    @override
    def _process_schema_message(self, message_dict: dict[str, t.Any]) -> None:
        """Settle what came under the old schema, then check the tables under the new one."""
        self._begin()
        stream = message_dict.get("stream", "")
        known = self.mapper.stream_maps.get(stream)
        if known and known[0].raw_schema != message_dict.get("schema"):
            for sink in self._sinks_of(message_dict):
                self.drain_one(sink)
        super()._process_schema_message(message_dict)
        self._versions.pop(stream, None)
        for sink in self._sinks_of(message_dict):
            self._ledger.keep_schema(sink.stream_name, sink.original_schema, sink.key_properties)
            self.tables.prepare(sink.tables)

    @override
    def _assert_sink_exists(self, stream_name: str) -> None:
        if not self.sink_exists(stream_name):
            raise RecordsWithoutSchemaException(
                f"A RECORD of stream {stream_name} came before its SCHEMA: check that what is "
                "piped in is a Singer tap's output"
            )

    @override
    def _process_record_message(self, message_dict: dict[str, t.Any]) -> None:
        """Collect a record; those of another version are settled first."""
        stream, version = message_dict.get("stream", ""), message_dict.get("version")
        if self._versions.get(stream) != version:
            for sink in self._sinks_of(message_dict):
                self.drain_one(sink)
                sink.version = version
            self._versions[stream] = version
        super()._process_record_message(message_dict)

    @override
    def _process_activate_version_message(self, message_dict: dict[str, t.Any]) -> None:
        """A complete read has ended: set inactive what it did not bring.

        Raises:
            StopRun: that would be more than ``max_inactive_percent``.
        """
        for sink in self._sinks_of(message_dict):
            self.drain_one(sink)
            for table in sink.tables:
                if table.when_gone and not table.each:
                    self.loader.deactivate(
                        table, message_dict["version"], self.config["max_inactive_percent"]
                    )

    @override
    def _process_state_message(self, message_dict: dict[str, t.Any]) -> None:
        """Take state, and every ``checkpoint_seconds`` give it out for settled records."""
        super()._process_state_message(message_dict)
        if time.monotonic() - self._last_checkpoint >= self.config["checkpoint_seconds"]:
            self.drain_all()
            self._last_checkpoint = time.monotonic()

    @override
    def process_endofpipe(self) -> None:
        """Settle the rest, give what was held another try, and say what was done."""
        self._begin()
        super().process_endofpipe()
        waiting = {reject.table for reject in self._ledger.pending()}
        mapped = self.tables.all() if waiting else ()
        if tables := [table for table in mapped if table.name in waiting]:
            self.tables.prepare(tables)
            self.loader.retry(tables)
        self._summarise()
        self.finish("finished")

    @override
    def _write_state_message(self, state: dict[str, t.Any]) -> None:
        """Give state out; a plan gives none, or a schedule would go on past unwritten rows."""
        if not self._planning:
            sys.stdout.write(simplejson.dumps(state, use_decimal=True) + "\n")
            sys.stdout.flush()

    def _summarise(self) -> None:
        for table, counts in self._ledger.counts().items():
            words = (f"{counts.get(o.value, 0)} {o.value}" for o in Outcome)
            self.logger.info("%s: %s", table, ", ".join(words))
        for rules in self._mapping.rules.values():
            for remark in rules.remarks():
                self.logger.info("%s", remark)
        altered = self.loader.altered if "loader" in self.__dict__ else {}
        for (table, column), rows in sorted(altered.items()):
            self.logger.warning(
                "ServiceNow stored %s.%s otherwise than sent in %d rows; the ledger says how",
                table,
                column,
                rows,
            )
        self.logger.info(
            "%s %d: %d calls to ServiceNow in %.1f s; the ledger is %s",
            "Plan" if self._planning else "Run",
            self._ledger.run,
            self._calls(),
            time.monotonic() - self._started,
            self.config["ledger_path"],
        )

    def _calls(self) -> int:
        return sum(session.calls for session in self._sessions)

    @override
    def finish(self, status: str, message: str = "") -> None:
        """Close the run in the ledger, if it was begun."""
        if self._ledger.run:
            self._ledger.finish(status=status, calls=self._calls(), message=message)
        self._ledger.close()

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """End at once with the last state given out: draining from here could advance it.

        Raises:
            SystemExit: 128 + the signal's number.
        """
        raise SystemExit(128 + signum)


logging.captureWarnings(capture=True)
