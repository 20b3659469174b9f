"""The mapping compared with the instance: the tables a stream fills, and whether they exist."""

from __future__ import annotations

import logging
import typing as t
from dataclasses import replace
from functools import cached_property

from target_servicenow import preflight, write_rights
from target_servicenow.api.errors import StopRunError
from target_servicenow.findings import Level
from target_servicenow.mapping.expression import MappingError
from target_servicenow.mapping.passthrough import passthrough
from target_servicenow.mapping.profile import check_stream

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from target_servicenow.api.session import Session
    from target_servicenow.findings import Finding
    from target_servicenow.known_rows import KnownRows
    from target_servicenow.mapping.profile import Profile, Table
    from target_servicenow.preflight import Report

logger = logging.getLogger(__name__)


class MappedTables:
    """The tables of a run. The instance is queried about them once, when they are first needed."""

    def __init__(
        self,
        mapping: Profile,
        session: Session,
        *,
        title: str,
        unmapped: str,
        known: KnownRows,
    ) -> None:
        """Query nothing yet.

        Args:
            mapping: The mapping as it was loaded.
            session: The session to query the instance with.
            title: The user's name for the mapping.
            unmapped: The setting ``unmapped_streams``.
            known: Returns rows of a table that were seen before.
        """
        self._mapping = mapping
        self._session = session
        self._title = title
        self._unmapped = unmapped
        self._known = known
        self._passthrough: dict[str, Table] = {}
        self._checked: set[str] = set()
        self._optional = {table.name for table in mapping.tables if table.optional}

    @cached_property
    def report(self) -> Report:
        """What the instance says of every table of the mapping."""
        return preflight.inspect(self._session, self._mapping.tables, self._known)

    @cached_property
    def profile(self) -> Profile:
        """The mapping without the optional tables that the instance does not have."""
        absent = [error for error in self.report.errors() if error.table in self._optional]
        for error in absent:
            is_there = error.table in self.report.definitions
            level = logging.WARNING if is_there else logging.INFO
            logger.log(level, "%s is optional and skipped: %s", error.table, error.sentence)
        return self._mapping.without({error.table for error in absent})

    def all(self) -> tuple[Table, ...]:
        """Return every table that can be written, each after those it points into."""
        return (*self.profile.tables, *self._passthrough.values())

    def of_stream(
        self, stream: str, schema: dict[str, t.Any], key_properties: tuple[str, ...]
    ) -> tuple[Table, ...]:
        """Return the tables a stream fills, by the mapping or by ``unmapped_streams``.

        Raises:
            MappingError: Nothing maps the stream, or it lacks what the mapping needs.
        """
        tables = self.profile.of_stream(stream)
        for table in tables:
            check_stream(table, schema)
        if tables:
            return tables
        if self._unmapped == "skip":
            logger.info("Stream %s is not mapped: skipped", stream)
            return ()
        if self._unmapped == "fail":
            mapped = ", ".join(sorted({table.stream for table in self.profile.tables}))
            raise MappingError(
                f"Stream {stream} is not mapped (mapping {self._title} maps {mapped}): deselect "
                "it in the tap, map it, or set unmapped_streams to skip or passthrough"
            )
        return (self._add(passthrough(stream, schema, key_properties)),)

    def _add(self, table: Table) -> Table:
        """Add a table that no mapping names; it is replaced when its stream's schema changes."""
        self._passthrough[table.stream] = table
        self._checked.discard(table.name)
        report = preflight.inspect(self._session, [table], self._known)
        others = [finding for finding in self.report.findings if finding.table != table.name]
        self.report.findings[:] = [*others, *report.findings]
        self.report.definitions.update(report.definitions)
        return table

    def prepare(self, tables: Iterable[Table]) -> None:
        """Log once what was found of tables and of those they point at.

        Raises:
            StopRunError: One of them cannot be written.
        """
        tables = list(tables)
        names = {table.name for table in tables}
        names |= {name for table in tables for name in table.references()}
        for finding in self.report.findings:
            if finding.table in names - self._checked:
                if finding.level is Level.ERROR:
                    raise StopRunError(finding.sentence)
                if finding.level is Level.WARNING:
                    logger.warning("%s", finding.sentence)
        self._checked |= names

    def findings(self, *, writing: bool = False) -> list[Finding]:
        """Return what was found, for ``--test``: a missing optional table is not an error.

        Args:
            writing: Set one row of each table to what it already is, to see the right to update.
        """
        tried = self._try_updates() if writing else {}
        return [
            replace(
                finding,
                level=Level.WARNING,
                sentence=f"{finding.table} is optional and skipped: {finding.sentence}",
            )
            if finding.level is Level.ERROR and finding.table in self._optional
            else tried.get(finding.table, finding)
            if finding.right == write_rights.UPDATE
            else finding
            for finding in self.report.findings
        ]

    def _try_updates(self) -> dict[str, Finding]:
        """Return what updates say, by the tables whose right to update has not been seen."""
        names = {found.table for found in self.report.findings if found.right}
        return {
            table.name: write_rights.try_update(
                self._session, table, self.report.rows.get(table.name, "")
            )
            for table in self._mapping.tables
            if table.name in names
        }
