"""The geometry of the charts, in the units of their own ``viewBox``. Pure; the page draws it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH: t.Final = 600
HEIGHT: t.Final = 120
_GAP = 0.25  # of the room of a bar
_BROADEST = WIDTH / 12
_LEAST = 2.0  # a value that is not 0 can be seen


@dataclass(frozen=True)
class Part:
    """A rectangle.

    Attributes:
        kind: What it stands for, by which it is coloured.
    """

    x: float
    y: float
    width: float
    height: float
    kind: str


@dataclass(frozen=True)
class Bar:
    """One bar of a column chart, with the text that explains it."""

    title: str
    parts: tuple[Part, ...]


def columns(
    bars: Sequence[tuple[str, Sequence[tuple[str, int]]]], *, stacked: bool
) -> tuple[Bar, ...]:
    """Return a chart of columns, from left to right.

    Args:
        bars: The title of each, and its values by kind.
        stacked: Put the values of a bar on top of each other, not side by side.
    """
    totals = [
        (sum if stacked else max)([number for _, number in values] or [0]) for _, values in bars
    ]
    scale = HEIGHT / max([*totals, 1])
    room = WIDTH / max(len(bars), 1)
    width = min(room * (1 - _GAP), _BROADEST)
    drawn = []
    for place, (title, values) in enumerate(bars):
        parts = []
        breadth = width if stacked else width / max(len(values), 1)
        base = float(HEIGHT)
        for at, (kind, number) in enumerate(values):
            height = max(number * scale, _LEAST) if number else 0.0
            x = place * room + (room - width) / 2 + (0 if stacked else at * breadth)
            parts.append(_part(x, max(base - height, 0), breadth, height, kind))
            if stacked:
                base -= height
        drawn.append(Bar(title, tuple(part for part in parts if part.height)))
    return tuple(drawn)


def share(values: Sequence[tuple[str, int]]) -> tuple[Part, ...]:
    """Return one line that shows each value's share of their sum."""
    given = [(kind, number) for kind, number in values if number]
    total = sum(number for _, number in given)
    widths = [max(number / total * WIDTH, _LEAST) for _, number in given]
    shrink = WIDTH / sum(widths) if widths else 1
    x = 0.0
    parts = []
    for (kind, _), width in zip(given, widths, strict=True):
        parts.append(_part(x, 0, width * shrink, 10, kind))
        x += width * shrink
    return tuple(parts)


def length(number: int, most: int) -> float:
    """Return how long the bar of a value is in a ranking."""
    return round(max(number / max(most, 1) * WIDTH, _LEAST), 1)


def _part(x: float, y: float, width: float, height: float, kind: str) -> Part:
    return Part(round(x, 1), round(y, 1), round(width, 1), round(height, 1), kind)
