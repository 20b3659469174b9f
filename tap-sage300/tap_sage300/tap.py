"""TapSage300: which settings and streams exist, and the command line."""

from __future__ import annotations

import signal
import sys
import typing as t

from requests.compat import JSONDecodeError  # simplejson's, which the SDK reads files with
from singer_sdk import Tap
from singer_sdk.exceptions import MappingError
from singer_sdk.helpers.capabilities import (
    STREAM_MAPS_CONFIG,
    PluginCapabilities,
    TapCapabilities,
)
from singer_sdk.plugin_base import SingerCommand, _ConfigInput

from tap_sage300 import settings
from tap_sage300.config import CONFIG
from tap_sage300.errors import Kind, TapError
from tap_sage300.source import Source
from tap_sage300.streams import STREAMS

if t.TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    import click
    from singer_sdk.helpers.capabilities import CapabilitiesEnum
    from singer_sdk.streams import Stream

    from tap_sage300.client import Sage300Stream

ENDED_BY_SIGNAL = 128
"""Added to a signal's number, as shells do, it is the exit code."""


class OneSentenceCommand(SingerCommand):
    """The SDK's command, but an expected failure is one logged sentence and exit code 1.

    ``main`` is overridden because ``--discover`` and ``--test`` run before ``invoke``.
    """

    def main(self, *args: t.Any, **kwargs: t.Any) -> t.Any:
        """Run the command line."""
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
    capabilities: t.ClassVar[list[CapabilitiesEnum]] = [
        TapCapabilities.CATALOG,
        TapCapabilities.STATE,
        TapCapabilities.DISCOVER,
        TapCapabilities.TEST,
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]

    def discover_streams(self) -> Sequence[Stream]:
        """Make every stream; schemas are shipped, so nothing is asked of the server."""
        source = Source(self.config, self.logger)
        return [stream(self, source) for stream in STREAMS]

    @property
    def streams(self) -> dict[str, Stream]:
        """The streams in the order they are read, where the SDK would sort them by name.

        That is the order of dependency, but what the call budget cut short goes before the rest,
        whatever waited longest first: a budget smaller than one stream starves none.
        """
        made = super().streams
        ordered = [t.cast("Sage300Stream", made[stream.entity.name]) for stream in STREAMS]
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
