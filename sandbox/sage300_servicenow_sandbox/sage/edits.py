"""What a user at Sage 300's screens does to a record: editing it, posting a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .records import encode, join, members

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from .resources import Resource

_POSTABLE = ('"Open"', '"ReadyToPost"')


class NotPostableError(Exception):
    """The batch is in no state from which it can be posted."""


def edit(resource: Resource, record: str, values: Mapping[str, Any], today: date) -> str:
    """Return the record with the given properties changed, as text.

    The change date moves to today, as Sage 300 moves it, unless the values name it: a user may
    sign on with any session date. Nested collections are replaced whole.

    Raises:
        ValueError: a property that the resource lacks, a key, or a value that does not fit.
    """
    properties = resource.record_type.properties
    stamp = {resource.change_date: today} if resource.change_date else {}
    texts = members(record)
    for name, value in {**stamp, **values}.items():
        if name not in properties:
            raise ValueError(f"{resource.name} has no property {name}.")
        if name in resource.keys:
            raise ValueError(f"{name} is the key of {resource.name} and cannot be edited.")
        texts[name] = encode(resource.name, properties[name], value)
    return join(texts)


def post(record: str, sequence: int) -> str:
    """Return an invoice batch as posting leaves it, as text.

    Status and posting sequence change, the date last edited does not: the product's help defines
    it as the day on which a document was last added or changed, and posting is neither.

    Raises:
        NotPostableError: the batch is neither open nor ready to post.
    """
    texts = members(record)
    if texts["BatchStatus"] not in _POSTABLE:
        status = texts["BatchStatus"].strip('"')
        raise NotPostableError(
            f"Batch {texts['BatchNumber']} is {status}; only an Open or ReadyToPost batch can be "
            "posted."
        )
    return join({**texts, "BatchStatus": '"Posted"', "PostingSequenceNumber": str(sequence)})
