"""CompanyStream: a stream whose partitions are companies, as the SDK sees it."""

from __future__ import annotations

import logging
import secrets
import time
import typing as t
from dataclasses import replace
from functools import cached_property

from typing_extensions import override

from tap_sage300 import input_checks
from tap_sage300.reading import state, versions
from tap_sage300.reading.records import COMPANY
from tap_sage300.sdk import SingerStream

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from singer_sdk import Tap
    from singer_sdk.helpers.types import Context
    from singer_sdk.singerlib import Catalog, MetadataMapping

    from tap_sage300.discovery import SiteEntity
    from tap_sage300.reading.entity import Entity
    from tap_sage300.reading.state import Progress
    from tap_sage300.run import Run


class CompanyStream(SingerStream):
    """One entity of Sage 300: its catalog, its companies, and what the state holds of them.

    Attributes:
        entity: What to read, and how its changes show.
    """

    entity: t.ClassVar[Entity]

    def __init__(self, tap: Tap, run: Run, known: SiteEntity) -> None:
        """Make the stream of what is known of it on the site."""
        super().__init__(tap, name=self.entity.name, schema=dict(known.schema))
        self.primary_keys = (COMPANY, *self.entity.keys)
        self.replication_key = known.date
        self._run = run

    @cached_property
    def dated_entity(self) -> Entity:
        """The entity, with the date of change that the site or the catalog has."""
        return self.entity.dated_by(self.replication_key)

    @property
    @override
    def emit_activate_version_messages(self) -> bool:
        """No: the SDK would write one before a read, without waiting for all companies."""
        return False

    @override
    def apply_catalog(self, catalog: Catalog) -> None:
        """Take schema, selection and date of change from a catalog, but never the key.

        Raises:
            TapError: The catalog asks for what the stream cannot do.
        """
        keys, date = self.primary_keys, self.replication_key
        super().apply_catalog(catalog)  # whose keys are those of the stream by now (input_checks)
        if self.replication_key is None:
            self.replication_key = date
        if catalog.get_stream(self.name):
            input_checks.check_stream(self.name, self.effective_schema, keys, self.replication_key)

    @property
    @override
    def partitions(self) -> list[dict[str, t.Any]]:
        """One partition per company; those that have waited longest come first."""
        waits = self._waits
        companies = self._run.config.companies
        return [{COMPANY: name} for name in sorted(companies, key=lambda name: -waits.get(name, 0))]

    @property
    def waited(self) -> int:
        """Most runs that ended before a window of this stream was complete."""
        return max(self._waits.values(), default=0)

    @property
    def _waits(self) -> dict[str, int]:
        return {name: state.waited(part) for name, part in self._parts().items()}

    def _parts(self) -> dict[str, Mapping[str, t.Any]]:
        """Return the state of each company."""
        stream_state: Mapping[str, t.Any] = self.tap_state.get("bookmarks", {}).get(self.name, {})
        return {
            part.get("context", {}).get(COMPANY, ""): part
            for part in stream_state.get("partitions", ())
        }

    @property
    @override
    def metadata(self) -> MetadataMapping:
        """The catalog's metadata; private properties are not selected by default."""
        mapping = super().metadata
        for name in self.entity.private:
            mapping["properties", name].selected_by_default = False
        return mapping

    @override
    def log(self, message: str, *args: t.Any, level: int = logging.INFO, **kwargs: t.Any) -> None:
        """Skip the SDK's line on a failed sync: the command says why, in one sentence."""
        if level < logging.ERROR:
            super().log(message, *args, level=level, **kwargs)

    @override
    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """Set no signpost."""

    # Versions

    def with_version(self, company: str, progress: Progress) -> Progress:
        """Choose the version of the sweep that a company is about to begin, if it is."""
        if not (self.entity.is_master_data and self._run.config.emit_activate_version_messages):
            return replace(progress, version=None, swept=None)
        known = [progress.version or 0, *(own for own, _ in self._others(company))]
        clock = time.time_ns() // 1_000_000 * 1_000 + secrets.randbelow(1_000)
        return versions.opened(progress, max(known), clock)

    def activate(self, company: str, version: int | None) -> None:
        """Say what is no longer there, if every other company was swept whole, too.

        Args:
            company: The company that was just swept whole.
            version: The version of its records.
        """
        if version and versions.may_activate(version, self._others(company)):
            self.activate_version(version, self.partitions)
            self.logger.info(
                "%s was read whole in every company: what did not come under version %d is no "
                "longer in Sage 300",
                self.name,
                version,
            )

    def _others(self, company: str) -> list[tuple[int, int]]:
        """Return the versions of each other company: its own, and the last one swept whole."""
        parts, date = self._parts(), self.dated_entity.date
        names = [name for name in self._run.config.companies if name != company]
        return [state.versions(parts.get(name, {}), date) for name in names]
