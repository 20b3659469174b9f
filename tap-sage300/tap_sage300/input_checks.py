"""Catalogs and states that come from outside: whether they can be used.

The SDK trusts both and would end in a traceback.
"""

from __future__ import annotations

import json
import typing as t
from decimal import Decimal

from tap_sage300.config import decoded
from tap_sage300.errors import TapError

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

REDISCOVER = "make a new one with --discover"
LAST_STATE = "give the last state as it was written"


def parse(what: str, file: t.IO[bytes] | None) -> t.Any:
    """Read the file of a catalog or a state.

    Args:
        what: ``catalog`` or ``state``.
        file: The file, None where none was given.

    Raises:
        TapError: It is not JSON, or in an encoding that is not known.
    """
    if file is None:
        return None
    try:
        return json.loads(decoded(file.read()), parse_float=Decimal)
    except UnicodeError as error:
        raise TapError(
            f"The {what} file {file.name} is not in UTF-8 but seems to be in {error}: save it as "
            "UTF-8"
        ) from None
    except (ValueError, RecursionError):
        advice = REDISCOVER if what == "catalog" else LAST_STATE
        raise TapError(f"The {what} file {file.name} is not JSON: {advice}") from None


def check_catalog(catalog: object) -> None:
    """Check the shape of a catalog.

    Raises:
        TapError: It is not a Singer catalog; the sentence names the place.
    """
    streams = catalog.get("streams") if isinstance(catalog, dict) else None
    if not isinstance(streams, list):
        raise TapError(f"The catalog has no list named streams: {REDISCOVER}")
    for place, entry in enumerate(streams):
        name = entry.get("tap_stream_id") if isinstance(entry, dict) else None
        if not isinstance(name, str):
            raise TapError(
                f"Entry {place} of the catalog's streams has no tap_stream_id: {REDISCOVER}"
            )
        schema = entry.get("schema")
        if not isinstance(schema, dict) or not isinstance(schema.get("properties"), dict):
            raise TapError(f"The stream {name} of the catalog has no schema: {REDISCOVER}")
        if not all(map(_is_property, schema["properties"].values())):
            raise TapError(
                f"The schema of {name} in the catalog has a property that is not an object with a "
                f"type: {REDISCOVER}"
            )
        if (renamed := entry.get("stream", name)) != name:
            raise TapError(
                f"The catalog calls the stream {name} {renamed}: leave both names as --discover "
                "wrote them, and rename with the setting stream_maps"
            )
        metadata = entry.get("metadata") or []
        if not isinstance(metadata, list) or not all(map(_is_metadata, metadata)):
            raise TapError(
                f"The metadata of {name} in the catalog has an item that is not a breadcrumb with "
                f"metadata: {REDISCOVER}"
            )


def streams(catalog: Mapping[str, t.Any]) -> list[str]:
    """Return the names of the streams of a catalog that was checked."""
    return [entry["tap_stream_id"] for entry in catalog["streams"]]


def with_keys(catalog: Mapping[str, t.Any], keys: Mapping[str, Sequence[str]]) -> dict[str, t.Any]:
    """Return a catalog with the key of each stream, whatever key it had.

    Args:
        catalog: A catalog that was checked.
        keys: The key properties of each stream.
    """
    streams = []
    for entry in catalog["streams"]:
        key = keys.get(entry["tap_stream_id"])
        streams.append(entry if key is None else _with_key(entry, list(key)))
    return {**catalog, "streams": streams}


def _with_key(entry: Mapping[str, t.Any], key: list[str]) -> dict[str, t.Any]:
    metadata = [
        item
        if item["breadcrumb"]
        else {**item, "metadata": {**item["metadata"], "table-key-properties": key}}
        for item in entry.get("metadata") or ()
    ]
    return {**entry, "key_properties": key, "metadata": metadata}


def _is_property(schema: object) -> bool:
    return isinstance(schema, dict) and ("type" in schema or "anyOf" in schema)


def _is_metadata(item: object) -> bool:
    return (
        isinstance(item, dict)
        and isinstance(item.get("breadcrumb"), list)
        and isinstance(item.get("metadata"), dict)
    )


def check_stream(
    name: str, schema: Mapping[str, t.Any], keys: Sequence[str], date: str | None
) -> None:
    """Check that a stream can be read as its catalog entry says.

    Raises:
        TapError: A key property is missing, or the replication key is not a date.
    """
    properties = schema["properties"]
    for key in keys:
        if key not in properties:
            raise TapError(
                f"The schema of {name} in the catalog lacks the key property {key}: {REDISCOVER}"
            )
    if date is not None and properties.get(date, {}).get("format") not in {"date-time", "date"}:
        raise TapError(
            f"The replication key of {name} in the catalog is {date}, which is not a date "
            "property of its schema: choose a date of change, or none"
        )


def check_state(state: object) -> None:
    """Check the shape of a state; the values of a company are checked when they are read.

    Raises:
        TapError: It is not a state of this tap; the sentence names the place.
    """
    if not isinstance(state, dict):
        raise TapError(f"The state is not a JSON object: {LAST_STATE}")
    if "singer_state" in state:
        raise TapError("The state is Meltano's own: give only what its singer_state holds")
    if state.get("type") == "STATE":
        raise TapError("The state is a whole STATE message: give only its value")
    if state and "bookmarks" not in state:
        raise TapError(f"The state has no bookmarks: {LAST_STATE}")
    bookmarks = state.get("bookmarks", {})
    if not isinstance(bookmarks, dict):
        raise TapError(f"The state's bookmarks are not an object: {LAST_STATE}")
    for name, stream in bookmarks.items():
        # An entry without partitions is that of a tap that does not read companies.
        without: list[t.Any] | None = None if stream else []
        partitions = stream.get("partitions", without) if isinstance(stream, dict) else None
        if not isinstance(partitions, list) or not all(map(_is_partition, partitions)):
            raise TapError(
                f"The state of {name} is not a list of partitions, each with the context of a "
                f"company: {LAST_STATE}, or remove this stream from it"
            )


def _is_partition(part: object) -> bool:
    return isinstance(part, dict) and isinstance(part.get("context"), dict)
