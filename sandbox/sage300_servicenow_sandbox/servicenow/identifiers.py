"""Identifiers that only look random: the same seed and number make the same one. Pure."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import blake2b

_SYS_ID = 16  # bytes, shown as 32 hexadecimal digits
_SESSION = 16
_TOKEN = 64


def sys_id(seed: int, number: int) -> str:
    """Return the sys_id of the n-th row, 32 hexadecimal digits."""
    return _digest("sys_id", seed, number, _SYS_ID).hex()


def session(seed: int, number: int) -> str:
    """Return the JSESSIONID of the n-th session, 32 hexadecimal digits in capitals."""
    return _digest("session", seed, number, _SESSION).hex().upper()


def token(seed: int, number: int) -> str:
    """Return the n-th access token, 86 characters."""
    return urlsafe_b64encode(_digest("token", seed, number, _TOKEN)).rstrip(b"=").decode()


def _digest(kind: str, seed: int, number: int, size: int) -> bytes:
    return blake2b(f"{kind}/{seed}/{number}".encode(), digest_size=size).digest()
