"""The command line: settings read and checked, and every user's error ended with one sentence."""

from __future__ import annotations

import abc
import gc
import os
import sys
import typing as t
from contextlib import suppress

import click
from jsonschema import Draft202012Validator
from singer_sdk.exceptions import InvalidInputLine, SingerSDKError
from singer_sdk.helpers.capabilities import STREAM_MAPS_CONFIG
from singer_sdk.plugin_base import SingerCommand, _ConfigInput
from singer_sdk.target_base import Target
from typing_extensions import override

from target_servicenow import config as configuration
from target_servicenow.api.errors import StopRun
from target_servicenow.config import SettingError
from target_servicenow.ledger.cli import ledger
from target_servicenow.ledger.file import LedgerError
from target_servicenow.mapping.expression import MappingError
from target_servicenow.preflight import Level
from target_servicenow.message_reader import Reader

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from target_servicenow.preflight import Finding

EXPECTED = (
    StopRun,
    MappingError,
    LedgerError,
    SettingError,
    InvalidInputLine,
    SingerSDKError,
    ValueError,
)
"""What ends a run with one sentence instead of a traceback."""


class CommandLineTarget(Target):
    """A target as a command."""

    message_reader_class = Reader

    @override
    def __init__(self, **options: t.Any) -> None:
        """Read the settings.

        Raises:
            SettingError: one is missing or wrong.
        """
        try:
            super().__init__(**options)
        except ValueError:
            if misread := configuration.misread_variable(os.environ, self.name):
                raise SettingError(misread) from None
            raise

    @abc.abstractmethod
    def finish(self, status: str, message: str = "") -> None:
        """Close the run in the ledger, if there is one, and the ledger."""

    @abc.abstractmethod
    def check(self) -> list[Finding]:
        """Hold the mapping against the instance."""

    @classmethod
    @override
    def append_builtin_config(cls, config_jsonschema: dict[str, t.Any]) -> None:
        """Add the settings of the SDK that have an effect here: stream maps."""
        for name in ("stream_maps", "stream_map_config"):
            config_jsonschema["properties"].setdefault(name, STREAM_MAPS_CONFIG["properties"][name])

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Check the settings, one sentence for the first that is wrong.

        Raises:
            SettingError: a setting is missing or wrong.
        """
        self.append_builtin_config(self.config_jsonschema)
        for name, definition in self.config_jsonschema["properties"].items():
            if "default" in definition and self._config.get(name) is None:
                self._config[name] = definition["default"]
        errors = sorted(
            Draft202012Validator(self.config_jsonschema).iter_errors(self._config),
            key=lambda error: (error.validator != "required", str(error.path)),
        )
        sentences = [configuration.sentence(error, self.name) for error in errors]
        if sentences and raise_errors:
            raise SettingError(sentences[0])
        return sentences

    @classmethod
    @override
    def cb_config(
        cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]
    ) -> _ConfigInput:
        """The settings of the files, and whether the environment is to be asked too."""
        try:
            files = configuration.read_files([path for path in value if path != "ENV"])
        except SettingError as error:
            cls.logger.error("%s", error)  # noqa: TRY400
            sys.exit(1)
        return _ConfigInput(config=files, parse_env="ENV" in value)

    @classmethod
    @override
    def invoke(  # type: ignore[override]
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput | None = None,
        file_input: t.IO[str] | None = None,
        test: bool = False,
    ) -> None:
        """Run: whatever the user can mend ends in one sentence and exit code 1."""
        if about:
            cls.print_about(about_format)
            return
        for stream in (sys.stdin, sys.stdout):
            if hasattr(stream, "reconfigure"):  # Windows pipes are not UTF-8 by themselves
                stream.reconfigure(encoding="utf-8")
        target = None
        findings: list[Finding] | None = None
        try:
            target = cls(
                config=config.config if config else {},
                parse_env_config=config.parse_env if config else False,
            )
            if test:
                findings = target.check()
                target.finish("finished")
            else:
                target.listen(file_input)
        except EXPECTED as error:
            if target is not None:
                with suppress(LedgerError):  # it may be the ledger that cannot be written
                    target.finish("stopped", str(error))
            cls.logger.error("%s", error)  # noqa: TRY400 - the sentence is all there is to say
            sys.exit(1)
        except (SystemExit, KeyboardInterrupt):
            if target is not None:
                with suppress(LedgerError):
                    target.finish("stopped", "it was ended by a signal")
            raise
        if findings is not None:
            sys.exit(print_checklist(findings))

    @classmethod
    @override
    def get_singer_command(cls) -> click.Command:
        """The command line: the SDK's, ``--test``, and the ledger's own commands."""
        command = super().get_singer_command()
        for parameter in command.params:
            if parameter.name == "file_input":  # UTF-8 on every system
                parameter.type.encoding = "utf-8"  # type: ignore[attr-defined]
        command.params.append(
            click.Option(
                ["--test"],
                is_flag=True,
                help="Check that the mapped tables can be written, and print what is missing.",
            )
        )
        command.epilog = "target-servicenow ledger --help: reading the audit of every record."
        command.__class__ = _Command
        return command


class _Command(SingerCommand):
    """The SDK's command, with ``target-servicenow ledger ...`` beside it."""

    @override
    def main(self, args: Sequence[str] | None = None, *rest: t.Any, **options: t.Any) -> t.Any:
        words = list(sys.argv[1:] if args is None else args)
        if words[:1] == ["ledger"]:
            return ledger.main(words[1:], prog_name="target-servicenow ledger")
        gc.freeze()  # the modules stay; going through them again and again took a tenth of the time
        return super().main(words, *rest, **options)


def print_checklist(findings: Sequence[Finding]) -> int:
    """Print what an administrator of ServiceNow must change, and return the exit code."""
    for finding in findings:
        mark = "must " if finding.level is Level.FAULT else "check"
        click.echo(f"[{mark}] {finding.sentence}")
    faults = sum(finding.level is Level.FAULT for finding in findings)
    click.echo(
        f"To be changed before a run can write: {faults}; to be looked at: "
        f"{len(findings) - faults}."
        if findings
        else "Everything the mapping needs is there, as far as the integration user may see."
    )
    return 1 if faults else 0
