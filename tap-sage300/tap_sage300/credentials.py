"""The password: from the settings, or from the operating system's credential store."""

from __future__ import annotations

import importlib
import typing as t

from tap_sage300.errors import TapError

if t.TYPE_CHECKING:
    from tap_sage300.settings import Settings


def password(settings: Settings) -> str:
    """Find the password.

    Raises:
        TapError: It is neither in the settings nor in the credential store.
    """
    if settings.password:
        return settings.password
    missing = (
        "The setting password is missing, and the operating system's credential store holds none "
        f"for service {settings.api_url} and user {settings.username}"
    )
    try:
        keyring = importlib.import_module("keyring")
    except ImportError:
        raise TapError(
            "The setting password is missing; to keep it in the operating system's credential "
            "store instead, install tap-sage300[keyring]."
        ) from None
    try:
        found: str | None = keyring.get_password(settings.api_url, settings.username)
    except keyring.errors.KeyringError as fault:
        raise TapError(f"{missing} ({type(fault).__name__}).") from fault
    if not found:
        raise TapError(f"{missing}.")
    return found
