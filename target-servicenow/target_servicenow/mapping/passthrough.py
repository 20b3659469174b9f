"""A mapping made from a stream itself, for any tap."""

from __future__ import annotations

import logging
import typing as t

from target_servicenow.mapping.expression import MappingError, Property
from target_servicenow.mapping.names import reserved
from target_servicenow.mapping.profile import DEFAULT_SOURCE_COLUMN, Column, Table
from target_servicenow.mapping.types import ColumnType

if t.TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)

SOURCE = "singer"
"""The first part of the identifiers of such rows; a target does not learn which tap it serves."""


def passthrough(stream: str, schema: Mapping[str, t.Any], key_properties: tuple[str, ...]) -> Table:
    """Return a table for a stream: table = stream, column = property, identity = key.

    A property whose column cannot be written is skipped, with a line in the log.

    Raises:
        MappingError: Two properties come to one column name.
    """
    columns: dict[str, Column] = {}
    for name, definition in schema.get("properties", {}).items():
        column = Column(name=_column_name(name), value=Property(name), type=_type_of(definition))
        if why := reserved(column.name, DEFAULT_SOURCE_COLUMN):
            logger.warning(
                "Property %r of stream %s is skipped, since its column %s %s: rename it with "
                "stream_maps to keep it",
                name,
                stream,
                column.name,
                why,
            )
            continue
        if column.name in columns:
            raise MappingError(
                f"Stream {stream} has several properties for the column {column.name}: rename or "
                "remove all but one with stream_maps, or map the stream"
            )
        columns[column.name] = column
    return Table(
        name=_column_name(stream),
        stream=stream,
        columns=tuple(columns.values()),
        entity=stream,
        company=None,
        key=tuple(Property(name) for name in key_properties),
        source=SOURCE,
    )


def _column_name(name: str) -> str:
    """Return a name as ServiceNow has them: lower-case letters, digits and underscores."""
    return "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in name.lower())


def _type_of(definition: t.Any) -> ColumnType:
    if not isinstance(definition, dict):
        return ColumnType.STRING
    form = definition.get("format")
    types = definition.get("type", "string")
    types = types if isinstance(types, list) else [types]
    if "string" in types and form in {"date", "date-time"}:
        return ColumnType.DATE if form == "date" else ColumnType.DATETIME
    for word, column_type in (
        ("boolean", ColumnType.BOOLEAN),
        ("integer", ColumnType.INTEGER),
        ("number", ColumnType.DECIMAL),
    ):
        if word in types and "string" not in types:
            return column_type
    return ColumnType.STRING
