"""Printing for people, 80 columns wide, and for programs, as JSON."""

from __future__ import annotations

import sys
import textwrap
import typing as t

import click
import simplejson

from target_servicenow.report import words

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WIDTH: t.Final = 80
ARROW: t.Final = "→"
_LONGEST_VALUE: t.Final = 100


def wrapped(text: str, indent: int = 0) -> list[str]:
    """Return a paragraph as lines, those after the first one indented once more."""
    return textwrap.wrap(
        _printable(text),
        WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 2),
        break_on_hyphens=False,
    )


def value(text: str) -> str:
    """Return a column's value as it is shown."""
    return words.cut(text, _LONGEST_VALUE) if text.strip() else "(blank)"


def say(lines: Iterable[str]) -> None:
    """Print lines; what the encoding of the output lacks becomes a question mark."""
    encoding = sys.stdout.encoding or "utf-8"
    for line in lines:
        try:
            line.encode(encoding)
            click.echo(line)
        except UnicodeEncodeError:
            plain = line.replace(ARROW, "->")
            click.echo(plain.encode(encoding, "replace").decode(encoding))


def print_json(data: t.Any) -> None:
    """Print a value as JSON."""
    text = simplejson.dumps(data, use_decimal=True, ensure_ascii=False, indent=2)
    # In UTF-8 on every system; half of a surrogate pair becomes its JSON escape.
    click.echo(text.encode("utf-8", "backslashreplace"))


def print_table(headings: Sequence[str], rows: Iterable[Sequence[t.Any]]) -> None:
    """Print columns as wide as their widest cell."""
    lines = [list(headings), *([_printable(str(cell)) for cell in row] for row in rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        say(["  ".join(cells).rstrip()])


def _printable(text: str) -> str:
    """Return a text that a terminal can only show: names from Sage may hold anything."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in text)
