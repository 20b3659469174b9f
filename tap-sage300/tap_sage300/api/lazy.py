"""JSON that is parsed part by part, each part when it is needed.

Parsed, a page takes about six times the memory of its text. So the records of a large page are
kept as text, and of a large value inside them only one level is parsed at a time.
"""

from __future__ import annotations

import codecs
import typing as t
from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec
from typing_extensions import override

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LARGE = 1 << 20
"""Bytes of text, above which a value is not parsed at once."""
CHUNK = 1 << 11
"""Bytes of text that are checked at once; Python reads whole numbers of up to 4,300 digits."""

DECODER: t.Final[msgspec.json.Decoder[t.Any]] = msgspec.json.Decoder(float_hook=Decimal)
_OBJECT: t.Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST: t.Final = msgspec.json.Decoder(list[msgspec.Raw])


class LazyObject(Mapping[str, t.Any]):
    """An object, each value of which is parsed when it is asked for."""

    def __init__(self, text: msgspec.Raw) -> None:
        """Find where the values stand.

        Raises:
            msgspec.DecodeError: It is no object.
        """
        self._values = _OBJECT.decode(text)

    @override
    def __getitem__(self, name: str) -> t.Any:
        """Parse a value; a large one only on the outside."""
        return _parse(self._values[name])

    @override
    def __iter__(self) -> Iterator[str]:
        """Return the names of the values, in their order."""
        return iter(self._values)

    @override
    def __len__(self) -> int:
        """Return the number of values."""
        return len(self._values)


class LazyList(Iterable[t.Any]):
    """A large list, each item of which is parsed when it is its turn; nothing parsed is kept."""

    def __init__(self, text: msgspec.Raw, change: Callable[[t.Any], t.Any] | None = None) -> None:
        """Hold the text.

        Args:
            text: The list.
            change: What to make of each item; nothing by default.
        """
        self._text = text
        self._change = change

    @override
    def __iter__(self) -> Iterator[t.Any]:
        """Parse the items one by one."""
        for text in _LIST.decode(self._text):
            item = _parse(text)
            yield item if self._change is None else self._change(item)

    def changed(self, change: Callable[[t.Any], t.Any]) -> LazyList:
        """Return the list with something else made of each item as it was sent."""
        return LazyList(self._text, change)


def body_of(content: bytes | bytearray) -> dict[str, t.Any]:
    """Parse the body of a large page, whose records stay text.

    All of it is checked now, so that no part is found to be broken when it is parsed later.

    Raises:
        msgspec.DecodeError: It is no JSON, or not such a body.
        ValueError: It is not in UTF-8.
    """
    decode = codecs.getincrementaldecoder("utf-8")().decode
    for start in range(0, len(content), CHUNK):
        chunk = content[start : start + CHUNK]
        decode(chunk)
        if len(chunk) == CHUNK and chunk.isdigit():
            raise msgspec.DecodeError("a number that may have too many digits")
    decode(b"", final=True)
    parts = _OBJECT.decode(content)
    records = _LIST.decode(parts.pop("value", b"null"))
    others = {name: _parse(text) for name, text in parts.items()}
    return {**others, "value": [LazyObject(text) for text in records]}


def parsed(value: t.Any) -> t.Any:
    """Return a value with everything in it parsed, however much memory that takes."""
    if isinstance(value, Mapping):
        return {name: parsed(inner) for name, inner in value.items()}
    if isinstance(value, LazyList | list):
        return [parsed(item) for item in value]
    return value


def _parse(text: msgspec.Raw) -> t.Any:
    with memoryview(text) as view:
        kind = bytes(view[:1]) if len(view) > LARGE else b""
    if kind == b"{":
        return LazyObject(text)
    if kind == b"[":
        return LazyList(text)
    return DECODER.decode(text)
