"""Source identifiers: what a row in ServiceNow carries to say which record it is. Pure."""

from __future__ import annotations

import hashlib
import json
import math
import re
import typing as t
from decimal import Decimal
from functools import lru_cache
from urllib.parse import quote

from target_servicenow.mapping.expression import MISSING, RecordError
from target_servicenow.mapping.types import shown, written_out

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from target_servicenow.mapping.expression import Property
    from target_servicenow.mapping.profile import Profile, Table

_PLAIN = re.compile(r"[A-Za-z0-9._-]*")


def identifier(source: str, table: Table, company: Sequence[t.Any], parts: Sequence[t.Any]) -> str:
    """Return the source identifier, such as ``sage300:SAMINC:Vendor:1200``.

    Parts are percent-encoded outside ``A-Za-z0-9._-``, since ServiceNow's queries cannot escape
    their own operators, and evaluate what follows ``javascript:``. An identifier too long for its
    column ends in a digest.

    Args:
        source: The profile's source.
        table: The table of the row.
        company: Its company database; empty where the table's identity names none.
        parts: Its key.

    Raises:
        RecordError: A part cannot be a key: no number, a huge one, or half of a character.
    """
    name = ":".join(map(_encoded, (source, *company, table.entity)))
    whole = ":".join((name, *map(_encoded, parts)))
    if len(whole) <= table.source_length:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()
    return f"{name[: table.source_length - 34]}:~{digest[:32]}"


def _encoded(part: t.Any) -> str:
    if type(part) is not str:
        part = _key_text(part)
    try:
        return _encoded_text(part)
    except ValueError:
        raise RecordError(f"{shown(part)} cannot be a part of a key") from None


def _key_text(part: t.Any) -> str:
    if isinstance(part, float) and not math.isfinite(part):
        raise RecordError(f"{part} cannot be a part of a key")
    try:
        if isinstance(part, Decimal) and written_out(part) and part == part.to_integral_value():
            part = int(part)  # 28 and 28.0 are one batch number
        return str(part)
    except ValueError:
        raise RecordError(f"{shown(part)} cannot be a part of a key") from None


@lru_cache(maxsize=1024)  # source, company and entity are in every identifier
def _encoded_text(text: str) -> str:
    text = text.rstrip()  # Sage pads some keys
    if _PLAIN.fullmatch(text) and not text.lower().endswith("javascript"):
        return text
    # urllib leaves "~" alone, which here marks a digest.
    encoded = quote(text, safe="").replace("~", "%7E")
    if encoded.lower().endswith("javascript"):
        return f"{encoded[:-1]}%{ord(encoded[-1]):X}"
    return encoded


def identity(
    source: str, table: Table, scope: Mapping[str, t.Any], record: Mapping[str, t.Any]
) -> str:
    """Return the source identifier of the row that one entry of a record wants.

    Args:
        source: The profile's source.
        table: The table of the row.
        scope: What the entry's properties are called in the mapping.
        record: The whole record.

    Raises:
        RecordError: A part of its key is empty, or cannot be a key.
    """
    if not table.key:  # a stream without key properties: the record is its own key
        return identifier(source, table, [], [_digest(record)])
    company = [table.company(scope)] if table.company else []
    parts = [part(scope) for part in table.key]
    if any(is_empty(part) for part in (*company, *parts)):
        named = ([table.company] if table.company else []) + list(table.key)
        raise RecordError(f"part of its key ({_names(named)}) is empty")
    return identifier(source, table, company, parts)


def parent_prefix(profile: Profile, table: Table, record: Mapping[str, t.Any]) -> str:
    """Return the beginning that the identifiers of all entries of one record share, or ""."""
    parts = []
    try:
        for part in table.key:
            value = part(record)
            if is_empty(value):
                break
            parts.append(value)
        company = [table.company(record)] if table.company else []
        if not parts or any(is_empty(part) for part in company):
            return ""
        names = (profile.source_of(table), *company, table.entity, *parts)
        return ":".join(map(_encoded, names)) + ":"
    except RecordError:
        return ""


def company_prefix(profile: Profile, table: Table, partition: Mapping[str, t.Any]) -> str:
    """Return the beginning of the identifiers of all rows of one company, or "".

    Args:
        profile: The mapping.
        table: The table of the rows.
        partition: What all records of the company have in common, such as its CompanyID.
    """
    try:
        company = table.company(partition) if table.company else MISSING
        names = (profile.source_of(table), company)
        return "" if is_empty(company) else ":".join(map(_encoded, names))
    except RecordError:
        return ""


def keyless(payload: Mapping[str, t.Any]) -> str:
    """Return a name for a record without an identifier that tells it from others like it."""
    return f"(no key) {_digest(payload)}"


def is_empty(part: t.Any) -> bool:
    """Tell whether a part of a key is none."""
    return part is None or part is MISSING or (isinstance(part, str) and not part.strip())


def _digest(record: Mapping[str, t.Any]) -> str:
    text = json.dumps(record, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _names(key: Iterable[Property]) -> str:
    return ", ".join(part.text for part in key)
