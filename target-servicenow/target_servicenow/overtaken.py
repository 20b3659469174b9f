"""Waiting rows that what was read since has overtaken: their old records are not tried again.

A record replaces the rows that its older version left waiting. What it says nothing about goes on
waiting, since an ordinary read brings only what changed; a complete read ends what it did not
bring.
"""

from __future__ import annotations

import logging
import typing as t

from target_servicenow.ledger.entries import stamp
from target_servicenow.ledger.waiting import KEYLESS
from target_servicenow.ledger.writer import company
from target_servicenow.mapping.identifiers import company_prefix, parent_prefix
from target_servicenow.mapping.render import Row, text_of
from target_servicenow.outcomes import FOR_A_PERSON, Cause
from target_servicenow.upsert.gone import objection
from target_servicenow.upsert.plan import natural_key

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from target_servicenow.ledger.entries import Reject
    from target_servicenow.ledger.writer import LedgerWriter
    from target_servicenow.mapping.profile import Profile, Table
    from target_servicenow.mapping.versions import Record, Version

logger = logging.getLogger(__name__)

NOT_IN_RECORD = "its record was read again, and no longer has it"
WAITS_AS_A_WHOLE = "a newer version of its record waits as a whole"
DELETED = "its record was read again, and says that it is deleted"
FILTERED = "its record was read again, and the mapping does not want it any more"
ANOTHER_KEY = "its record was read again with a key: it is {} now"
NOT_IN_SWEEP = "a complete read did not bring it"
REIMPORTED = "its record was corrected and came again under another key"


class Overtaken:
    """Ends the wait of rows."""

    def __init__(self, ledger: LedgerWriter, profile: Profile, max_percent: int) -> None:
        """Prepare, with the setting max_inactive_percent."""
        self._ledger = ledger
        self._profile = profile
        self._max_percent = max_percent

    def is_stale(self, record: Record, exported: t.Any) -> bool:
        """Tell whether a record that `ledger export` printed no longer waits as it did then.

        Args:
            record: The record, as it may have been corrected since.
            exported: What it was stamped with.
        """
        table, identifier = _address(exported)
        payload = self._ledger.payload(table, identifier)
        stale = payload is None or stamp(table, identifier, payload) != exported
        if stale:
            logger.warning(
                "An exported record is skipped, since %s has been settled or read again since: "
                "export what still waits, and correct that",
                f"{table} {identifier}" if table else f"{sorted(record)[:3]}",
            )
        return stale

    def by_import(self, table: Table, exported: t.Any, identifiers: AbstractSet[str]) -> None:
        """End a row of a table whose exported record was loaded under other identifiers."""
        name, identifier = _address(exported)
        if name == table.name and identifier not in identifiers:
            self._end(name, [identifier], Cause.CORRECTED, REIMPORTED)

    def by_key(self, table: Table, read: Iterable[Version]) -> None:
        """End rows without a key whose record has one now, or a newer version without them.

        To be called before they are loaded.
        """
        keyless = self._ledger.keyless(table.name)
        if not keyless:
            return
        brought: dict[str, set[str]] = {}
        newcomers: dict[t.Any, str] = {}
        for one in read:
            if one.is_complete(table):
                brought.setdefault(one.prefix, set()).update(one.identifiers)
            for row in one.rows:
                if isinstance(row, Row) and not self._ledger.knows(table.name, row.identifier):
                    newcomers[self._contents(table, row.payload)] = row.identifier
        for name, payload in keyless.items():
            prefix = parent_prefix(self._profile, table, payload)
            if prefix and name not in brought.get(prefix, {name}):
                self._end(table.name, [name], Cause.GONE, NOT_IN_RECORD)
            elif found := newcomers.get(self._contents(table, payload)):
                reason = ANOTHER_KEY.format(found)
                self._end(table.name, [name], Cause.CORRECTED, reason)

    def _contents(self, table: Table, record: Record) -> t.Any:
        """Return what tells a record from others, whatever its key: its natural key, or all of it.

        Another property of a record may have changed with its key.
        """
        start = company_prefix(self._profile, table, record)
        if table.adopt_by and (text := natural_key(text_of(table, table.adopt_by, record))):
            return start, text
        keys = {name for part in table.key for name in part.names}
        return start, repr(sorted((n, repr(v)) for n, v in record.items() if n not in keys))

    def by_entries(self, table: Table, kept: Mapping[str, AbstractSet[str]]) -> None:
        """End rows of entries that their records, read whole, no longer hold.

        Args:
            table: The rows' table.
            kept: The identifiers of the entries that a record holds, and of those just set gone,
                by the prefix they share.
        """
        if self._ledger.waits(table.name):
            gone = (
                name
                for prefix, held in kept.items()
                for name in self._ledger.waiting_below(table.name, prefix)
                if name not in held
            )
            self._end(table.name, list(gone), Cause.GONE, NOT_IN_RECORD)

    def by_header(self, table: Table, read: Iterable[Version]) -> None:
        """End rows of entries whose record now waits as a whole, or says that it is deleted.

        A row that is to be set gone goes on waiting for that.
        """
        for one in read:
            unread = one.is_unread(table)
            if one.prefix and (unread or one.is_deleted(table)):
                names = [
                    name
                    for name in self._ledger.waiting_below(table.name, one.prefix)
                    if name not in one.identifiers and self._ledger.payload(table.name, name)
                ]
                cause = Cause.GONE if unread else Cause.NOT_WANTED
                self._end(table.name, names, cause, WAITS_AS_A_WHOLE if unread else DELETED)

    def by_filter(self, table: Table, read: Iterable[Version]) -> None:
        """End rows that the mapping leaves out of a table now (``where``)."""
        if table.where is None or not self._ledger.waits(table.name):
            return
        keys = self._ledger.key_properties(table.stream)
        latest = {tuple(repr(one.record.get(name)) for name in keys): one for one in read}
        for one in latest.values():
            name = one.prefix[:-1]
            payload = self._ledger.payload(table.name, name) if name and not one.rows else None
            # Several records may share a row, and another one may still want it.
            if payload is not None and keys and _same(payload, one.record, keys):
                self._end(table.name, [name], Cause.NOT_WANTED, FILTERED)

    def by_sweep(self, table: Table, version: int, whole: AbstractSet[str]) -> None:
        """End rows that a complete read under a version did not bring, company by company.

        Where they would be so many that the read may have been cut short, they go on waiting; so
        they do where rows that are in ServiceNow were held back for that.

        Args:
            table: The table of the rows.
            version: The version.
            whole: The companies that are known to have been read whole.
        """
        cut_short = {
            company(reject.identifier)
            for reject in self._ledger.pending()
            if reject.table == table.name and reject.cause == Cause.TOO_MANY_GONE
        }
        gone: dict[str, list[str]] = {}
        for reject in self._ledger.not_in_sweep(table.name, version):
            if reject.cause not in FOR_A_PERSON:
                gone.setdefault(self._company(table, reject), []).append(reject.identifier)
        seen, _ = self._ledger.seen_and_unseen(table.name, version)
        for start, names in gone.items():
            total = seen[start] + len(names)
            many = objection(len(names), total, "", max_percent=self._max_percent)
            if (seen[start] or start in whole) and start not in cut_short and not many:
                self._end(table.name, names, Cause.GONE, NOT_IN_SWEEP)

    def _end(self, table: str, identifiers: Iterable[str], cause: Cause, reason: str) -> None:
        if count := self._ledger.end(table, identifiers, cause, reason):
            logger.info("%s: no longer waiting, since %s (rows: %d)", table, reason, count)

    def _company(self, table: Table, reject: Reject) -> str:
        if not reject.identifier.startswith(KEYLESS):
            return company(reject.identifier)
        payload = self._ledger.payload(table.name, reject.identifier) or {}
        return company_prefix(self._profile, table, payload)


def _address(exported: t.Any) -> tuple[str, str]:
    """Return the table and the identifier of a stamp, empty ones of what is no stamp."""
    found = exported if isinstance(exported, dict) else {}
    return str(found.get("table", "")), str(found.get("identifier", ""))


def _same(record: Record, other: Record, keys: Sequence[str]) -> bool:
    return all(record.get(name) == other.get(name) for name in keys)
