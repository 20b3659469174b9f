"""How requests leave the tap: only reads, only to one server, each through the rate limiter."""

from __future__ import annotations

import typing as t
from urllib.parse import urljoin, urlsplit

import requests
from typing_extensions import override

from tap_sage300.api.answers import origin

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_sage300.api.rate_limiter import RateLimiter


class ReadOnlySession(requests.Session):
    """A keep-alive session that sends nothing but GET, so that nothing in Sage 300 can change.

    Every physical request, retries and redirects included, passes the rate limiter. Redirects are
    followed on the same server only, and ``~/.netrc`` is never read: user and password go to the
    server that the settings name, and nothing at all goes to another one.
    """

    def __init__(self, limiter: RateLimiter) -> None:
        """Hold the rate limiter."""
        super().__init__()
        self._limiter = limiter

    @override
    def send(self, request: requests.PreparedRequest, **kwargs: t.Any) -> requests.Response:
        """Send one physical request; redirects come through here again.

        Raises:
            RuntimeError: The method is not GET.
        """
        if request.method != "GET":
            raise RuntimeError(f"this session only reads; {request.method} is refused")
        self._limiter.acquire()
        return super().send(request, **kwargs)

    @override
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return where a redirect leads on the same server; one to another is not followed."""
        target = super().get_redirect_target(resp)
        return target if target and self._stays(resp.url, target) else None

    def _stays(self, address: str, target: str) -> bool:
        leaves = t.cast("Callable[[str, str], bool]", self.should_strip_auth)
        try:
            there = urljoin(address, target)
            # What comes before an @ has been read as a host by some, and as a user by others.
            return "@" not in urlsplit(there).netloc and not leaves(address, there)
        except ValueError:
            return False

    @override
    def rebuild_auth(
        self, prepared_request: requests.PreparedRequest, response: requests.Response
    ) -> None:
        """Keep user and password, since a redirect stays on the server; never read ~/.netrc."""


def elsewhere(response: requests.Response) -> str:
    """Return where a redirect leads that was not followed; empty for any other answer."""
    if not response.is_redirect:
        return ""
    return origin(response.url, response.headers["Location"])
