"""Authentication: OAuth 2.0 client credentials, or Basic. Shared by all workers."""

from __future__ import annotations

import threading
import time
import typing as t

import requests
from typing_extensions import override

from target_servicenow.api.errors import StopRunError, error_text

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from requests import PreparedRequest

TOKEN_PATH = "/oauth_token.do"  # noqa: S105 - an address

RENEWAL_MARGIN_SECONDS = 60
"""A token is renewed this long before it expires, so that none expires in transit."""


class Authenticator(t.Protocol):
    """Puts credentials on a request, and renews them when ServiceNow no longer accepts them."""

    def apply(self, request: PreparedRequest) -> str:
        """Add the Authorization header; return a stamp that identifies the credentials."""

    def renew(self, stamp: str) -> bool:
        """Drop the credentials of `stamp`; return whether there can be others."""


class BasicAuth(Authenticator):
    """A service account's user name and password, on every request."""

    def __init__(self, username: str, password: str) -> None:
        """Keep the account."""
        self._auth = requests.auth.HTTPBasicAuth(username.encode(), password.encode())

    @override
    def apply(self, request: PreparedRequest) -> str:
        """Add the header."""
        self._auth(request)
        return "basic"

    @override
    def renew(self, stamp: str) -> bool:
        """Return False: a 401 to Basic is final."""
        return False


class ClientCredentials(Authenticator):
    """An OAuth 2.0 token by client credentials, renewed ahead of time and once on a 401.

    ServiceNow issues the same token, with less time left, while it is valid; its lifetime is the
    ``expires_in`` of each answer.
    """

    def __init__(
        self,
        *,
        fetch: Callable[[dict[str, str]], tuple[int, t.Any]],
        client_id: str,
        client_secret: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep the client.

        Args:
            fetch: Posts a form to ``/oauth_token.do`` and returns status and parsed JSON (None
                when it is not JSON); raises StopRunError when the instance cannot be reached.
            client_id: The client ID of the OAuth application in ServiceNow.
            client_secret: Its client secret.
            clock: Monotonic seconds.
        """
        self._fetch = fetch
        self._form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
        }
        self._clock = clock
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at = 0.0

    @override
    def apply(self, request: PreparedRequest) -> str:
        """Add the bearer token, fetched first when there is none or it is about to expire."""
        with self._lock:
            if not self._token or self._clock() >= self._renew_at:
                self._fetch_token()
            request.headers["Authorization"] = f"Bearer {self._token}"
            return self._token

    @override
    def renew(self, stamp: str) -> bool:
        """Forget the token unless another worker has already renewed it."""
        with self._lock:
            if self._token == stamp:
                self._token = ""
        return True

    def _fetch_token(self) -> None:
        status, body = self._fetch(self._form)
        if status == requests.codes.ok and isinstance(body, dict):
            self._token = str(body.get("access_token") or "")
            lifetime = float(body.get("expires_in") or 0)
            margin = min(RENEWAL_MARGIN_SECONDS, lifetime / 2)
            self._renew_at = self._clock() + lifetime - margin
        if not self._token:
            raise StopRunError(_refusal(status, body))


def _refusal(status: int, body: object) -> str:
    code = body.get("error") if isinstance(body, dict) else None
    text = error_text(body) or f"HTTP {status}"
    if code == "server_error":
        # Recorded from an instance without the property: a switch, not a failure.
        return (
            "ServiceNow has the client credentials grant switched off: an administrator must set "
            "the property glide.oauth.inbound.client.credential.grant_type.enabled to true"
        )
    if code == "unauthorized_client":
        return (
            "ServiceNow knows the OAuth client but not the user it acts for: set the OAuth "
            f"Application User on its registry record ({text})"
        )
    if isinstance(body, dict):
        return f"ServiceNow issued no token: check client_id and client_secret ({text})"
    return (
        f"ServiceNow's token endpoint answered {text} without JSON: check instance_url, and that "
        "the instance is awake"
    )
