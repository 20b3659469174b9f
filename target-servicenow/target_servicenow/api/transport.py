"""HTTP as this target wants it: answers in bounds, and credentials that go nowhere else."""

from __future__ import annotations

import http.client
import io
import time
import typing as t

import requests
from requests.adapters import HTTPAdapter
from typing_extensions import override
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

if t.TYPE_CHECKING:
    import socket

    from urllib3 import PoolManager, ProxyManager

MAX_ANSWER_BYTES = 80_000_000
"""More than five lookups in a Batch call, each of ServiceNow's largest size (10 MB), in Base64."""

CHUNK_BYTES = 1 << 16
"""Bytes that are decompressed at once."""


class AnswerTooLargeError(requests.exceptions.RequestException):
    """An answer is larger than any that ServiceNow sends."""


def read_body(response: requests.Response) -> bytes:
    """Return the body of a streamed answer, decompressed.

    Raises:
        AnswerTooLargeError: It is too large; the rest is not read.
        requests.RequestException: It did not come whole, or in time.
    """
    parts: list[bytes] = []
    size = 0
    for part in response.iter_content(CHUNK_BYTES):
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            raise AnswerTooLargeError
        parts.append(part)
    return b"".join(parts)


class Transport(requests.Session):
    """A session that takes a redirect as the answer it is, and never reads ``~/.netrc``.

    The read timeout of a request bounds its whole answer, header and body, where requests bounds
    each wait for a byte.
    """

    def __init__(self) -> None:
        """Open nothing yet."""
        super().__init__()
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter())
        self.auth = _unchanged  # requests looks into ~/.netrc where there is no such function

    @override
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return nothing: even to look at the address could fail."""


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


class _Until(io.RawIOBase):
    """What a socket receives until a deadline."""

    def __init__(self, stream: io.RawIOBase, sock: socket.socket, seconds: float) -> None:
        self._stream = stream
        self._socket = sock
        self._deadline = time.monotonic() + seconds

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: t.Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._socket.settimeout(left)
        return self._stream.readinto(buffer)

    @override
    def close(self) -> None:
        self._stream.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """An answer whose header and body share the timeout that the socket was given."""

    def __init__(self, sock: socket.socket, *args: t.Any, **options: t.Any) -> None:
        super().__init__(sock, *args, **options)
        seconds = sock.gettimeout()
        if seconds is not None:
            self.fp = io.BufferedReader(_Until(self.fp.detach(), sock, seconds))


class _Connection(HTTPConnection):
    response_class = _Response


class _TlsConnection(HTTPSConnection):
    response_class = _Response


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOLS = {"http": _Pool, "https": _TlsPool}


class _Adapter(HTTPAdapter):
    @override
    def init_poolmanager(self, *args: t.Any, **options: t.Any) -> None:
        super().init_poolmanager(*args, **options)
        _bound(self.poolmanager)

    @override
    def proxy_manager_for(self, *args: t.Any, **options: t.Any) -> ProxyManager:
        manager: ProxyManager = super().proxy_manager_for(*args, **options)
        return _bound(manager)


_Manager = t.TypeVar("_Manager", bound="PoolManager")


def _bound(manager: _Manager) -> _Manager:
    manager.pool_classes_by_scheme = _POOLS
    return manager
