"""What users do to records at Sage 300's screens: edit, copy, post, delete."""

from __future__ import annotations

import typing as t
from decimal import Decimal

import msgspec

from sage300_servicenow_sandbox.sage.records import empty, encode, join, members

if t.TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from sage300_servicenow_sandbox.sage.resources import Resource

_UNPOSTED = ("Open", "ReadyToPost")


class WrongStatusError(Exception):
    """The batch's status does not allow the change; the text is a sentence."""


class _Entry(msgspec.Struct):
    """What an entry's removal needs of the entries, whose text is kept as it is."""

    EntryNumber: int
    DocumentTotalIncludingTax: Decimal


def edit(resource: Resource, record: str, values: Mapping[str, t.Any], today: dt.date) -> str:
    """Return the record with the given properties changed, as text.

    The change date moves to today, as in Sage 300, unless the values name it: a user may sign on
    with any session date. Nested collections are replaced whole.

    Raises:
        ValueError: A property that the resource lacks, a key, or a value that does not fit.
    """
    for name in values:
        if name in resource.keys:
            raise ValueError(f"{name} is the key of {resource.name} and cannot be edited")
    return _changed(resource, record, values, today)


def copy(resource: Resource, record: str, values: Mapping[str, t.Any], today: dt.date) -> str:
    """Return a new record like the given one under another key, as text.

    Raises:
        ValueError: A key is missing, or as for an edit.
    """
    for name in resource.keys:
        if name not in values:
            raise ValueError(f"A new record of {resource.name} needs a {name} of its own")
    return _changed(resource, record, values, today)


def post(record: str, sequence: int) -> str:
    """Return an invoice batch as posting leaves it, as text.

    Status and posting sequence change, the date last edited does not: the product's help defines
    it as the day on which a document was last added or changed, and posting is neither.

    Raises:
        WrongStatusError: The batch is neither open nor ready to post.
    """
    texts = _unposted(record, "posted")
    return join({**texts, "BatchStatus": '"Posted"', "PostingSequenceNumber": str(sequence)})


def delete_batch(resource: Resource, record: str, today: dt.date) -> str:
    """Return an invoice batch as deleting it leaves it, as text: it stays, with its number.

    Its entries stay too, as Sage does not say whether they are removed. This is the harder case: a
    reader that ignores the status books what was never posted.

    Raises:
        WrongStatusError: The batch is neither open nor ready to post.
    """
    _unposted(record, "deleted")
    return _changed(resource, record, {"BatchStatus": "Deleted"}, today)


def remove_entry(resource: Resource, record: str, number: int, today: dt.date) -> str | None:
    """Return an open invoice batch without one of its entries, as text; None, no such entry.

    The entry's number stays unused; the batch's total and count change.

    Raises:
        WrongStatusError: The batch is not open.
    """
    texts = _unposted(record, "changed", ("Open",))
    raw = msgspec.json.decode(texts["Invoices"], type=list[msgspec.Raw])
    entries = [(msgspec.json.decode(text, type=_Entry), text) for text in raw]
    kept = [(entry, text) for entry, text in entries if entry.EntryNumber != number]
    if len(kept) == len(entries):
        return None
    invoices = b"[" + b",".join(text for _, text in kept) + b"]"
    total = sum((entry.DocumentTotalIncludingTax for entry, _ in kept), Decimal(0))
    values = {"NumberOfEntries": len(kept), "BatchTotal": total}
    return _changed(resource, join({**texts, "Invoices": invoices.decode()}), values, today)


def _changed(resource: Resource, record: str, values: Mapping[str, t.Any], today: dt.date) -> str:
    properties = resource.record_type.properties
    stamp = {resource.change_date: today} if resource.change_date else {}
    texts = {prop.name: empty(prop) for prop in resource.site_properties} | members(record)
    for name, value in {**stamp, **values}.items():
        if name not in properties:
            raise ValueError(f"{resource.name} has no property {name}")
        texts[name] = encode(resource.name, properties[name], value)
    return join(texts)


def _unposted(record: str, what: str, statuses: tuple[str, ...] = _UNPOSTED) -> Mapping[str, str]:
    texts = members(record)
    status = texts["BatchStatus"].strip('"')
    if status not in statuses:
        raise WrongStatusError(
            f"Batch {texts['BatchNumber']} is {status}; only an {' or '.join(statuses)} batch can "
            f"be {what}"
        )
    return texts
