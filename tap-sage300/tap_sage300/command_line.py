"""The command line: settings are read and checked, and an expected failure ends in one sentence."""

from __future__ import annotations

import abc
import os
import signal
import sys
import typing as t
from contextlib import contextmanager

import click
from singer_sdk.exceptions import MappingError
from singer_sdk.helpers.capabilities import STREAM_MAPS_CONFIG
from singer_sdk.plugin_base import SingerCommand
from singer_sdk.singerlib import Catalog
from singer_sdk.tap_base import CliTestOptionValue
from typing_extensions import override

from tap_sage300 import config as configuration
from tap_sage300 import input_checks, preflight
from tap_sage300.errors import SeveralError, TapError
from tap_sage300.preflight import Level
from tap_sage300.sdk import ConfigInput, SingerTap

if t.TYPE_CHECKING:
    import logging
    from collections.abc import Iterator

    from tap_sage300.preflight import Finding

EXPECTED = (TapError, MappingError)
"""What ends a run with one sentence instead of a traceback."""
COMPANIES_VARIABLE = f"{configuration.VARIABLE_PREFIX}COMPANIES"
SIGNAL_EXIT = 128
"""Added to a signal's number, as shells do, it is the exit code."""
SWITCH_SECONDS = 0.001
"""Longest that one thread runs while another waits; Python's own 0.005 delays the next request."""


class CommandLineTap(SingerTap):
    """A tap as a command."""

    @override
    def __init__(self, *, catalog: t.Any = None, state: t.Any = None, **options: t.Any) -> None:
        """Check what comes from outside before the SDK takes it in.

        Raises:
            TapError: Settings, catalog or state cannot be used.
        """
        if catalog is not None and not isinstance(catalog, Catalog):
            input_checks.check_catalog(catalog)
            keys = self.stream_keys()
            if unknown := [name for name in input_checks.streams(catalog) if name not in keys]:
                self.logger.warning(
                    "The catalog names streams that %s does not have: %s: ignored",
                    self.name,
                    ", ".join(unknown),
                )
            catalog = input_checks.with_keys(catalog, keys)
        if state is not None:
            input_checks.check_state(state)
        super().__init__(catalog=catalog, state=state, **options)

    @classmethod
    @abc.abstractmethod
    def stream_keys(cls) -> dict[str, tuple[str, ...]]:
        """Return the key properties of each stream."""

    @abc.abstractmethod
    def check(self) -> Iterator[Finding]:
        """Check what a run needs, without reading records."""

    @classmethod
    @override
    def append_builtin_config(cls, config_jsonschema: dict[str, t.Any]) -> None:
        """Add the settings of the SDK that have an effect here: stream maps."""
        for name in ("stream_maps", "stream_map_config"):
            config_jsonschema["properties"].setdefault(name, STREAM_MAPS_CONFIG["properties"][name])

    @override
    def check_config(self, given: dict[str, t.Any], *, must_be_complete: bool) -> None:
        """Check the settings; those that are not known are ignored with a warning.

        Raises:
            SettingError: A setting is missing or wrong.
        """
        for name in given.keys() - self.config_jsonschema["properties"].keys():
            self.logger.warning("The setting %s is not known to %s: ignored", name, self.name)
            del given[name]
        if must_be_complete:
            configuration.read(given)

    @classmethod
    @override
    def read_environment(cls) -> dict[str, t.Any]:
        """Read the settings of environment variables.

        Raises:
            SettingError: A variable cannot be read as its setting.
        """
        # Before the SDK, which splits a list that is not JSON and reads anything as a boolean.
        configuration.check_environment(os.environ)
        found = configuration.with_booleans(super().read_environment(), os.environ)
        if (companies := os.environ.get(COMPANIES_VARIABLE)) is not None:
            found["companies"] = configuration.company_names(companies)
        return found

    @override
    def end_by_signal(self, signum: int) -> t.NoReturn:
        """End at once: after every page the state that covers it is already written.

        The SDK would write from inside the signal handler, possibly into the middle of a line,
        and exit with 0.
        """
        sys.exit(SIGNAL_EXIT + signum)

    @classmethod
    @override
    def invoke(  # type: ignore[override]
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: ConfigInput | None = None,
        state: t.IO[bytes] | None = None,
        catalog: t.IO[bytes] | None = None,
    ) -> None:
        """Run."""
        if about:
            cls.print_about(about_format)
            return
        cls.print_version(print_fn=cls.logger.info)
        given = config or ConfigInput()
        tap = cls(
            config=given.config,
            state=input_checks.parse("state", state),
            catalog=input_checks.parse("catalog", catalog),
            parse_env_config=given.parse_env,
        )
        tap.sync_all()

    @classmethod
    @override
    def cb_config(
        cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]
    ) -> ConfigInput:
        """Read the files of ``--config``; ``ENV`` asks for the environment, too.

        Raises:
            SettingError: A file does not hold settings.
        """
        files = configuration.read_files([path for path in value if path != "ENV"])
        return ConfigInput(config=files, parse_env="ENV" in value)

    @classmethod
    @override
    def cb_test(cls, ctx: click.Context, param: click.Option, value: str) -> None:
        """Check what a run needs and print it line by line; ``--test=schema`` is the SDK's."""
        if value != CliTestOptionValue.All.value:
            super().cb_test(ctx, param, value)
            return
        given: ConfigInput = ctx.params["config"]
        tap = cls(config=given.config, parse_env_config=given.parse_env, setup_mapper=False)
        findings = []
        for finding in tap.check():
            click.echo(str(finding))
            findings.append(finding)
        click.echo(preflight.summary(findings))
        ctx.exit(1 if any(finding.level is Level.ERROR for finding in findings) else 0)

    @classmethod
    @override
    def get_singer_command(cls) -> click.Command:
        """Return the SDK's command line with this tap's way of failing."""
        command = super().get_singer_command()
        for option in command.params:
            if isinstance(option.type, click.File):  # decoded here, alike on every system
                option.type.mode = "rb"
            if option.name == "test" and isinstance(option, click.Option):
                option.help = (
                    "Check what a run needs, and print it line by line. --test=schema prints the "
                    "schemas instead."
                )
        return OneSentenceCommand(
            name=command.name,
            callback=command.callback,
            params=command.params,
            help=command.help,
            context_settings=command.context_settings,
            logger=cls.logger,
        )


class OneSentenceCommand(SingerCommand):
    """The SDK's command, but an expected failure is one logged sentence and exit code 1.

    ``main`` is overridden because ``--discover`` and ``--test`` run before ``invoke``.
    """

    @override
    def main(self, *args: t.Any, **kwargs: t.Any) -> t.Any:
        """Run the command line."""
        # The thread that fetches the next page needs the interpreter often and briefly.
        sys.setswitchinterval(SWITCH_SECONDS)
        with one_sentence(self.logger):
            try:
                return super().main(*args, **kwargs)
            except SystemExit as end:
                if isinstance(end.code, int) and end.code > SIGNAL_EXIT:
                    name = signal.Signals(end.code - SIGNAL_EXIT).name
                    self.logger.info("Ended by %s; the next run resumes after the last page", name)
                raise


@contextmanager
def one_sentence(logger: logging.Logger) -> Iterator[None]:
    """Log each expected failure as one sentence and exit with code 1."""
    try:
        yield
    except EXPECTED as error:
        for failure in error.errors if isinstance(error, SeveralError) else (error,):
            logger.error("%s", sentence(failure))  # noqa: TRY400 - there is no more to say
        sys.exit(1)


def sentence(error: Exception) -> str:
    """Return the sentence about an expected failure."""
    if isinstance(error, MappingError):
        return f"The setting stream_maps cannot be used: {error}"
    return str(error)
