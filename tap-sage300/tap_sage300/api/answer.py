"""The body of an answer, read within bounds: of time, of size and of the rate it comes at."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass

import requests
import urllib3

if t.TYPE_CHECKING:
    from collections.abc import Callable

CHUNK_BYTES = 1 << 18
"""Requests reads 10 KB at a time, and each read waits for the thread that writes records."""
MOST_BYTES = 1 << 28
"""After decompression; a batch of 10,000 invoices has half as many."""
SMALLEST_RATE = 1_000
"""Bytes a second, measured over each span of the read timeout."""
SPANS = 10
"""Read timeouts that a whole answer may take."""


class TooLargeError(requests.RequestException):
    """The answer is larger than any page should be."""


@dataclass
class _Deadline:
    """When an answer is too slow.

    Attributes:
        seconds: Span over which the rate is measured.
        clock: Monotonic seconds.
    """

    seconds: float
    clock: Callable[[], float]

    def __post_init__(self) -> None:
        self._began = self._span_began = self.clock()
        self._span_bytes = 0

    def check(self, received: int) -> None:
        """Take in that some bytes came.

        Raises:
            requests.ReadTimeout: They come too slowly.
        """
        self._span_bytes += received
        now = self.clock()
        if now - self._began > SPANS * self.seconds:
            raise requests.ReadTimeout("the answer takes too long")
        if now - self._span_began > self.seconds:
            if self._span_bytes < SMALLEST_RATE * self.seconds:
                raise requests.ReadTimeout("the answer comes too slowly")
            self._span_began, self._span_bytes = now, 0


def read(
    response: requests.Response,
    seconds: float,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> bytearray:
    """Read the body of a streamed answer.

    Args:
        response: The answer.
        seconds: The read timeout, which bounds a silence; the whole may take ten times as long.
        clock: Monotonic seconds.

    Raises:
        requests.RequestException: It breaks off, comes too slowly, is garbled or is too large.
    """
    deadline, body = _Deadline(seconds, clock), bytearray()  # joined chunks would be there twice
    try:
        while chunk := response.raw.read1(CHUNK_BYTES, decode_content=True):
            body += chunk
            if len(body) > MOST_BYTES:
                raise TooLargeError(f"more than {MOST_BYTES} bytes")
            deadline.check(len(chunk))
    except urllib3.exceptions.ProtocolError as failure:
        raise requests.exceptions.ChunkedEncodingError(failure) from failure
    except urllib3.exceptions.DecodeError as failure:
        raise requests.exceptions.ContentDecodingError(failure) from failure
    except urllib3.exceptions.ReadTimeoutError as failure:
        raise requests.exceptions.ConnectionError(failure) from failure
    except urllib3.exceptions.SSLError as failure:
        raise requests.exceptions.SSLError(failure) from failure
    return body
