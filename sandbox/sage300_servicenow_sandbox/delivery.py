"""How an answer goes onto the wire: whole, in part, or bit by bit."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Iterator

DELIVERY: t.Final = "sandbox.delivery"
_PIECES: t.Final = 20


@dataclass(frozen=True)
class Delivery:
    """`cut` sends half of the body and closes the connection; `seconds` is the time it takes."""

    cut: bool = False
    seconds: float = 0.0

    def pieces(self, head: bytes, body: bytes) -> Iterator[tuple[bytes, float]]:
        """Give what to send, and how long to wait before each piece, in seconds."""
        # One write as a rule: a packet with the head alone would cost the client another wait.
        content = head + (body[: len(body) // 2] if self.cut else body)
        if not self.seconds:
            yield content, 0.0
            return
        size = -(-len(content) // _PIECES)
        for start in range(0, len(content), size):
            yield content[start : start + size], self.seconds / _PIECES
