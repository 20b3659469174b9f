"""The HTML pages that something before the instance answers with."""

from __future__ import annotations

import typing as t

from sage300_servicenow_sandbox.servicenow.api import ApiResponse

if t.TYPE_CHECKING:
    from sage300_servicenow_sandbox.servicenow.behaviours import Behaviours

_PAGE = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


def instead(behaviours: Behaviours) -> ApiResponse | None:
    """Return the page that every request is answered with, None while the instance is up.

    A hibernating developer instance answers 200; the words are the ones clients look for.
    """
    if behaviours.hibernating:
        return _page(200, "Your instance is hibernating")
    if behaviours.maintenance:
        return _page(503, "The instance is down for maintenance")
    return None


def _page(status: int, words: str) -> ApiResponse:
    text = _PAGE.format(words)
    return ApiResponse(status, text.encode(), (("Content-Type", "text/html;charset=UTF-8"),))


TOO_LONG: t.Final = _page(414, "414 Request-URI Too Large")
"""The answer to an address that is too long; what counts is the path and the query, as sent."""
