"""How to reach a Sage 300 Web API, and how hard to press it."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Connection:
    """The settings of a session; each means what its description in ``settings.py`` says.

    Attributes:
        password: Of the user, as it was given.
        verify: Whether to check the server's certificate, or the path of a PEM file of authorities.
    """

    api_url: str
    username: str
    password: str = field(repr=False)
    credential_case: str
    verify: bool | str
    connect_timeout_seconds: int
    read_timeout_seconds: int
    max_retries: int
    pool_rest_seconds: int
    max_calls_per_run: int
    on_call_budget: str
    call_budget_pause_seconds: int
    min_call_interval_ms: int

    @property
    def is_open(self) -> bool:
        """Whether anybody between here and the server can read what is sent."""
        url = urlsplit(self.api_url)
        return url.scheme == "http" and not _is_loopback(url.hostname or "")

    def credentials(self) -> tuple[bytes, bytes]:
        """Return user and password, in the case to send and in UTF-8 (RFC 7617)."""
        user, password = self.username, self.password
        if self.credential_case in {"upper", "upper_user"}:
            user = _upper(user)
        if self.credential_case == "upper":
            password = _upper(password)
        return user.encode(), password.encode()


def _upper(text: str) -> str:
    """Return a text in upper case as Windows has it: letter by letter, so that a sharp s stays."""
    return "".join(upper if len(upper := letter.upper()) == 1 else letter for letter in text)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
