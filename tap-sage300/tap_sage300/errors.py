"""The base of all expected failures."""

from __future__ import annotations


class TapError(Exception):
    """An expected failure, reported to the user in one sentence; the text is that sentence."""
