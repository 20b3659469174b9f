"""The session on a real wire: broken connections, timeouts, proxies, redirects and cookies."""

from __future__ import annotations

import socket
import struct
import threading

import pytest
from werkzeug.wrappers import Response

from tap_sage300.api import errors, odata
from tap_sage300.errors import TapError

VENDORS = odata.Resource("SAMINC", "AP", "APVendors")


def test_cookies_and_connection_are_kept(fake, open_session, helpers):
    def answer(_request):
        response = helpers.page([])
        response.set_cookie("ASP.NET_SessionId", "abc")
        return response

    fake.answer = answer
    sage = open_session()
    sage.page(VENDORS)
    sage.page(VENDORS)
    assert [r.cookies.get("ASP.NET_SessionId") for r in fake.requests] == [None, "abc"]


def test_a_server_with_windows_sign_on_only(fake, open_session):
    """Kind: a 401 that has nothing to do with the password."""

    def answer(_request):
        response = Response("", 401)
        response.headers.add("WWW-Authenticate", "Negotiate")
        response.headers.add("WWW-Authenticate", "NTLM")
        return response

    fake.answer = answer
    with pytest.raises(errors.NoAccessError) as caught:
        open_session(max_retries=5).page(VENDORS)
    assert str(caught.value) == (
        f"The web server at {fake.url} offers only Negotiate, NTLM to sign on, not Basic, so that "
        "the password was not even checked (HTTP 401): turn on Basic or anonymous authentication "
        "for the application Sage300WebApi in IIS"
    )
    assert len(fake.requests) == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_wants_a_sign_on(fake, open_session, monkeypatch, scheme):
    """Kind: a refusal of the proxy."""
    monkeypatch.setenv(f"{scheme.upper()}_PROXY", fake.host)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    fake.answer = lambda _request: Response("", 407, {"Proxy-Authenticate": "Basic"})
    url = f"{scheme}://sage.invalid/Sage300WebApi"
    with pytest.raises(errors.NoAccessError) as caught:
        open_session(api_url=url, max_retries=5).page(VENDORS)
    assert str(caught.value) == (
        f"The proxy on the way to {url} wants a sign-on of its own (HTTP 407): give its user and "
        "password in HTTP_PROXY and HTTPS_PROXY, or list the host in NO_PROXY"
    )


def test_a_timeout_asks_for_a_smaller_page(fake, open_session, helpers):
    released = threading.Event()

    def answer(_request):
        released.wait(10)
        return helpers.page([])

    fake.answer = answer
    with pytest.raises(errors.PageTooHeavyError):
        open_session(max_retries=1, read_timeout_seconds=1).page(VENDORS)
    released.set()


class Rude:
    """A socket server that treats each connection as its list says."""

    def __init__(self, *acts):
        self.acts = list(acts)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/Sage300WebApi"
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        for act in self.acts:
            connection, _ = self.socket.accept()
            connection.recv(65536)
            if act == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                connection.sendall(act)
            connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.thread.join(5)
        self.socket.close()


GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\nConnection: close\r\n\r\n" + b'{"value": []}'
CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + b'{"value": [{"A": 1'


@pytest.mark.parametrize("act", ["reset", CUT, b""], ids=["reset", "cut", "closed"])
def test_a_broken_connection_is_opened_again(open_session, act):
    with Rude(act, GOOD) as server:
        sage = open_session(api_url=server.url, max_retries=1)
        assert sage.page(VENDORS).records == []
        assert sage.limiter.calls == 2


@pytest.mark.parametrize("act", ["reset", CUT], ids=["reset", "cut"])
def test_a_connection_that_keeps_breaking_is_reported(open_session, act):
    with (
        Rude(act) as server,
        pytest.raises(TapError, match="keeps breaking while APVendors of company SAMINC is read"),
    ):
        open_session(api_url=server.url).page(VENDORS)


def test_nobody_listens(open_session):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    url = f"http://127.0.0.1:{port}/Sage300WebApi"
    with pytest.raises(TapError, match=f"cannot be reached at {url} .tries: 2."):
        open_session(api_url=url, max_retries=1).page(VENDORS)


def test_a_proxy_from_the_environment_is_used(fake, open_session, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", fake.host)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    open_session(api_url="http://sage.invalid/Sage300WebApi").page(VENDORS)
    (request,) = fake.requests
    assert request.host == "sage.invalid"
