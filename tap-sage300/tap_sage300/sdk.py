"""Every private name that the tap takes from the Singer SDK, under a public one.

The rest of the tap derives from the classes here and overrides their public methods, so a new
version of the SDK can break this module only.
"""

from __future__ import annotations

import abc
import typing as t
from dataclasses import dataclass, field

from singer_sdk import Stream, Tap
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.mapper import RemoveRecordTransform
from singer_sdk.plugin_base import _ConfigInput
from singer_sdk.singerlib import ActivateVersionMessage
from typing_extensions import override

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import FrameType

    from singer_sdk.helpers.types import Context, Record

ConfigInput: t.TypeAlias = _ConfigInput
"""What ``--config`` gave: the settings of files, and whether to read the environment."""


class SingerTap(Tap, abc.ABC):
    """A tap that checks its settings itself and orders its streams."""

    _ordered: dict[str, Stream] | None = None

    @abc.abstractmethod
    def check_config(self, given: dict[str, t.Any], *, must_be_complete: bool) -> None:
        """Check the settings, and remove those that are not known.

        Args:
            given: The settings; the tap keeps what is left in it.
            must_be_complete: False for a discovery that can do without.
        """

    @abc.abstractmethod
    def end_by_signal(self, signum: int) -> t.NoReturn:
        """End the process on a signal."""

    @abc.abstractmethod
    def in_order(self, streams: Mapping[str, Stream]) -> dict[str, Stream]:
        """Return the streams in the order in which they are to be read."""

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

    @property
    @override
    def streams(self) -> dict[str, Stream]:
        """The streams in the order in which they are read, where the SDK sorts them by name."""
        if self._ordered is None:
            self._ordered = self.in_order(super().streams)
        return self._ordered

    @override
    def load_state(self, state: dict[str, t.Any]) -> None:
        """Load the state of an earlier run, which the order of the streams may depend on.

        What stands beside the bookmarks is a target's; the SDK would drop it.
        """
        super().load_state(state)
        loaded = t.cast("dict[str, t.Any]", self.state)
        loaded.update({**state, "bookmarks": loaded.get("bookmarks", {})} if state else {})
        self._ordered = None


@dataclass(slots=True)
class PartitionsVersionMessage(ActivateVersionMessage):
    """An ACTIVATE_VERSION that also says what it covers.

    Attributes:
        partitions: The contexts of the partitions that were read whole, also those without records.
            Targets that do not know it skip it.
    """

    partitions: list[dict[str, str]] = field(default_factory=list)


class SingerStream(Stream, abc.ABC):
    """A stream without children that writes its own state.

    The SDK keeps what it has seen of an unsorted stream as progress markers, which a run that is
    cut short throws away.
    """

    def write_schema(self) -> None:
        """Write the schema, mapped as the setting ``stream_maps`` says."""
        self._write_schema_message()

    def write_record(self, record: Record) -> None:
        """Write a record, mapped as the setting ``stream_maps`` says."""
        super()._write_record_message(record)

    def set_version(self, version: int | None) -> None:
        """Choose the version of the records that are mapped."""
        self._stream_version = version

    def activate_version(self, version: int, contexts: Sequence[Context]) -> None:
        """Write that all there is came under a version.

        Args:
            version: The version.
            contexts: The partitions that were read.
        """
        partitions = [dict(context) for context in contexts]
        for stream_map in self.stream_maps:
            if not isinstance(stream_map, RemoveRecordTransform):
                self._tap.write_message(
                    PartitionsVersionMessage(
                        stream=stream_map.stream_alias, version=version, partitions=partitions
                    )
                )

    def write_state(self, context: Context | None, state: Mapping[str, t.Any]) -> None:
        """Replace the state of a partition and write the state of all."""
        partition = self.get_context_state(context)
        partition.clear()
        partition.update(context=dict(context or {}), **state)
        self.state_manager.is_flushed = False
        self._write_state_message()

    @override
    def _write_record_message(self, record: Record) -> None:
        self.write_record(record)

    @override
    def _process_record(
        self,
        record: Record,
        child_context: Context | None = None,
        partition_context: Context | None = None,
    ) -> None:
        """Do nothing: there are no children, and the records hold their partition already."""

    @override
    def _increment_stream_state(
        self, latest_record: Record, *, context: Context | None = None
    ) -> None:
        """Do nothing: no progress markers are kept."""

    @override
    def _write_starting_replication_value(self, context: Context | None) -> None:
        """Do nothing: no starting value is kept."""
