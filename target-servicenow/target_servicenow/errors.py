"""The base class of every failure that is reported to the user in one sentence."""

from __future__ import annotations


class TargetError(Exception):
    """An expected failure, reported to the user in one sentence; the text is that sentence.

    Whoever runs the target can fix the cause or wait it out. Any other exception is a bug.
    """
