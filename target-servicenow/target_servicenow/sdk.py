"""Every private name that the target takes from the Singer SDK, under a public one.

The rest of the target derives from the classes here and overrides their public methods, so a new
version of the SDK can break this module only.
"""

from __future__ import annotations

import abc
import typing as t

from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.mapper import RemoveRecordTransform
from singer_sdk.plugin_base import _ConfigInput
from singer_sdk.sinks import BatchSink
from singer_sdk.target_base import Target
from typing_extensions import override

if t.TYPE_CHECKING:
    from types import FrameType

    from singer_sdk.sinks import Sink

ConfigInput: t.TypeAlias = _ConfigInput
"""What ``--config`` gave: the settings of files, and whether to read the environment."""

Message: t.TypeAlias = "dict[str, t.Any]"


class SingerTarget(Target, abc.ABC):
    """A target that checks its settings itself, with a hook for each message.

    A hook that is overridden may call the SDK's own behaviour by super().
    """

    # State is emitted at checkpoints, and they alone decide when everything is drained.
    _MAX_RECORD_AGE_IN_MINUTES = float("inf")

    @property
    def active_sinks(self) -> dict[str, Sink]:
        """The sinks by the name of their stream, or of its alias under stream_maps."""
        return self._sinks_active

    @abc.abstractmethod
    def check_config(self, given: dict[str, t.Any], *, must_be_complete: bool) -> None:
        """Check the settings, and remove those that are not known.

        Args:
            given: The settings; the target keeps what is left in it.
            must_be_complete: Whether a missing setting is an error.
        """

    @abc.abstractmethod
    def end_by_signal(self, signum: int) -> None:
        """End the process on a signal; others may follow."""

    @classmethod
    def read_environment(cls) -> dict[str, t.Any]:
        """Read the settings that environment variables and a ``.env`` file hold.

        Raises:
            ValueError: A variable cannot be read as the type of its setting.
        """
        settings: dict[str, t.Any] = super()._env_var_config
        return settings

    @classproperty
    @override
    def _env_var_config(cls) -> dict[str, t.Any]:  # noqa: N805
        return cls.read_environment()

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        self.append_builtin_config(self.config_jsonschema)
        self.check_config(self._config, must_be_complete=raise_errors)
        return []

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        self.end_by_signal(signum)

    def is_dropped(self, stream: str) -> bool:
        """Tell whether ``stream_maps`` drops a stream: a null in place of its map."""
        maps = [
            stream_map
            for of_stream in self.mapper.stream_maps.values()
            for stream_map in of_stream
            if stream_map.stream_alias == stream
        ]
        return bool(maps) and all(isinstance(one, RemoveRecordTransform) for one in maps)

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
