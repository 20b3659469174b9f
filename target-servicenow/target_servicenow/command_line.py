"""The command line: settings are read and checked, and an expected failure ends in one sentence."""

from __future__ import annotations

import abc
import gc
import os
import sys
import threading
import typing as t
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue

import click
from singer_sdk.exceptions import MappingError
from singer_sdk.helpers.capabilities import STREAM_MAPS_CONFIG
from singer_sdk.plugin_base import SingerCommand
from typing_extensions import override

from target_servicenow import config as configuration
from target_servicenow.commands.group import ledger
from target_servicenow.errors import TargetError
from target_servicenow.findings import Level, summary
from target_servicenow.ledger.file import LedgerError
from target_servicenow.mapping import parse as mapping
from target_servicenow.message_reader import MessageReader
from target_servicenow.requirements import page
from target_servicenow.sdk import ConfigInput, SingerTarget
from target_servicenow.stopping import Stop, StoppedError

if t.TYPE_CHECKING:
    import logging
    from collections.abc import Iterator, Sequence

    from target_servicenow.config import Config
    from target_servicenow.findings import Finding

EXPECTED = (TargetError, MappingError)
"""What ends a run with one sentence instead of a traceback."""


FLAGS = {
    "--test": (
        "Compare the mapped tables with the instance, and print what was found and what could not "
        "be seen. Nothing is written."
    ),
    "--test-write": (
        "As --test, and set one row of each table to what it already is (its source identifier), "
        "to see whether rows can be updated. No row is created. ServiceNow stores no update that "
        "changes nothing: sys_mod_count and sys_updated_on stay as they are. A business rule may "
        "run for it; if one changes the row, the line of the table says so."
    ),
    "--requirements": (
        "Print what an administrator of ServiceNow creates for the mapping: tables, columns, "
        "choices, access rules, indexes. Of the settings, only mapping and mapping_overrides count."
    ),
}
"""What the command does instead of reading messages."""

SIGNAL_EXIT = 128
"""Added to a signal's number, as shells do, it is the exit code."""

ENDING_SECONDS = 5.0
"""How long a signal leaves calls on their way for their answers."""


class CommandLineTarget(SingerTarget):
    """A target as a command.

    Attributes:
        values: The settings.
        stop: Ends every call and wait of the run.
    """

    message_reader_class = MessageReader
    values: Config

    @override
    def __init__(self, **options: t.Any) -> None:
        """Read the settings."""
        self.stop = Stop()
        self._exit_code = 0
        # Safe to use from a signal handler, as no lock is.
        self._endings: SimpleQueue[int] = SimpleQueue()
        super().__init__(**options)

    @abc.abstractmethod
    def finish(self, status: str, message: str = "") -> None:
        """Close the run in the ledger, if there is one, and the ledger."""

    @abc.abstractmethod
    def check(self, *, writing: bool) -> list[Finding]:
        """Compare the mapping with the instance.

        Args:
            writing: Set one row of each table to what it already is, to see the right to update.
        """

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
            self.values = configuration.read(given, os.environ)
            if configuration.is_open(self.values.instance_url):
                self.logger.warning(
                    "The setting instance_url is a plain http address of another machine: the "
                    "credentials and all rows can be read on the way; give its https address"
                )

    @classmethod
    @override
    def read_environment(cls) -> dict[str, t.Any]:
        """Read the settings of environment variables.

        Raises:
            SettingError: A variable cannot be read as its setting.
        """
        configuration.check_environment(
            os.environ
        )  # before the SDK, whose words are for developers
        try:
            settings = super().read_environment()
        finally:
            configuration.check_environment(os.environ)  # again, with what a .env file added
        return configuration.with_booleans(settings, os.environ)

    @override
    def end_by_signal(self, signum: int) -> None:
        """End with the last state emitted: draining from here could advance it.

        No request is sent from now on; the workers end with the calls they are in. The ledger is
        free when they have ended, so a second signal changes nothing, and when a call takes longer
        than `ENDING_SECONDS` the process is gone, as if killed.
        """
        if not self._exit_code:
            self._exit_code = SIGNAL_EXIT + signum
            self.stop.set()
            self._endings.put(self._exit_code)
            sys.exit(self._exit_code)

    @classmethod
    @override
    def cb_config(
        cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]
    ) -> ConfigInput:
        """Return the settings of the files, and whether the environment is read too.

        Raises:
            SettingError: A file cannot be read, or does not hold settings.
        """
        files = configuration.read_files([path for path in value if path != "ENV"])
        return ConfigInput(config=files, parse_env="ENV" in value)

    @classmethod
    @override
    def invoke(  # type: ignore[override]
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: ConfigInput | None = None,
        file_input: t.IO[str] | None = None,
        test: bool = False,
        test_write: bool = False,
        requirements: bool = False,
    ) -> None:
        """Run; however the run ends, the ledger says so."""
        if about:
            cls.print_about(about_format)
            return
        for stream in (sys.stdin, sys.stdout):
            if hasattr(stream, "reconfigure"):  # Windows pipes are not UTF-8 by default
                stream.reconfigure(encoding="utf-8")
        if requirements:
            cls.print_requirements(config)
            return
        target = cls(
            config=config.config if config else {},
            parse_env_config=config.parse_env if config else False,
        )
        with target.finishing():
            if test or test_write:
                findings = target.check(writing=test_write)
                target.finish("finished")
            else:
                target.listen(file_input)
        if test or test_write:
            for finding in findings:
                click.echo(str(finding))
            click.echo(summary(findings))
            sys.exit(any(finding.level is Level.ERROR for finding in findings))

    @classmethod
    def print_requirements(cls, config: ConfigInput | None) -> None:
        """Print what an administrator of ServiceNow creates for the mapping of these settings."""
        given = dict(config.config) if config else {}
        if config and config.parse_env:
            given |= cls.read_environment()
        name, overrides = configuration.mapping_of(given)
        click.echo(page(mapping.load(name, overrides)), nl=False)

    @contextmanager
    def finishing(self) -> Iterator[None]:
        """Record in the ledger how the run ended when it did not end by itself."""
        threading.Thread(target=self._end_at_last, daemon=True).start()
        try:
            yield
        except EXPECTED as error:
            with suppress(LedgerError):  # it may be the ledger that cannot be written
                self.finish("stopped", sentence(error))
            raise
        except (SystemExit, KeyboardInterrupt, StoppedError) as end:
            with suppress(LedgerError):
                self.finish("stopped", "ended by a signal")
            if isinstance(end, StoppedError):  # the signal's own exception was lost somewhere
                sys.exit(self._exit_code)
            raise
        finally:
            self._endings.put(0)

    def _end_at_last(self) -> None:
        """Wait for a signal, and end the process if it has not ended soon after."""
        code = self._endings.get()
        if code:
            try:
                self._endings.get(timeout=ENDING_SECONDS)
            except Empty:
                os._exit(code)

    @classmethod
    @override
    def get_singer_command(cls) -> click.Command:
        """Return the SDK's command with ``--test`` and this target's way of failing."""
        command = super().get_singer_command()
        for parameter in command.params:
            if parameter.name == "file_input":  # UTF-8 on every system
                parameter.type.encoding = "utf-8"  # type: ignore[attr-defined]
        options = [click.Option([name], is_flag=True, help=text) for name, text in FLAGS.items()]
        return OneSentenceCommand(
            name=command.name,
            callback=command.callback,
            params=[*command.params, *options],
            help=command.help,
            epilog="target-servicenow ledger --help: read the audit trail of every record.",
            context_settings=command.context_settings,
            logger=cls.logger,
        )


class OneSentenceCommand(SingerCommand):
    """The SDK's command, with ``target-servicenow ledger ...`` beside it.

    An expected failure is one logged sentence and exit code 1.
    """

    @override
    def main(self, args: Sequence[str] | None = None, *rest: t.Any, **options: t.Any) -> t.Any:
        """Run the command line."""
        words = list(sys.argv[1:] if args is None else args)
        files, command = _config_files(words)
        if command[:1] == ["ledger"]:
            with one_sentence(self.logger):
                path = configuration.ledger_path(files, os.environ)
            return ledger.main(
                command[1:], prog_name="target-servicenow ledger", default_map={"path": path}
            )
        # The modules stay, and records hold no circles: looking for some took a fifth of the time.
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        with one_sentence(self.logger):
            return super().main(words, *rest, **options)


def _config_files(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return what ``--config`` gives at the beginning of a command line, and the rest of it.

    Meltano puts it there, also before ``ledger``.
    """
    files, rest = [], list(words)
    while rest:
        name, equals, value = rest[0].partition("=")
        if name != "--config" or (not equals and len(rest) == 1):
            break
        files.append(value if equals else rest[1])
        rest = rest[1 if equals else 2 :]
    return files, rest


@contextmanager
def one_sentence(logger: logging.Logger) -> Iterator[None]:
    """Log an expected failure as one sentence and exit with code 1."""
    try:
        yield
    except EXPECTED as error:
        logger.error("%s", sentence(error))  # noqa: TRY400 - the sentence is all there is to say
        sys.exit(1)


def sentence(error: Exception) -> str:
    """Return the sentence about an expected failure."""
    if isinstance(error, MappingError):
        return f"The setting stream_maps cannot be used: {error}"
    return str(error)
