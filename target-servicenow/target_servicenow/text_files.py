"""Reading text files that people write, on any system and with any editor."""

from __future__ import annotations

import codecs
import typing as t

if t.TYPE_CHECKING:
    from importlib.resources.abc import Traversable
    from pathlib import Path


class EncodingError(Exception):
    """A file is not UTF-8; the text is a clause about it."""


def read_text(path: Path | Traversable) -> str:
    """Return the text of a UTF-8 file, with or without a byte order mark.

    Raises:
        OSError: It cannot be read.
        EncodingError: It is written in another encoding.
    """
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise EncodingError(not_utf_8(content)) from None
    if "\0" in text:  # UTF-16 without its mark
        raise EncodingError(not_utf_8(content))
    return text


def not_utf_8(content: bytes) -> str:
    """Return a clause that says that some text is not UTF-8, and the likely encoding."""
    marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    likely = "UTF-16" if marked or b"\0" in content else "Windows-1252"
    return f"is not UTF-8 text (it looks like {likely})"


def expanded(path: Path) -> Path:
    """Return a path with the user's home folder in place of ``~``."""
    try:
        return path.expanduser()
    except RuntimeError:  # there is no such user
        return path
