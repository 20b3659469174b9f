"""What a user of the sandbox can fix."""

from __future__ import annotations


class SandboxError(Exception):
    """An expected failure, reported to the user in one sentence; the text is that sentence."""
