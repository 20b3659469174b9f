"""The Singer version of a stream, by which a target finds what is no longer in Sage 300. Pure.

Each record carries the version of the last sweep of everything that its company has begun, so that
a record of an ordinary window counts as seen, too. A stream has one version at a time: the first
company with such a sweep due opens a new one, and the others join it when theirs is due. It may be
activated when every company's sweep under it was whole, over as many runs as that takes.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from tap_sage300.reading.state import SWEEP

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_sage300.reading.state import Progress, Window


def opened(begun: Progress, latest: int, clock: int) -> Progress:
    """Choose the version of the sweep that is about to be read, if one is.

    It counts from the first page on: a company that is put off must not keep the others from
    activating the version they have.

    Args:
        begun: What is known of the company, its window chosen.
        latest: The highest version of any company of the stream; 0 where there is none.
        clock: A version made of the time.
    """
    window = begun.window
    if window is None or window.read != SWEEP or window.since is not None or window.until:
        return begun  # or its first rows already came
    joins = (begun.version or 0) < latest
    version = latest if joins else max(clock, latest + 1)
    return replace(begun, window=replace(window, version=version))


def is_whole(window: Window) -> bool:
    """Return whether a window that is complete lacks no record that is within its bounds."""
    return not window.has_gap and not window.left_out


def swept(progress: Progress, window: Window) -> Progress:
    """Note that a sweep is complete, if it was one of everything.

    Under ``$skip`` that is only known where the server counts its rows.
    """
    is_sweep = window.read == SWEEP and window.since is None and is_whole(window)
    is_counted = window.skip is None or window.expected is not None
    return replace(progress, swept=progress.version) if is_sweep and is_counted else progress


def may_activate(version: int, others: Iterable[tuple[int, int]]) -> bool:
    """Return whether the sweep of every other company is whole under a version.

    Args:
        version: The version that a company was just swept whole under.
        others: Of each other company its version, and the one it was last swept whole under.
    """
    return all(pair == (version, version) for pair in others)
