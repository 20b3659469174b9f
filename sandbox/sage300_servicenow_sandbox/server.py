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

from sage300_servicenow_sandbox.delivery import DELIVERY, Delivery

if t.TYPE_CHECKING:
    import ssl

    from _typeshed.wsgi import WSGIEnvironment

    from sage300_servicenow_sandbox.clock import Clock
    from sage300_servicenow_sandbox.front import Front

_logger = logging.getLogger(__name__)
# On, with no time to linger: closing then resets. Windows has shorter numbers here.
_NO_LINGER: t.Final = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


class PortTakenError(Exception):
    """The address could not be bound; the message is a sentence for the user."""


class Server:
    """One side's HTTP server, running on a thread of its own from the start until `stop`.

    Every answer carries a Date header from the sandbox's clock. An application that raises
    ConnectionError sends nothing, and the connection is closed, or reset if it is a
    ConnectionResetError; `environ[DELIVERY]` says how else an answer is to be spoilt.
    """

    def __init__(
        self, host: str, port: int, front: Front, clock: Clock, tls: ssl.SSLContext | None
    ) -> None:
        """Bind and serve; port 0 takes any free one, a TLS context makes it https.

        Raises:
            PortTakenError: The address is in use or not this machine's.
        """
        self._front = front
        self._listener = _Listener(host, port, front, clock, tls)
        name = f"[{host}]" if ":" in host else host
        self.url = f"{'https' if tls else 'http'}://{name}:{self._listener.port}"
        self._thread = threading.Thread(
            target=self._listener.serve_forever, args=(0.05,), name=self.url
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop listening, end every connection, and wait until no request is under way."""
        self._front.stopping.set()
        self._listener.shutdown()
        self._listener.end_connections()
        self._thread.join()


class _Listener(ThreadedWSGIServer):
    daemon_threads = False  # so that closing the server waits for its connections' threads

    def __init__(
        self, host: str, port: int, front: Front, clock: Clock, tls: ssl.SSLContext | None
    ) -> None:
        self.clock = clock
        self.stopping = front.stopping
        self._connections: set[socket.socket] = set()
        super().__init__(host, port, front, handler=_Handler)
        if tls:
            self.ssl_context = tls
            # Hands are shaken on the connection's own thread, so that no client holds up others.
            self.socket = tls.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )

    @override
    def server_bind(self) -> None:
        try:
            super().server_bind()
        except OSError as error:
            # Werkzeug would print and leave the process.
            reason = error.strerror or str(error)
            raise PortTakenError(
                f"Cannot listen on {self.host}:{self.port}: {reason}. Choose another port."
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
            # To shut it down first would end it in good order.
            self.close_request(request)

    def end_connections(self) -> None:
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(WSGIRequestHandler):
    """Runs one request after the other on a connection.

    Werkzeug's own handler closes the connection after each answer; this one reads the body
    ahead, so that the next request line can follow.
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
            content = b"The sandbox itself failed; its error output says why."
            return "500 Internal Server Error", [("Content-Type", "text/plain")], content
        status, headers = answer
        return status, headers, content

    @override
    def log(self, type: str, message: str, *args: t.Any) -> None:
        """Keep quiet: the counters tell what was called."""
