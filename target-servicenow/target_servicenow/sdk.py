"""Every private name taken from the Singer SDK, under a public one.

The SDK has no public hook for a message, an invalid record, a signal or the settings' errors. An
upgrade of the SDK that renames one of these is followed here alone.
"""

from __future__ import annotations

import typing as t

from singer_sdk.helpers.capabilities import STREAM_MAPS_CONFIG
from singer_sdk.plugin_base import _ConfigInput as ConfigInput
from singer_sdk.sinks import BatchSink
from singer_sdk.target_base import Target
from typing_extensions import override

if t.TYPE_CHECKING:
    from types import FrameType

    from singer_sdk.sinks import Sink

__all__ = ["ConfigInput", "SingerSink", "SingerTarget"]

Message: t.TypeAlias = "dict[str, t.Any]"


class SingerTarget(Target):
    """The SDK's target. A hook that is overridden may call the SDK's own behaviour by super()."""

    # State is emitted at checkpoints, and they alone decide when everything is drained.
    _MAX_RECORD_AGE_IN_MINUTES = float("inf")

    @property
    def active_sinks(self) -> dict[str, Sink]:
        """The sinks by the name of their stream, or of its alias under stream_maps."""
        return self._sinks_active

    @classmethod
    @override
    def append_builtin_config(cls, config_jsonschema: dict[str, t.Any]) -> None:
        """Add the SDK's settings for stream maps, and none that have no effect here."""
        for name in ("stream_maps", "stream_map_config"):
            config_jsonschema["properties"].setdefault(name, STREAM_MAPS_CONFIG["properties"][name])

    def read_config(self, raw: dict[str, t.Any]) -> None:
        """Check the settings; `raw` may be changed."""

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        self.append_builtin_config(self.config_jsonschema)
        if raise_errors:
            self.read_config(self._config)
        return []

    def process_schema(self, message: Message) -> None:
        """Process a SCHEMA message."""
        super()._process_schema_message(message)

    @override
    def _process_schema_message(self, message_dict: Message) -> None:
        self.process_schema(message_dict)

    def process_record(self, message: Message) -> None:
        """Process a RECORD message."""
        super()._process_record_message(message)

    @override
    def _process_record_message(self, message_dict: Message) -> None:
        self.process_record(message_dict)

    def process_state(self, message: Message) -> None:
        """Process a STATE message."""
        super()._process_state_message(message)

    @override
    def _process_state_message(self, message_dict: Message) -> None:
        self.process_state(message_dict)

    def process_activate_version(self, message: Message) -> None:
        """Process an ACTIVATE_VERSION message."""
        super()._process_activate_version_message(message)

    @override
    def _process_activate_version_message(self, message_dict: Message) -> None:
        self.process_activate_version(message_dict)

    def emit_state(self, state: Message) -> None:
        """Write state to stdout."""
        super()._write_state_message(state)

    @override
    def _write_state_message(self, state: Message) -> None:
        self.emit_state(state)

    def check_stream_known(self, stream_name: str) -> None:
        """Check that a SCHEMA of the stream has come."""
        super()._assert_sink_exists(stream_name)

    @override
    def _assert_sink_exists(self, stream_name: str) -> None:
        self.check_stream_known(stream_name)

    def end_by_signal(self, signal_number: int) -> None:
        """End the run because of SIGINT or SIGTERM."""
        super()._handle_termination(signal_number, None)

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        self.end_by_signal(signum)


class SingerSink(BatchSink):
    """The SDK's batch sink, which leaves values as they were sent."""

    @override
    def get_validator(self) -> None:
        """Return None: the SDK's validation ends the run, where here it rejects the record."""

    def check_keys(self, record: Message) -> None:
        """Check that a record holds its key properties."""
        super()._singer_validate_message(record)

    @override
    def _singer_validate_message(self, record: Message) -> None:
        self.check_keys(record)

    @override
    def _parse_timestamps_in_record(
        self, record: Message, schema: Message, treatment: t.Any
    ) -> None:
        """Leave dates as they were sent; the mapping says what they become."""
