"""The page that shows both systems side by side: one file without a build step."""

from __future__ import annotations

import typing as t
from functools import cache
from importlib.resources import files

from werkzeug.wrappers import Response

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

# It loads nothing: its script and style stand in it, and it calls the control endpoints alone.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "connect-src 'self'; img-src data:"
)


def page(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer a browser with the page; it works with the control endpoints of the same port."""
    response = Response(_html(), content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Cache-Control"] = "no-store"
    return response(environ, start_response)


@cache
def _html() -> bytes:
    return (files("sage300_servicenow_sandbox.serving") / "page.html").read_bytes()
