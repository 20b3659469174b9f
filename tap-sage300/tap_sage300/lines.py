"""Writes Singer messages, the records of a page in one go."""

from __future__ import annotations

import json
import re
import sys
import typing as t

import msgspec
import simplejson
from singer_sdk.singerlib.encoding.simple import SimpleSingerWriter

if t.TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from singer_sdk.singerlib.encoding.simple import Message

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_FOREIGN = re.compile(r"[^\x00-\x7f]+")


class Envelope:
    """What stands around the records of one page."""

    def __init__(self, stream: str, received_at: dt.datetime) -> None:
        """Word it once for all of them."""
        self._head = f'{{"type":"RECORD","stream":{json.dumps(stream)},"record":'
        self._tail = f',"time_extracted":"{received_at.isoformat()}"}}\n'

    def line(self, record: Mapping[str, t.Any]) -> str:
        """Write a record as a line; numbers keep all their digits.

        It is in ASCII, since what reads it on Windows may take the bytes for another code page.
        """
        try:
            text = _ENCODER.encode(record).decode()
        except UnicodeEncodeError:  # half of a surrogate pair, as text cut to a length can hold
            text = simplejson.dumps(record, use_decimal=True)
        if not text.isascii():
            text = _FOREIGN.sub(_escaped, text)
        return self._head + text + self._tail


def _escaped(letters: re.Match[str]) -> str:
    return json.dumps(letters[0])[1:-1]


class LineWriter(SimpleSingerWriter):
    """The SDK's writer, which besides takes ready lines and holds them until a page is complete.

    The SDK would build, copy and flush a message per record; that is most of the work of a tap.
    """

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._held: list[str] = []

    def hold(self, line: str) -> None:
        """Keep a line until the page is complete."""
        self._held.append(line)

    def write_held(self) -> None:
        """Write what is held."""
        sys.stdout.write("".join(self._held))
        sys.stdout.flush()
        self._held.clear()

    def write_message(self, message: Message) -> None:
        """Write what is held, then a message."""
        self.write_held()
        super().write_message(message)
