"""Ledger values in a reader's words: times, amounts, names of records. Pure."""

from __future__ import annotations

import re
import typing as t
from urllib.parse import unquote

from target_servicenow.ledger.entries import parse_time

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from decimal import Decimal

    from target_servicenow.money import Money

LONGEST = 160
"""Characters of a value, a name or a reason that a page shows."""

_EVENTS: t.Final = {
    "retry": ("retry", "retries"),
    "timeout": ("timeout", "timeouts"),
    "pool_rest": ("rest of its application pool", "rests of its application pool"),
    "record_left_out": ("record was left out", "records were left out"),
    "batch_vanished": ("batch vanished", "batches vanished"),
    "budget_stop": ("stop at the call budget", "stops at the call budget"),
}

_MIN_PARTS = 4  # source, company, entity, key
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def cut(text: str, longest: int = LONGEST) -> str:
    """Return a text, shortened if it is long."""
    return text if len(text) <= longest else f"{text[:longest]}…"


def count(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 row``, ``1,200 rows``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def happened(event: str, number: int) -> str:
    """Return how often something happened while Sage 300 was read: ``2 timeouts``."""
    one, several = _EVENTS.get(event, (event, event))
    return f"{number:,} {one if number == 1 else several}"


def happening(event: str) -> str:
    """Return what happened while Sage 300 was read: ``timeout``."""
    return _EVENTS.get(event, (event, event))[0]


def amount(value: Decimal) -> str:
    """Return an amount with every digit that counts, and two decimals at least."""
    whole, _, fraction = f"{value:,f}".partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"


def money(sums: Iterable[Money]) -> str:
    """Return sums, each with its currency."""
    return ", ".join(f"{amount(one.amount)} {one.currency}".rstrip() for one in sums)


def when(time: str) -> str:
    """Return a time of the ledger as people write it, in UTC."""
    moment = parse_time(time)
    return f"{moment.day} {moment:%b %Y, %H:%M}"


def took(started: str, finished: str) -> str:
    """Return how long something took; "" while it has not ended."""
    if not finished:
        return ""
    seconds = max(int((parse_time(finished) - parse_time(started)).total_seconds()), 0)
    if seconds < 60:  # noqa: PLR2004 - seconds of a minute
        return f"{seconds} s" if seconds else "less than 1 s"
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


def entity(lowest: str, highest: str) -> str:
    """Return what the rows of a table are, such as ``Vendor``, by two of their identifiers.

    A mapping may make identifiers without a company; then nothing is said.
    """
    parts = [identifier.split(":") for identifier in (lowest, highest)]
    if any(len(part) < _MIN_PARTS for part in parts) or parts[0][2] != parts[1][2]:
        return ""
    return parts[0][2] if parts[0][2].isalpha() else ""


def kind(entity: str) -> str:
    """Return an entity as words: ``GL account``."""
    first, *others = _CAPITAL.split(entity)
    return " ".join((first, *(o if o.isupper() else o.lower() for o in others)))


def record(identifier: str, entity: str) -> str:
    """Return what a record is called by its key: ``Vendor 1200 of SAMINC``."""
    parts = [unquote(part) for part in identifier.split(":")]
    if entity and len(parts) >= _MIN_PARTS and parts[2] == entity:
        return f"{kind(entity)} {' / '.join(parts[3:])} of {parts[1]}"
    return "a record without a key" if identifier.startswith("(no key)") else unquote(identifier)


_COLUMNS = ("name", "invoice_number", "number", "title", "short_description", "description")
_PROPERTIES = ("DocumentNumber", "VendorName", "Description", "Name", "name", "description")


def name_of_row(values: Mapping[str, str]) -> str:
    """Return what people call a row, by its columns."""
    return next((values[c] for c in _COLUMNS if values.get(c)), "")


def name_of_record(payload: Mapping[str, t.Any]) -> str:
    """Return what people call a Singer record, its innermost entry first."""
    for value in payload.values():
        if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
            inner = name_of_record(value[0])
            if inner:
                return inner
    found = (payload.get(name) for name in _PROPERTIES)
    return next((value for value in found if isinstance(value, str) and value.strip()), "")


def since(run: int, current: int) -> str:
    """Return since when a row waits."""
    return "new in this run" if run >= current else f"since run {run}"
