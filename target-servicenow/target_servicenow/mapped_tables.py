"""The mapping held against the instance: which tables a stream fills, and whether it can."""

from __future__ import annotations

import logging
import typing as t
from dataclasses import replace
from functools import cached_property

from target_servicenow import preflight
from target_servicenow.api.errors import StopRun
from target_servicenow.mapping.expression import MappingError
from target_servicenow.mapping.passthrough import passthrough
from target_servicenow.mapping.profile import check_stream
from target_servicenow.preflight import Level

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from target_servicenow.api.session import Session
    from target_servicenow.mapping.profile import Profile, Table
    from target_servicenow.preflight import Finding, Report

logger = logging.getLogger(__name__)


class MappedTables:
    """The tables of a run. The instance is asked about them once, when they are first wanted."""

    def __init__(self, mapping: Profile, session: Session, *, title: str, unmapped: str) -> None:
        """Ask nothing yet.

        Args:
            mapping: as it was loaded.
            session: to ask the instance with.
            title: what the user calls the mapping.
            unmapped: the setting ``unmapped_streams``.
        """
        self._mapping = mapping
        self._session = session
        self._title = title
        self._unmapped = unmapped
        self._passthrough: dict[str, Table] = {}
        self._checked: set[str] = set()
        self._optional = {table.name for table in mapping.tables if table.optional}

    @cached_property
    def report(self) -> Report:
        """What the instance says of every table of the mapping."""
        return preflight.inspect(self._session, self._mapping.tables)

    @cached_property
    def profile(self) -> Profile:
        """The mapping less the optional tables that the instance does not have."""
        absent = [fault for fault in self.report.faults() if fault.table in self._optional]
        for fault in absent:
            logger.info("%s is optional and left out: %s", fault.table, fault.sentence)
        return self._mapping.without({fault.table for fault in absent})

    def all(self) -> tuple[Table, ...]:
        """Every table that can be written, those pointed at first."""
        return (*self.profile.tables, *self._passthrough.values())

    def of_stream(
        self, stream: str, schema: dict[str, t.Any], key_properties: tuple[str, ...]
    ) -> tuple[Table, ...]:
        """The tables a stream fills, by the mapping or by ``unmapped_streams``.

        Raises:
            MappingError: nothing maps the stream, or it lacks what the mapping needs.
        """
        tables = self.profile.of_stream(stream)
        for table in tables:
            check_stream(table, schema)
        if tables:
            return tables
        if self._unmapped == "skip":
            logger.info("Stream %s is not mapped: left out", stream)
            return ()
        if self._unmapped == "fail":
            mapped = ", ".join(sorted({table.stream for table in self.profile.tables}))
            raise MappingError(
                f"Nothing maps stream {stream} (mapping {self._title} maps {mapped}): deselect it "
                "in the tap, map it, or set unmapped_streams to skip or passthrough"
            )
        return (self._add(passthrough(stream, schema, key_properties)),)

    def _add(self, table: Table) -> Table:
        """Take in a table that no mapping names, anew when its stream's schema changes."""
        self._passthrough[table.stream] = table
        self._checked.discard(table.name)
        report = preflight.inspect(self._session, [table])
        others = [one for one in self.report.findings if one.table != table.name]
        self.report.findings[:] = [*others, *report.findings]
        self.report.definitions.update(report.definitions)
        return table

    def prepare(self, tables: Iterable[Table]) -> None:
        """Say once what was found of tables, and of those they point at.

        Raises:
            StopRun: one of them cannot be written.
        """
        tables = list(tables)
        names = {table.name for table in tables}
        names |= {name for table in tables for name in table.references()}
        for finding in self.report.findings:
            if finding.table in names - self._checked:
                if finding.level is Level.FAULT:
                    raise StopRun(finding.sentence)
                logger.warning("%s", finding.sentence)
        self._checked |= names

    def findings(self) -> list[Finding]:
        """What was found, for a checklist: an optional table that is not there is no fault."""
        return [
            replace(
                finding,
                level=Level.WARNING,
                sentence=f"{finding.table} is optional and left out: {finding.sentence}",
            )
            if finding.level is Level.FAULT and finding.table in self._optional
            else finding
            for finding in self.report.findings
        ]
