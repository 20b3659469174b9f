"""The sandbox's Sage 300 without a socket in between, so that many runs take little time."""

from __future__ import annotations

import datetime as dt
import io
import logging

import pytest
import requests
import urllib3
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Request

from tap_sage300.api import transport
from tap_sage300.reading import reader


class Killed(BaseException):
    """The end of a process, as far as the code inside can tell."""


class Wire(requests.adapters.BaseAdapter):
    """Carries requests to the sandbox without a socket; counts them, and kills at one of them."""

    killed = Killed

    def __init__(self, sandbox):
        super().__init__()
        self.app, self.clock = sandbox._sage_app, sandbox.clock
        self.start()

    def start(self, *, kill_at=None, is_answered=False):
        """Count from zero; end the process at a request, before or after Sage 300 has seen it."""
        self.calls, self.kill_at, self.is_answered = 0, kill_at, is_answered

    def send(self, request, **_options):
        self.calls += 1
        if self.calls == self.kill_at and not self.is_answered:
            raise Killed
        environ = Request.from_values(request.url, headers=dict(request.headers)).environ
        body, status, headers = run_wsgi_app(self.app, environ, buffered=True)
        if self.calls == self.kill_at:
            raise Killed
        headers["Date"] = self.clock.now().strftime("%a, %d %b %Y %H:%M:%S GMT")
        response = requests.Response()
        response.status_code, response.url, response.request = int(status[:3]), request.url, request
        response.headers = requests.structures.CaseInsensitiveDict(headers)
        response.raw = urllib3.HTTPResponse(io.BytesIO(b"".join(body)), preload_content=False)
        response.elapsed = dt.timedelta()
        return response

    def close(self):
        pass


@pytest.fixture
def carried(monkeypatch):
    """Carry every request of this test to a site; the carrier counts them."""

    def carry(site):
        carrier = Wire(site.sandbox)
        monkeypatch.setattr(reader, "utc_today", lambda: carrier.clock.now().date())
        monkeypatch.setattr(transport.ReadOnlySession, "get_adapter", lambda *_, **__: carrier)
        return carrier

    logging.disable(logging.INFO)
    yield carry
    logging.disable(logging.NOTSET)


@pytest.fixture
def wire(site, carried):
    return carried(site)
