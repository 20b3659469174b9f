"""Reading Singer messages, one a line; a line that is none ends the run with one sentence."""

from __future__ import annotations

import json
import typing as t
from decimal import Decimal

import msgspec
from singer_sdk.exceptions import InvalidInputLine
from singer_sdk.singerlib.encoding import SimpleSingerReader
from typing_extensions import override

if t.TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

_FAST: msgspec.json.Decoder[t.Any] = msgspec.json.Decoder(float_hook=Decimal)
_LENIENT = json.JSONDecoder(parse_float=Decimal)
"""Takes what no JSON has but other taps write: NaN, and halves of surrogate pairs."""

_ADVICE = "check that what is piped in is a Singer tap's output"


class Reader(SimpleSingerReader):
    """Reads messages; its sentences name the line and never repeat it, since it may hold secrets.

    Raises:
        InvalidInputLine: a line is no Singer message.
    """

    def __init__(self) -> None:
        """Start before the first line."""
        super().__init__()
        self._line = 0

    @override
    def process_lines(
        self, file_input: t.IO[str] | None, callbacks: dict[str, Callable[[dict[str, t.Any]], None]]
    ) -> Counter[str]:
        try:
            return super().process_lines(file_input, callbacks)
        except UnicodeDecodeError:
            raise InvalidInputLine(f"The input is not UTF-8 text: {_ADVICE}") from None

    @override
    def deserialize_json(self, line: str) -> dict[str, t.Any]:
        self._line += 1
        try:
            try:
                message = _FAST.decode(line)
            except ValueError:
                message = _LENIENT.decode(line)
        except (ValueError, RecursionError):
            raise InvalidInputLine(
                f"Line {self._line} of the input is not JSON: {_ADVICE}"
            ) from None
        if not isinstance(message, dict):
            raise InvalidInputLine(f"Line {self._line} of the input is no JSON object: {_ADVICE}")
        return message

    @override
    def assert_line_requires(  # type: ignore[override]
        self, line_dict: dict[str, t.Any], requires: set[str]
    ) -> None:
        missing = sorted(requires.difference(line_dict))
        if missing:
            raise InvalidInputLine(
                f"Line {self._line} of the input lacks {' and '.join(missing)}: {_ADVICE}"
            )

    @override
    def _process_unknown_message(self, message_dict: dict[str, t.Any]) -> t.NoReturn:
        raise InvalidInputLine(
            f"Line {self._line} of the input is of type {str(message_dict['type'])[:40]!r}, which "
            f"is none of Singer's: {_ADVICE}"
        )
