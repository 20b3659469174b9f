"""TapSage300: which settings and streams exist, and the command line."""

from __future__ import annotations

import signal
import sys
import typing as t

import click
from requests.compat import JSONDecodeError  # simplejson's, which the SDK reads files with
from singer_sdk import Tap
from singer_sdk.exceptions import MappingError
from singer_sdk.helpers.capabilities import (
    STREAM_MAPS_CONFIG,
    PluginCapabilities,
    TapCapabilities,
)
from singer_sdk.plugin_base import SingerCommand, _ConfigInput
from singer_sdk.singerlib import Catalog
from singer_sdk.tap_base import CliTestOptionValue

from tap_sage300 import catalogs, check, discovery, settings
from tap_sage300.config import CONFIG
from tap_sage300.errors import Kind, TapError
from tap_sage300.lines import LineWriter
from tap_sage300.source import Source
from tap_sage300.streams import STREAMS

if t.TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from singer_sdk.helpers.capabilities import CapabilitiesEnum
    from singer_sdk.streams import Stream

    from tap_sage300.client import Sage300Stream

ENDED_BY_SIGNAL = 128
"""Added to a signal's number, as shells do, it is the exit code."""
SWITCH_SECONDS = 0.001
"""Longest that one thread runs while another waits; Python's own 0.005 delays the next request."""


class OneSentenceCommand(SingerCommand):
    """The SDK's command, but an expected failure is one logged sentence and exit code 1.

    ``main`` is overridden because ``--discover`` and ``--test`` run before ``invoke``.
    """

    def main(self, *args: t.Any, **kwargs: t.Any) -> t.Any:
        """Run the command line."""
        # The thread that fetches the next page needs the interpreter often and briefly.
        sys.setswitchinterval(SWITCH_SECONDS)
        try:
            return super().main(*args, **kwargs)
        except SystemExit as end:
            if isinstance(end.code, int) and end.code > ENDED_BY_SIGNAL:
                name = signal.Signals(end.code - ENDED_BY_SIGNAL).name
                self.logger.info("Ended by %s; the next run goes on after the last page", name)
            raise
        except TapError as fault:
            sentence, kind = str(fault), fault.kind
        except MappingError as fault:
            sentence, kind = f"The setting stream_maps cannot be used: {fault}", Kind.CONFIG
        except (FileNotFoundError, IsADirectoryError, PermissionError) as fault:
            sentence, kind = str(fault), Kind.CONFIG
        except JSONDecodeError as fault:
            sentence, kind = (
                f"A file or variable given to the tap is not JSON: {fault}.",
                Kind.CONFIG,
            )
        self.logger.error(sentence, extra={"kind": kind.value})
        sys.exit(1)


class TapSage300(Tap):
    """Singer tap for the Sage 300 Web API."""

    name = "tap-sage300"
    config_jsonschema = CONFIG
    message_writer_class = LineWriter
    capabilities: t.ClassVar[list[CapabilitiesEnum]] = [
        TapCapabilities.CATALOG,
        TapCapabilities.STATE,
        TapCapabilities.DISCOVER,
        TapCapabilities.TEST,
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]

    def __init__(self, *, catalog: t.Any = None, state: t.Any = None, **kwargs: t.Any) -> None:
        """Check what comes from outside before the SDK takes it in.

        Raises:
            TapError: Catalog or state cannot be used.
        """
        self._discovers_all = False
        if catalog is not None and not isinstance(catalog, Catalog):
            catalogs.check_catalog(catalog)
        if state is not None:
            catalogs.check_state(state)
        super().__init__(catalog=catalog, state=state, **kwargs)

    def run_discovery(self) -> str:
        """Print the catalog of all streams."""
        self._discovers_all = True
        return super().run_discovery()

    def discover_streams(self) -> Sequence[Stream]:
        """Make the streams, from what the site says of itself where it has to be asked.

        A catalog has the answers already, and without settings there is nobody to ask. A run
        without a catalog asks about the streams it reads, unless that took too much of its budget.
        """
        source = Source(self.config, self.logger)
        found: dict[str, discovery.Found | None] = {}
        if self.config and self.input_catalog is None:
            read = [one.entity for one in STREAMS if self._discovers_all or one.selected_by_default]
            modules = len({one.module for one in read}) * len(source.settings.companies)
            if self._discovers_all or modules <= source.settings.max_calls_per_run // 10:
                found = discovery.on_site(read, source, self.logger)
        made = [(one, found.get(one.entity.name, discovery.shipped(one.entity))) for one in STREAMS]
        return [stream(self, source, known) for stream, known in made if known is not None]

    @property
    def streams(self) -> dict[str, Stream]:
        """The streams in the order they are read, where the SDK would sort them by name.

        That is the order of dependency, but what the call budget cut short goes before the rest,
        whatever waited longest first: a budget smaller than one stream starves none.
        """
        made = super().streams
        names = [stream.entity.name for stream in STREAMS if stream.entity.name in made]
        ordered = [t.cast("Sage300Stream", made[name]) for name in names]
        return {one.name: one for one in sorted(ordered, key=lambda one: -one.waited)}

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, t.Any]) -> None:
        """Add the SDK's settings for stream maps, and none for what this tap does not do."""
        for name in ("stream_maps", "stream_map_config"):
            config_jsonschema["properties"].setdefault(name, STREAM_MAPS_CONFIG["properties"][name])

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Check the settings; the SDK's own check words its findings for developers.

        Raises:
            TapError: A setting is missing or wrong.
        """
        self.append_builtin_config(self.config_jsonschema)
        for name in self._config.keys() - self.config_jsonschema["properties"].keys():
            self.logger.warning("The setting %s is not known to %s: ignored", name, self.name)
            del self._config[name]
        if raise_errors:
            settings.read(self._config)
        return []

    @classmethod
    def cb_config(
        cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]
    ) -> _ConfigInput:
        """Read the ``--config`` files, and try the environment where it is asked for.

        Raises:
            TapError: A file holds no settings, or a variable no whole number.
        """
        try:
            config = super().cb_config(ctx, param, value)
        except JSONDecodeError:
            raise
        except (TypeError, ValueError):
            raise TapError("A file given with --config holds no JSON object.") from None
        if config.parse_env:
            try:
                _ = cls._env_var_config
            except JSONDecodeError:
                raise
            except ValueError:
                raise TapError(
                    f"One of the environment variables {cls._env_var_prefix}* must be a whole "
                    "number and is not."
                ) from None
        return config

    @classmethod
    def cb_test(cls, ctx: click.Context, param: click.Option, value: str) -> None:
        """Check what a run needs and print it line by line; ``--test=schema`` is the SDK's.

        Raises:
            TapError: Something must be mended.
        """
        if value != CliTestOptionValue.All.value:
            super().cb_test(ctx, param, value)
            return
        config: _ConfigInput = ctx.params["config"]
        tap = cls(config=config.config, parse_env_config=config.parse_env, setup_mapper=False)
        source = Source({**tap.config, "max_retries": 0}, tap.logger)
        wanted = [one.entity for one in STREAMS if one.selected_by_default]
        others = [one.entity for one in STREAMS if not one.selected_by_default]
        marks = []
        for finding in check.findings(wanted, others, source):
            click.echo(str(finding))
            marks.append(finding.mark)
        if bad := marks.count(check.MEND):
            raise TapError(f"{bad} of {len(marks)} checks must be mended: see the lines above.")
        ctx.exit()

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """End at once, as told: after every page the state that covers it is already out.

        The SDK would write from inside the signal handler, possibly into the middle of a line,
        and exit with 0.
        """
        sys.exit(ENDED_BY_SIGNAL + signum)

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """Give the command line of the SDK with this tap's way of failing."""
        command = super().get_singer_command()
        return OneSentenceCommand(
            name=command.name,
            callback=command.callback,
            params=command.params,
            help=command.help,
            context_settings=command.context_settings,
            logger=cls.logger,
        )
