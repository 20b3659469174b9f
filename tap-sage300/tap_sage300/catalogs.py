"""Catalogs and states that come from outside: whether they can be used. Pure.

The SDK trusts both and would end in a traceback.
"""

from __future__ import annotations

import typing as t

from tap_sage300.errors import TapError

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

AGAIN = "make a new one with --discover"


def check_catalog(catalog: object) -> None:
    """Check the shape of a catalog.

    Raises:
        TapError: It is no Singer catalog; the sentence names the place.
    """
    streams = catalog.get("streams") if isinstance(catalog, dict) else None
    if not isinstance(streams, list):
        raise TapError(f"The catalog has no list named streams: {AGAIN}.")
    for place, entry in enumerate(streams):
        name = entry.get("tap_stream_id") if isinstance(entry, dict) else None
        if not isinstance(name, str):
            raise TapError(f"Entry {place} of the catalog's streams has no tap_stream_id: {AGAIN}.")
        schema = entry.get("schema")
        if not isinstance(schema, dict) or not isinstance(schema.get("properties"), dict):
            raise TapError(f"The stream {name} of the catalog has no schema: {AGAIN}.")
        if not all(map(_is_property, schema["properties"].values())):
            raise TapError(
                f"The schema of {name} in the catalog has a property that is no object with a "
                f"type: {AGAIN}."
            )
        metadata = entry.get("metadata") or []
        if not isinstance(metadata, list) or not all(map(_is_metadata, metadata)):
            raise TapError(
                f"The metadata of {name} in the catalog has an item that is not a breadcrumb with "
                f"metadata: {AGAIN}."
            )


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
        TapError: A key property is missing, or the replication key is no date.
    """
    properties = schema["properties"]
    for key in keys:
        if key not in properties:
            raise TapError(
                f"The schema of {name} in the catalog lacks the key property {key}: {AGAIN}."
            )
    if date is not None and properties.get(date, {}).get("format") not in {"date-time", "date"}:
        raise TapError(
            f"The replication key of {name} in the catalog is {date}, which is no date property "
            "of its schema: take a date of change, or none."
        )


def check_state(state: object) -> None:
    """Check the shape of a state; the values of a company are checked when they are read.

    Raises:
        TapError: It is no state of this tap; the sentence names the place.
    """
    if not isinstance(state, dict):
        raise TapError("The state is no JSON object: give the last state that the target wrote.")
    bookmarks = state.get("bookmarks", {})
    if not isinstance(bookmarks, dict):
        raise TapError(
            "The state's bookmarks are no object: give the last state as it was written."
        )
    for name, stream in bookmarks.items():
        parts = stream.get("partitions", []) if isinstance(stream, dict) else None
        if not isinstance(parts, list) or not all(map(_is_partition, parts)):
            raise TapError(
                f"The state of {name} is not a list of partitions, each with the context of a "
                "company: give the last state as it was written, or remove this stream from it."
            )


def _is_partition(part: object) -> bool:
    return isinstance(part, dict) and isinstance(part.get("context"), dict)
