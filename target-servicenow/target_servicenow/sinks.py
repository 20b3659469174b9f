"""The Singer SDK's side of loading: a sink collects a stream's records and hands them on."""

from __future__ import annotations

import typing as t

import fastjsonschema
from singer_sdk.exceptions import MissingKeyPropertiesError
from singer_sdk.sinks import BatchSink
from typing_extensions import override

from target_servicenow.ledger.writer import FROM_LEDGER

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from singer_sdk.target_base import Target

    from target_servicenow.target import TargetServiceNow


class TableSink(BatchSink):
    """All tables that one stream fills.

    Attributes:
        version: The Singer version of the records collected.
    """

    def __init__(
        self,
        target: Target,
        stream_name: str,
        schema: dict[str, t.Any],
        key_properties: Sequence[str] | None,
    ) -> None:
        """Find the tables the stream is mapped to."""
        super().__init__(target, stream_name, schema, key_properties)
        self._target: TargetServiceNow = target  # type: ignore[assignment]
        self.tables = self._target.tables.of_stream(
            stream_name, schema, tuple(key_properties or ())
        )
        self.version: int | None = None
        self._check = self._compiled(schema) if self.config["validate_records"] else None

    def _compiled(self, schema: dict[str, t.Any]) -> Callable[[dict[str, t.Any]], t.Any]:
        try:
            check: Callable[[dict[str, t.Any]], t.Any] = fastjsonschema.compile(schema)
        except fastjsonschema.JsonSchemaDefinitionException as error:
            raise ValueError(
                f"Stream {self.stream_name} comes with a schema that no record can be held against "
                f"({error}): correct it in the tap, or set validate_records to false"
            ) from None
        return check

    @override
    def get_validator(self) -> None:
        """None: the SDK's validation ends the run, where here it rejects the record."""

    @override
    def process_record(self, record: dict[str, t.Any], context: dict[str, t.Any]) -> None:
        """Collect the record, or reject it when it does not fit its schema."""
        if self._check is not None:
            try:
                self._check({name: record[name] for name in record if name != FROM_LEDGER})
            except fastjsonschema.JsonSchemaValueException as error:
                if any(self._same_record(record, other) for other in context.get("records", ())):
                    self._target.drain_one(self)  # or an older version would settle the newer one
                self._target.loader.reject(self.tables, record, error.message, version=self.version)
                return
        super().process_record(record, context)

    def _same_record(self, one: dict[str, t.Any], other: dict[str, t.Any]) -> bool:
        return all(one.get(name) == other.get(name) for name in self.key_properties)

    @override
    def _singer_validate_message(self, record: dict[str, t.Any]) -> None:
        missing = [name for name in self.key_properties if name not in record]
        if missing:
            raise MissingKeyPropertiesError(
                f"A record of stream {self.stream_name} lacks its key property "
                f"{' and '.join(missing)}: check the tap, and stream_maps if there are any"
            )

    @override
    def _parse_timestamps_in_record(
        self,
        record: dict[str, t.Any],
        schema: dict[str, t.Any],
        treatment: t.Any,
    ) -> None:
        """Leave dates as they were sent; the mapping says what they become."""

    @override
    def process_batch(self, context: dict[str, t.Any]) -> None:
        """Settle the collected records, those they may point at first."""
        self._target.drain_before(self)
        records = context.get("records", [])
        self._target.loader.load(self.tables, records, version=self.version)

    @override
    def process_batch_files(self, encoding: t.Any, files: Sequence[str]) -> None:
        """Refuse BATCH messages aloud.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            f"Stream {self.stream_name} comes as BATCH messages, which this target does not take: "
            "switch batch_config off in the tap"
        )
