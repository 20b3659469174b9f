"""The base of all expected failures."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Sequence


class TapError(Exception):
    """An expected failure, reported to the user in one sentence; the text is that sentence."""


class SeveralError(TapError):
    """What could not be read in a run that read the rest.

    Attributes:
        errors: Each failure, with its own sentence.
    """

    def __init__(self, errors: Sequence[TapError]) -> None:
        """Hold the failures."""
        super().__init__("; ".join(map(str, errors)))
        self.errors = tuple(errors)
