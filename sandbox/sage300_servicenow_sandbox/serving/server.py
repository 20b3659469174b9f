"""HTTP/1.1 serving on loopback: a thread per connection, kept alive, without Nagle's delay."""

from __future__ import annotations

import io
import logging
import os
import socket
import struct
import threading
import typing as t
from contextlib import suppress
from wsgiref.handlers import format_date_time

from typing_extensions import override
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from sage300_servicenow_sandbox.environ import DELIVERY
from sage300_servicenow_sandbox.errors import SandboxError
from sage300_servicenow_sandbox.serving.delivery import Delivery

if t.TYPE_CHECKING:
    import ssl

    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

    from sage300_servicenow_sandbox.clock import Clock

_logger = logging.getLogger(__name__)
# On, with no time to linger: closing then resets. Windows has shorter numbers here.
_NO_LINGER: t.Final = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


class PortTakenError(SandboxError):
    """The address cannot be bound."""


class Server:
    """One side's HTTP server, running on a thread of its own until it is closed.

    Every answer carries a Date header from the sandbox's clock. If the application raises
    ConnectionError nothing is sent and the connection is closed, or reset if it is a
    ConnectionResetError. `environ[DELIVERY]` may hold a Delivery.

    Attributes:
        url: The scheme, host and port that it serves on.
    """

    def __init__(
        self,
        host: str,
        port: int,
        app: WSGIApplication,
        *,
        clock: Clock,
        stopping: threading.Event,
        tls: ssl.SSLContext | None,
    ) -> None:
        """Bind and serve; port 0 takes any free one, a TLS context makes it https.

        Raises:
            PortTakenError: The address is in use or not this machine's.
        """
        self._stopping = stopping
        self._listener = _Listener(host, port, app, clock, stopping, tls)
        name = f"[{host}]" if ":" in host else host
        self.url = f"{'https' if tls else 'http'}://{name}:{self._listener.port}"
        self._thread = threading.Thread(
            target=self._listener.serve_forever, args=(0.05,), name=self.url
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening, end every wait and connection, and return when no request is left."""
        self._stopping.set()
        self._listener.shutdown()
        self._listener.end_connections()
        self._thread.join()


class _Listener(ThreadedWSGIServer):
    daemon_threads = False  # so that closing the server waits for its connections' threads

    def __init__(  # noqa: PLR0917 -- of this module only
        self,
        host: str,
        port: int,
        app: WSGIApplication,
        clock: Clock,
        stopping: threading.Event,
        tls: ssl.SSLContext | None,
    ) -> None:
        self.clock = clock
        self.stopping = stopping
        self._connections: set[socket.socket] = set()
        super().__init__(host, port, app, handler=_Handler)
        if tls:
            self.ssl_context = tls
            # The TLS handshake runs on the connection's own thread, so no client blocks others.
            self.socket = tls.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )

    @override
    def server_bind(self) -> None:
        try:
            super().server_bind()
        except OSError as error:
            # Werkzeug would print the error and exit.
            reason = error.strerror or str(error)
            raise PortTakenError(
                f"Cannot listen on {self.host}:{self.port}: {reason}; choose another port"
            ) from None

    @override
    def process_request(self, request: t.Any, client_address: t.Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def reset(self, request: t.Any) -> None:
        """Let closing the connection, which must not linger, reset it."""
        self._connections.discard(request)

    @override
    def shutdown_request(self, request: t.Any) -> None:
        if request in self._connections:
            self._connections.discard(request)
            super().shutdown_request(request)
        else:
            # Shutting it down first would end it cleanly.
            self.close_request(request)

    def end_connections(self) -> None:
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(WSGIRequestHandler):
    """Runs one request after another on a connection.

    Werkzeug's own handler closes the connection after each answer; this one reads the whole body
    first, so that the next request line can follow.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Listener

    @override
    def run_wsgi(self) -> None:
        environ = self.make_environ()
        try:
            body = self._read_body(environ)
        except (OSError, ValueError):
            self.send_error(400)
            return
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        status, headers, content = self._answer(environ)
        delivery = environ.get(DELIVERY, Delivery())
        if delivery.cut:
            self.close_connection = True
        if "content-length" not in {name.lower() for name, _ in headers}:
            headers.append(("Content-Length", str(len(content))))
        headers.append(("Date", format_date_time(self.server.clock.now().timestamp())))
        if self.close_connection:
            headers.append(("Connection", "close"))
        lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers), "", ""]
        head = "\r\n".join(lines).encode("latin-1")
        for piece, wait in delivery.pieces(head, b"" if self.command == "HEAD" else content):
            self.server.stopping.wait(wait)
            self.wfile.write(piece)

    def _read_body(self, environ: WSGIEnvironment) -> bytes:
        if "wsgi.input_terminated" in environ:
            content: bytes = environ["wsgi.input"].read()
            return content
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionError
        return body

    def _answer(self, environ: WSGIEnvironment) -> tuple[str, list[tuple[str, str]], bytes]:
        answer: list[t.Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_: t.Any) -> t.Any:
            answer[:] = [status, headers]

        try:
            content = b"".join(self.server.app(environ, start_response))
        except ConnectionResetError:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            self.server.reset(self.connection)
            raise
        except ConnectionError:
            raise
        except Exception:
            _logger.exception("%s %s failed", self.command, self.path)
            content = b"The sandbox itself failed: see its error output"
            return "500 Internal Server Error", [("Content-Type", "text/plain")], content
        status, headers = answer
        return status, headers, content

    @override
    def log(self, type: str, message: str, *args: t.Any) -> None:
        """Log nothing: the counters and the request log show what was called."""
