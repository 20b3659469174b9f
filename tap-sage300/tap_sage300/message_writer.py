"""Writes Singer messages, the records of a page at once."""

from __future__ import annotations

import json
import re
import sys
import typing as t

import msgspec
import simplejson
from singer_sdk.contrib.msgspec import MsgSpecWriter, enc_hook
from typing_extensions import override

from tap_sage300.api.lazy import LazyList, LazyObject

if t.TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping

    from singer_sdk.singerlib.encoding.simple import Message

MOST_HELD = 1 << 20
"""Bytes of lines that are held."""

_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")


class _LargeError(Exception):
    """The value holds one that is parsed as it is used."""


def _hook(value: object) -> t.Any:
    if isinstance(value, LazyList | LazyObject):
        raise _LargeError
    return enc_hook(value)


_ENCODER: t.Final = msgspec.json.Encoder(enc_hook=_hook, decimal_format="number")


def to_json(value: object) -> bytes:
    """Write a value as JSON in ASCII; numbers keep all their digits.

    ASCII, since what reads the bytes on Windows may take them for another code page.
    """
    try:
        text = _ENCODER.encode(value)
    except UnicodeEncodeError:  # half of a surrogate pair, which text cut to a length can hold
        return simplejson.dumps(value, use_decimal=True, default=_hook).encode("ascii")
    if text.isascii():
        return text
    return _NOT_ASCII.sub(_escaped, text.decode()).encode("ascii")


def _escaped(letters: re.Match[str]) -> str:
    return json.dumps(letters[0])[1:-1]


class Envelope:
    """What surrounds the records of one page."""

    def __init__(self, stream: str, received_at: dt.datetime, version: int | None = None) -> None:
        """Word it once for all of them."""
        self._head = b'{"type":"RECORD","stream":' + to_json(stream) + b',"record":'
        under = b"" if version is None else b',"version":%d' % version
        self._tail = under + b',"time_extracted":' + to_json(received_at.isoformat()) + b"}\n"

    def line(self, record: Mapping[str, t.Any]) -> Iterator[bytes]:
        """Write a record as a line, a large one in parts."""
        try:
            yield self._head + to_json(record) + self._tail
        except _LargeError:
            yield self._head
            yield from _parts(record)
            yield self._tail


def _parts(value: t.Any) -> Iterator[bytes]:
    """Write a value, a large one so that what is parsed of it is never there all at once."""
    try:
        yield to_json(value)
    except _LargeError:
        is_list = isinstance(value, LazyList)
        yield b"[" if is_list else b"{"
        for place, item in enumerate(value):
            comma = b"," if place else b""
            yield comma if is_list else comma + to_json(item) + b":"
            yield from _parts(item if is_list else value[item])
        yield b"]" if is_list else b"}"


class MessageWriter(MsgSpecWriter):
    """The SDK's fast writer, which also takes ready lines and holds them until a page is complete.

    The SDK would build, copy and flush a message for each record; that is most of a tap's work.
    """

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._held: list[bytes] = []
        self._size = 0

    def hold(self, line: bytes) -> None:
        """Keep a line, or a part of one, until the page is complete or takes much memory."""
        self._held.append(line)
        self._size += len(line)
        if self._size > MOST_HELD:
            self.write_held()

    def write_held(self) -> None:
        """Write what is held."""
        sys.stdout.flush()  # text printed before stays before
        sys.stdout.buffer.write(b"".join(self._held))
        sys.stdout.buffer.flush()
        self._held.clear()
        self._size = 0

    @override
    def serialize_message(self, message: Message) -> bytearray:
        """Write a message as a line in ASCII."""
        return bytearray(to_json(message.to_dict()) + b"\n")

    @override
    def write_message(self, message: Message) -> None:
        """Write what is held, then a message."""
        self.hold(bytes(self.format_message(message)))
        self.write_held()
