"""Rows whose record vanished from Sage 300 before it was final: listed for a person.

A batch that was open when it was last read, then posted and cleared from Sage's history, cannot be
read again, and neither can one that was deleted. Nothing here can tell the two apart, so the rows
are left as they stand, and held ones are not created from their old record.
"""

from __future__ import annotations

import logging
import typing as t

from target_servicenow.ledger.entries import Entry
from target_servicenow.mapping.identifiers import parent_prefix
from target_servicenow.outcomes import Cause, Outcome
from target_servicenow.upsert.gone import gone

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from target_servicenow.ledger.writer import LedgerWriter
    from target_servicenow.mapping.profile import Profile, Table
    from target_servicenow.upsert.upserter import Upserter

logger = logging.getLogger(__name__)

VANISHED: t.Final = "batch_vanished"
"""The event in the tap's log."""

COMPANY: t.Final = "CompanyID"


def named(entry: Mapping[str, t.Any], key_properties: Sequence[str]) -> dict[str, t.Any]:
    """Return the key of the record that an entry of the tap's log is about, property by property.

    Args:
        entry: The entry: its ``CompanyID``, and as ``Key`` the other key properties' values with
            blanks between them.
        key_properties: Those of the record's stream.
    """
    names = [name for name in key_properties if name != COMPANY]
    values = str(entry.get("Key", "")).split(" ", max(len(names) - 1, 0))
    return {COMPANY: entry.get(COMPANY), **dict(zip(names, values, strict=False))}


class Vanished:
    """Lists rows for a person."""

    def __init__(self, ledger: LedgerWriter, profile: Profile, upserter: Upserter) -> None:
        """Prepare."""
        self._ledger = ledger
        self._profile = profile
        self._upserter = upserter

    def add(self, entry: Mapping[str, t.Any]) -> int:
        """List the rows of a record that vanished; return how many.

        Rows that stand as if they were gone are left out, and so are the rows of entries inside
        entries: whoever corrects the invoice sees its lines. Rows that wait are listed whatever
        they are, with their record.

        Args:
            entry: A record of the tap's log of its own reading; all but those that say that a
                batch vanished are left alone.
        """
        if entry.get("Event") != VANISHED:
            return 0
        stream = str(entry.get("Stream"))
        record = named(entry, self._ledger.key_properties(stream))
        tables = self._profile.of_stream(stream)
        depth = min((len(table.each) for table in tables if table.when_gone), default=0)
        return sum(
            self._add(table, record, everything=len(table.each) == depth) for table in tables
        )

    def _add(self, table: Table, record: Mapping[str, t.Any], *, everything: bool) -> int:
        prefix = parent_prefix(self._profile, table, record)
        if not prefix:
            return 0
        known = self._ledger.known_below(table.name, prefix) if table.each else [prefix[:-1]]
        payloads = {name: self._ledger.payload(table.name, name) for name in known}
        listed = {name for name, payload in payloads.items() if payload is not None}
        if everything and table.when_gone:
            remembered = self._ledger.altered(table.name, known)
            rows = self._upserter.differing(table, gone(table, known), remembered)
            listed |= {row.identifier for row in rows}
        reason = (
            f"{prefix[:-1]} vanished from the source before it was final, so it was either posted "
            "and cleared from history, or deleted: find out which, correct the row in ServiceNow, "
            "and take it off the list with target-servicenow ledger rejects --drop"
        )
        if listed:
            logger.warning("%s: %s (rows: %d)", table.name, reason, len(listed))
            self._ledger.record(
                Entry(
                    table.name,
                    name,
                    Outcome.HELD,
                    cause=Cause.VANISHED,
                    reason=reason,
                    stream=table.stream,
                    payload=payloads.get(name) or {},
                )
                for name in sorted(listed)
            )
        return len(listed)
