"""target-servicenow: a Singer target that upserts into ServiceNow tables."""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from jsonschema import Draft202012Validator
from singer_sdk.exceptions import SingerSDKError
from singer_sdk.helpers.capabilities import PluginCapabilities
from singer_sdk.plugin_base import PluginBase
from singer_sdk.target_base import Target
from typing_extensions import override

from target_servicenow import preflight, settings
from target_servicenow.api.errors import StopRun
from target_servicenow.api.oauth import BasicAuth
from target_servicenow.api.session import Session, client_credentials
from target_servicenow.ledger.store import Ledger, LedgerError
from target_servicenow.loader import Loader
from target_servicenow.mapping import load as mapping
from target_servicenow.mapping.expression import MappingError
from target_servicenow.mapping.passthrough import passthrough
from target_servicenow.mapping.profile import check_stream
from target_servicenow.settings import SettingError
from target_servicenow.sinks import TableSink
from target_servicenow.upsert.apply import Policy, Upserter
from target_servicenow.upsert.plan import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType
    from typing import IO

    import click
    from singer_sdk.helpers.capabilities import CapabilitiesEnum
    from singer_sdk.plugin_base import _ConfigInput

    from target_servicenow.api.dictionary import Definitions
    from target_servicenow.mapping.profile import Table

EXPECTED = (StopRun, MappingError, LedgerError, SettingError, SingerSDKError, ValueError)
"""What ends a run with one sentence instead of a traceback."""


class TargetServiceNow(Target):
    """Upserts Singer records into ServiceNow tables, each row exactly once, with an audit trail."""

    name = "target-servicenow"
    config_jsonschema: ClassVar[dict[str, Any]] = settings.SCHEMA
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]
    default_sink_class = TableSink

    # State leaves at checkpoints, and they alone decide when everything is drained.
    _MAX_RECORD_AGE_IN_MINUTES = float("inf")

    @override
    def __init__(self, **options: Any) -> None:
        """Read the settings and the mapping; nothing is connected yet."""
        super().__init__(**options)
        self.max_parallelism = 1  # tables drain in the order they point at each other
        self._profile = mapping.load(
            self.config["mapping"], self.config.get("mapping_overrides") or {}
        )
        self._passthrough: dict[str, Table] = {}
        self._definitions: Definitions = {}
        self._checked: set[str] = set()
        self._last_checkpoint = time.monotonic()
        self._started = time.monotonic()
        self._sessions = self._open_sessions()
        self._ledger = Ledger(Path(self.config["ledger_path"]))
        self._ledger.start(mode="apply", mapping=self.config["mapping"])
        self.loader = Loader(
            self._profile,
            Upserter(
                self._sessions,
                self._profile,
                self._definitions,
                Policy(
                    on_missing_reference=self.config["on_missing_reference"],
                    on_long_text=self.config["on_long_text"],
                ),
            ),
            self._ledger,
            max_rejects=self.config.get("max_rejects"),
        )

    def _open_sessions(self) -> list[Session]:
        connection = settings.connection(self.config)
        user, secret = settings.credentials(self.config)
        if self.config["auth_method"] == "basic":
            authenticator: Any = BasicAuth(user, secret)
        else:
            authenticator = client_credentials(connection, client_id=user, client_secret=secret)
        return [Session(connection, authenticator) for _ in range(self.config["workers"])]

    # Streams and tables

    def tables_of(
        self, stream: str, schema: dict[str, Any], key_properties: tuple[str, ...]
    ) -> tuple[Table, ...]:
        """The tables a stream fills, by the mapping or by ``unmapped_streams``.

        Raises:
            MappingError: nothing maps the stream, or it lacks what the mapping needs.
        """
        tables = self._profile.of_stream(stream)
        for table in tables:
            check_stream(table, schema)
        policy = self.config["unmapped_streams"]
        if tables or policy == "skip":
            if not tables:
                self.logger.info("Stream %s is not mapped: left out", stream)
            return tables
        if policy == "fail":
            mapped = ", ".join(sorted({table.stream for table in self._profile.tables}))
            raise MappingError(
                f"Nothing maps stream {stream} (mapping {self.config['mapping']} maps {mapped}): "
                "deselect it in the tap, map it, or set unmapped_streams to skip or passthrough"
            )
        self._passthrough[stream] = passthrough(stream, schema, key_properties)
        return (self._passthrough[stream],)

    def _prepare(self, tables: Sequence[Table]) -> None:
        """Check tables, and those they point at, once."""
        wanted = {table.name: table for table in tables}
        for table in tables:
            wanted.update({name: self._profile.table(name) for name in table.references()})
        new = [table for name, table in wanted.items() if name not in self._checked]
        if new:
            self._definitions.update(preflight.check(self._sessions[0], new))
            self._checked.update(table.name for table in new)

    def drain_before(self, sink: TableSink) -> None:
        """Settle the records that rows of this sink may point at."""
        wanted = {name for table in sink.tables for name in table.references()}
        for other in list(self._sinks_active.values()):
            names = {table.name for table in other.tables} if isinstance(other, TableSink) else ()
            if other is not sink and wanted.intersection(names):
                self.drain_one(other)

    # Singer messages

    @override
    def _process_schema_message(self, message_dict: dict[str, Any]) -> None:
        """Settle what came under the old schema, then check the tables under the new one."""
        stream = message_dict.get("stream", "")
        sink = self._sinks_active.get(stream)
        if sink is not None and sink.original_schema != message_dict.get("schema"):
            self.drain_one(sink)
        super()._process_schema_message(message_dict)
        sinks = [sink for sink in self._sinks_active.values() if isinstance(sink, TableSink)]
        self._prepare([table for sink in sinks for table in sink.tables])

    @override
    def _process_state_message(self, message_dict: dict[str, Any]) -> None:
        """Take state, and every ``checkpoint_seconds`` give it out for settled records."""
        super()._process_state_message(message_dict)
        if time.monotonic() - self._last_checkpoint >= self.config["checkpoint_seconds"]:
            self.drain_all()
            self._last_checkpoint = time.monotonic()

    @override
    def process_endofpipe(self) -> None:
        """Settle the rest, give what was held another try, and say what was done."""
        super().process_endofpipe()
        self.loader.retry((*self._profile.tables, *self._passthrough.values()))
        self._summarise()
        self.finish("finished")

    def _summarise(self) -> None:
        for table, counts in self._ledger.counts().items():
            words = (f"{counts.get(o.value, 0)} {o.value}" for o in Outcome)
            self.logger.info("%s: %s", table, ", ".join(words))
        for (table, column), rows in sorted(self.loader.swallowed.items()):
            self.logger.warning(
                "ServiceNow stored %s.%s otherwise than sent in %d rows; the ledger says how",
                table,
                column,
                rows,
            )
        self.logger.info(
            "Run %d: %d calls to ServiceNow in %.1f s; the ledger is %s",
            self._ledger.run,
            self._calls(),
            time.monotonic() - self._started,
            self.config["ledger_path"],
        )

    def _calls(self) -> int:
        return sum(session.calls for session in self._sessions)

    def finish(self, status: str, message: str = "") -> None:
        """Close the run in the ledger."""
        self._ledger.finish(status=status, calls=self._calls(), message=message)
        self._ledger.close()

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """End at once with the last state given out: draining from here could advance it.

        Raises:
            SystemExit: 128 + the signal's number.
        """
        raise SystemExit(128 + signum)

    # Command line

    @classmethod
    @override
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Add the settings of the SDK that have an effect here: stream maps."""
        PluginBase.append_builtin_config.__func__(cls, config_jsonschema)  # type: ignore[attr-defined]

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Check the settings, one sentence for the first that is wrong.

        Raises:
            SettingError: a setting is missing or wrong.
        """
        self.append_builtin_config(self.config_jsonschema)
        for name, definition in self.config_jsonschema["properties"].items():
            if "default" in definition:
                self._config.setdefault(name, definition["default"])
        errors = sorted(
            Draft202012Validator(self.config_jsonschema).iter_errors(self._config),
            key=lambda error: (error.validator != "required", str(error.path)),
        )
        sentences = [settings.sentence(error, self.name) for error in errors]
        if sentences and raise_errors:
            raise SettingError(sentences[0])
        return sentences

    @classmethod
    @override
    def invoke(  # type: ignore[override]
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput | None = None,
        file_input: IO[str] | None = None,
    ) -> None:
        """Run: whatever the user can mend ends in one sentence and exit code 1."""
        if about:
            cls.print_about(about_format)
            return
        for stream in (sys.stdin, sys.stdout):
            if hasattr(stream, "reconfigure"):  # Windows pipes are not UTF-8 by themselves
                stream.reconfigure(encoding="utf-8")
        target = None
        try:
            target = cls(
                config=config.config if config else {},
                parse_env_config=config.parse_env if config else False,
            )
            target.listen(file_input)
        except EXPECTED as error:
            if target is not None:
                target.finish("stopped", str(error))
            cls.logger.error("%s", error)  # noqa: TRY400 - the sentence is all there is to say
            sys.exit(1)
        except (SystemExit, KeyboardInterrupt):
            if target is not None:
                target.finish("stopped", "it was ended by a signal")
            raise

    @classmethod
    @override
    def get_singer_command(cls) -> click.Command:
        """The command line, with ``--input`` read as UTF-8 on every system."""
        command = super().get_singer_command()
        for parameter in command.params:
            if parameter.name == "file_input":
                parameter.type.encoding = "utf-8"  # type: ignore[attr-defined]
        return command


logging.captureWarnings(capture=True)
