"""How an answer is sent: whole, in part, or bit by bit."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Iterator

_PIECES: t.Final = 20


@dataclass(frozen=True)
class Delivery:
    """A way of sending an answer.

    Attributes:
        cut: Whether only half of the body is sent before the connection is closed.
        seconds: How long sending takes.
    """

    cut: bool = False
    seconds: float = 0.0

    def pieces(self, head: bytes, body: bytes) -> Iterator[tuple[bytes, float]]:
        """Yield what to send, and how many seconds to wait before each piece."""
        # One write if possible: a packet with the head alone would cost the client another wait.
        content = head + (body[: len(body) // 2] if self.cut else body)
        if not self.seconds:
            yield content, 0.0
            return
        size = -(-len(content) // _PIECES)
        for start in range(0, len(content), size):
            yield content[start : start + size], self.seconds / _PIECES
