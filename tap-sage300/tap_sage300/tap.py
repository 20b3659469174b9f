"""TapSage300: which settings and streams exist."""

from __future__ import annotations

import typing as t
from functools import cached_property

from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities
from typing_extensions import override

from tap_sage300 import discovery, preflight
from tap_sage300.command_line import CommandLineTap
from tap_sage300.errors import SeveralError, TapError
from tap_sage300.events import ReadNotes
from tap_sage300.message_writer import MessageWriter
from tap_sage300.read_log import Sage300ReadLog
from tap_sage300.reading.records import COMPANY
from tap_sage300.reading.state import Progress
from tap_sage300.run import Run
from tap_sage300.settings import SCHEMA
from tap_sage300.streams import STREAMS

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from singer_sdk.helpers.capabilities import CapabilitiesEnum
    from singer_sdk.streams import Stream

    from tap_sage300.client import Sage300Stream
    from tap_sage300.preflight import Finding

DISCOVERY_SHARE = 10
"""A run without a catalog asks about its streams when that takes a tenth of its calls at most."""


class TapSage300(CommandLineTap):
    """Singer tap for the Sage 300 Web API."""

    name = "tap-sage300"
    config_jsonschema = SCHEMA
    message_writer_class = MessageWriter
    capabilities: t.ClassVar[list[CapabilitiesEnum]] = [
        TapCapabilities.CATALOG,
        TapCapabilities.STATE,
        TapCapabilities.DISCOVER,
        TapCapabilities.TEST,
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]

    _discovers_all = False

    @override
    def run_discovery(self) -> str:
        """Print the catalog of all streams."""
        self._discovers_all = True
        return super().run_discovery()

    @override
    def discover_streams(self) -> Sequence[Stream]:
        """Make the streams, from what the site says of itself where it has to be asked.

        A catalog has the answers already, and without settings there is nobody to ask. A run
        without a catalog asks about the streams it reads, unless that takes too many of its calls.
        """
        run = self._run
        found: dict[str, discovery.SiteEntity | None] = {}
        if self.config and self.input_catalog is None:
            read = [s.entity for s in STREAMS if self._discovers_all or s.selected_by_default]
            calls = len({entity.module for entity in read}) * len(run.config.companies)
            if self._discovers_all or calls <= run.config.max_calls_per_run // DISCOVERY_SHARE:
                found = discovery.on_site(read, run, self.logger)
        known = {s: found.get(s.entity.name, discovery.shipped(s.entity)) for s in STREAMS}
        if self.input_catalog is None:
            sites = {stream.entity: site for stream, site in known.items()}
            discovery.log_missing_files(sites, self.logger)
        streams = [stream(self, run, site) for stream, site in known.items() if site is not None]
        self._skipped = [stream.entity for stream, site in known.items() if site is None]
        return [*streams, Sage300ReadLog(self, run)]

    @cached_property
    def _run(self) -> Run:
        return Run(self.config, self.logger)

    @override  # type: ignore[misc]  # the SDK declares it final
    def sync_all(self) -> None:
        """Read all streams; what could not be read is raised when the others are read.

        Raises:
            TapError: Something could not be read.
        """
        fatal: list[TapError] = []
        log = self._begin_log()
        try:
            super().sync_all()
        except TapError as error:
            fatal.append(error)
        failures = [*self._run.failures, *fatal]
        log.end(failures)
        if failures:
            raise failures[0] if len(failures) == 1 else SeveralError(failures)

    def _begin_log(self) -> Sage300ReadLog:
        log = t.cast("Sage300ReadLog", self.streams[Sage300ReadLog.name])
        log.begin()
        for entity in self._skipped:
            for company in self._run.config.companies:
                if closed := self._run.closed(company, entity.module):
                    ReadNotes(self._run.events, company, entity.name).end(Progress(), str(closed))
        return log

    @override
    def in_order(self, streams: Mapping[str, Stream]) -> dict[str, Stream]:
        """Return the streams in the order of dependency.

        But what the call budget cut short goes first, what waited longest at the head: a budget
        smaller than one stream starves none.
        """
        names = [stream.entity.name for stream in STREAMS if stream.entity.name in streams]
        ours = [t.cast("Sage300Stream", streams[name]) for name in names]
        first = {stream.name: stream for stream in sorted(ours, key=lambda one: -one.waited)}
        return {**first, **streams}

    @classmethod
    @override
    def stream_keys(cls) -> dict[str, tuple[str, ...]]:
        """Return the key properties of each stream."""
        ours = {s.entity.name: (COMPANY, *s.entity.keys) for s in STREAMS}
        return ours | {Sage300ReadLog.name: Sage300ReadLog.keys}

    @override
    def check(self) -> Iterator[Finding]:
        """Check what a run needs, each call tried once."""
        run = Run({**self.config, "max_retries": 0}, self.logger)
        wanted = [stream.entity for stream in STREAMS if stream.selected_by_default]
        others = [stream.entity for stream in STREAMS if not stream.selected_by_default]
        return preflight.findings(wanted, others, run)
