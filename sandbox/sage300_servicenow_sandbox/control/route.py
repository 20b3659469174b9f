"""What a control endpoint is, and how it refuses."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Callable


class RefusedError(Exception):
    """A request is refused; the message is a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        """Take the HTTP status and the sentence."""
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True)
class Route:
    """An endpoint: method, path with {places}, a line about it, and what it does.

    `run` gets the sandbox, what stands in the places, and the body if the endpoint takes one; it
    returns JSON text.
    """

    method: str
    path: str
    text: str
    run: Callable[..., str]
    takes_body: bool = False

    def match(self, path: str) -> re.Match[str] | None:
        """Match a path below /_sandbox/."""
        # A key may hold a slash.
        pattern = self.path.replace("{key}", "(.+)")
        pattern = re.sub(r"\{(number|entry)\}", "([0-9]{1,18})", pattern)
        return re.fullmatch(re.sub(r"\{[a-z]+\}", "([^/]+)", pattern), path)
