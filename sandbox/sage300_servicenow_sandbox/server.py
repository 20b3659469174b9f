"""HTTP/1.1 serving on loopback: a thread per connection, kept alive, without Nagle's delay."""

from __future__ import annotations

import io
import logging
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from wsgiref.handlers import format_date_time

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from .clock import Clock
    from .front import Front

_logger = logging.getLogger(__name__)


class PortTakenError(Exception):
    """The address could not be bound; the message is a sentence for the user."""


class Server:
    """One side's HTTP server, running on a thread of its own from the start until `stop`.

    Every answer carries a Date header from the sandbox's clock. `environ["werkzeug.socket"]` is
    the connection, for an application that has to break it; one that raises ConnectionError
    sends nothing, and the connection is closed.
    """

    def __init__(self, host: str, port: int, front: Front, clock: Clock) -> None:
        """Bind and serve; port 0 takes any free one.

        Raises:
            PortTakenError: the address is in use or not this machine's.
        """
        self._front = front
        self._listener = _Listener(host, port, front, clock)
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self._listener.port}"
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

    def __init__(self, host: str, port: int, front: Front, clock: Clock) -> None:
        self.clock = clock
        self._connections: set[socket.socket] = set()
        super().__init__(host, port, front, handler=_Handler)

    def server_bind(self) -> None:
        try:
            super().server_bind()
        except OSError as error:
            # Werkzeug would print and leave the process.
            reason = error.strerror or str(error)
            raise PortTakenError(
                f"Cannot listen on {self.host}:{self.port}: {reason}. Choose another port."
            ) from None

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

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
        if "content-length" not in {name.lower() for name, _ in headers}:
            headers.append(("Content-Length", str(len(content))))
        headers.append(("Date", format_date_time(self.server.clock.now().timestamp())))
        if self.close_connection:
            headers.append(("Connection", "close"))
        lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers), "", ""]
        head = "\r\n".join(lines).encode("latin-1")
        # One write: a packet with the head alone would cost the client another wait.
        self.wfile.write(head if self.command == "HEAD" else head + content)

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
        answer: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
            answer[:] = [status, headers]

        try:
            content = b"".join(self.server.app(environ, start_response))
        except ConnectionError:
            raise
        except Exception:
            _logger.exception("%s %s failed", self.command, self.path)
            content = b"The sandbox itself failed; its error output says why."
            return "500 Internal Server Error", [("Content-Type", "text/plain")], content
        status, headers = answer
        return status, headers, content

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        """Keep quiet: the counters tell what was called."""
