"""The Singer SDK's side of loading: a sink collects a stream's records and passes them on."""

from __future__ import annotations

import logging
import typing as t

import fastjsonschema
from singer_sdk.exceptions import MissingKeyPropertiesError
from typing_extensions import override

from target_servicenow.ledger.entries import FROM_LEDGER
from target_servicenow.mapping.render import count_entries
from target_servicenow.message_reader import InputError
from target_servicenow.sdk import SingerSink

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Set as AbstractSet

    from singer_sdk.target_base import Target

    from target_servicenow.config import Config
    from target_servicenow.loader import Loader
    from target_servicenow.mapping.profile import Table


logger = logging.getLogger(__name__)

MAX_NAMED = 10
"""Unknown properties that one line names."""


class MissingKeyError(InputError, MissingKeyPropertiesError):
    """A record lacks a property of its key."""


class Loading(t.Protocol):
    """What a sink needs of its target."""

    @property
    def values(self) -> Config:
        """The settings."""

    @property
    def loader(self) -> Loader:
        """What brings records into ServiceNow."""

    def tables_of(
        self, stream: str, schema: dict[str, t.Any], key_properties: tuple[str, ...]
    ) -> tuple[Table, ...]:
        """Return the tables that a stream fills."""

    def keep_log(self, stream: str, records: list[dict[str, t.Any]]) -> None:
        """Keep what a tap says of its own run."""

    def drain_before(self, sink: TableSink) -> None:
        """Settle the records that rows of a sink may point at."""

    def drain_one(self, sink: TableSink) -> None:
        """Settle the records of a sink."""


class LoadingSink(SingerSink):
    """A sink that collects as many records as the settings say."""

    @override
    def __init__(
        self,
        target: Target,
        stream_name: str,
        schema: dict[str, t.Any],
        key_properties: Sequence[str] | None,
    ) -> None:
        """Make it for a stream."""
        super().__init__(target, stream_name, schema, key_properties)
        self._loading = t.cast("Loading", target)

    @property
    @override
    def max_size(self) -> int:
        """The records that are collected before they are settled."""
        return self._loading.values.batch_size_rows


class LedgerSink(LoadingSink):
    """A stream that is kept in the ledger instead of in a table."""

    @override
    def check_keys(self, record: dict[str, t.Any]) -> None:
        """Take any record: none is found again by its key."""

    @override
    def process_batch(self, context: dict[str, t.Any]) -> None:
        """Keep the collected records."""
        self._loading.keep_log(self.stream_name, context.get("records", []))


class TableSink(LoadingSink):
    """All tables that one stream fills.

    Attributes:
        tables: The tables, each after those it points into.
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
        self.tables = self._loading.tables_of(stream_name, schema, tuple(key_properties or ()))
        self.version: int | None = None
        self._lists = {table.each for table in self.tables if table.each}
        self._known: frozenset[str] | None = None  # what is not reported as unknown any more
        if self.tables:
            self._known = frozenset((*schema.get("properties", ()), FROM_LEDGER))
        self._check = self._compiled(schema) if self._loading.values.validate_records else None

    def _compiled(self, schema: dict[str, t.Any]) -> Callable[[dict[str, t.Any]], t.Any]:
        try:
            check: Callable[[dict[str, t.Any]], t.Any] = fastjsonschema.compile(schema)
        except fastjsonschema.JsonSchemaDefinitionException as error:
            raise InputError(
                f"has a schema of stream {self.stream_name} that no record can be validated "
                f"against ({error}; correct it in the tap, or set validate_records to false)"
            ) from None
        return check

    @override
    def process_record(self, record: dict[str, t.Any], context: dict[str, t.Any]) -> None:
        """Collect the record, or reject it when it does not match its schema."""
        if self._known is not None and not self._known.issuperset(record):
            self._report_unknown(record.keys() - self._known)
        if self._check is not None:
            try:
                self._check({name: record[name] for name in record if name != FROM_LEDGER})
            except fastjsonschema.JsonSchemaValueException as error:
                if any(self._same_record(record, other) for other in context.get("records", ())):
                    self._loading.drain_one(self)  # else the older version would be settled last
                self._loading.loader.reject(
                    self.tables, record, error.message, version=self.version
                )
                return
        super().process_record(record, context)
        # Counted as one by now. A batch of invoices fills the memory, and a lookup, as its rows do.
        if (rows := max((count_entries(record, each) for each in self._lists), default=1)) > 1:
            self.tally_record_read(rows - 1)

    def _report_unknown(self, names: AbstractSet[str]) -> None:
        """Say once what a stream sends besides the properties of its schema."""
        self._known = None
        shown = [repr(name) for name in sorted(names)[:MAX_NAMED]]
        logger.warning(
            "Stream %s sends properties that its SCHEMA does not name (%s): they are skipped; "
            "correct the tap's schema if they are needed",
            self.stream_name,
            ", ".join([*shown, *(["..."] if len(names) > MAX_NAMED else [])]),
        )

    def _same_record(self, record: dict[str, t.Any], other: dict[str, t.Any]) -> bool:
        return all(record.get(name) == other.get(name) for name in self.key_properties)

    @override
    def check_keys(self, record: dict[str, t.Any]) -> None:
        missing = [name for name in self.key_properties if name not in record]
        if missing:
            raise MissingKeyError(
                f"is a record of stream {self.stream_name} without its key property "
                f"{' and '.join(missing)} (check stream_maps too, if it is set)"
            )

    @override
    def process_batch(self, context: dict[str, t.Any]) -> None:
        """Settle the collected records, those they may point at first."""
        self._loading.drain_before(self)
        records = context.get("records", [])
        self._loading.loader.load(self.tables, records, version=self.version)
