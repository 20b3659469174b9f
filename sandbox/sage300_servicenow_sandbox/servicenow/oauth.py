"""The token endpoint: OAuth 2.0 client credentials."""

from __future__ import annotations

import datetime as dt
import threading
import typing as t
from hmac import compare_digest
from itertools import count
from urllib.parse import parse_qsl

from sage300_servicenow_sandbox.servicenow import identifiers
from sage300_servicenow_sandbox.servicenow.api import json_response

if t.TYPE_CHECKING:
    from sage300_servicenow_sandbox.clock import Clock
    from sage300_servicenow_sandbox.servicenow.api import ApiResponse
    from sage300_servicenow_sandbox.servicenow.behaviours import Behaviours

_FORM = "application/x-www-form-urlencoded"
CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"  # noqa: S105 (the sandbox's, on purpose in the open)


class OAuth:
    """Issues one token at a time, which expires by the sandbox's clock."""

    def __init__(self, clock: Clock, random_seed: int) -> None:
        """Start without a token; the seed is what tokens are made from."""
        self._clock = clock
        self._random_seed = random_seed
        self._lock = threading.Lock()
        self._token = ""
        self._expires: dt.datetime | None = None
        self._numbers = count(1)

    def handle(self, content_type: str, body: bytes, behaviours: Behaviours) -> ApiResponse:
        """Answer a token request: the valid token with the time it has left, or a new one.

        The bodies for a disabled grant and for a client without a user are recorded; the others
        are assumptions, except that failures are 401 with `error` and `error_description`. Only a
        form is read: a JSON body fails, and so do parameters in the URL.
        """
        form = dict(parse_qsl(body.decode("latin-1"))) if content_type == _FORM else {}
        if form.get("grant_type") != "client_credentials":
            return _refused("unsupported_grant_type", "grant_type must be client_credentials")
        if not behaviours.client_credentials_enabled:
            return _refused("server_error", "access_denied")
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return _refused("invalid_client", "client_id or client_secret is wrong")
        if not behaviours.application_user:
            return _refused("unauthorized_client", "integration user is not configured")
        with self._lock:
            now = self._clock.now()
            if self._expires is None or self._expires <= now:
                self._token = identifiers.token(self._random_seed, next(self._numbers))
                self._expires = now + dt.timedelta(seconds=behaviours.token_seconds)
            left = int((self._expires - now).total_seconds())
            token = self._token
        return json_response(
            200,
            {
                "access_token": token,
                "scope": "useraccount",
                "token_type": "Bearer",
                "expires_in": left,
            },
        )

    def accepts(self, token: str) -> bool:
        """Tell whether a bearer token is the valid one."""
        with self._lock:
            valid = self._expires is not None and self._clock.now() < self._expires
            return valid and compare_digest(token.encode(), self._token.encode())

    def expire(self) -> None:
        """Expire the token; the next request gets another."""
        with self._lock:
            self._expires = None

    def reset(self) -> None:
        """Go back to the start: there is no token, and the next one is the first."""
        with self._lock:
            self._expires = None
            self._numbers = count(1)


def _refused(error: str, description: str) -> ApiResponse:
    return json_response(401, {"error": error, "error_description": description})
