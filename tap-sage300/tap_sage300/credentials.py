"""The password: from the settings, or from the operating system's credential store."""

from __future__ import annotations

import importlib
import typing as t

from tap_sage300.errors import TapError

if t.TYPE_CHECKING:
    from tap_sage300.config import Config


def password(config: Config) -> str:
    """Return the password.

    Raises:
        TapError: It is neither in the settings nor in the credential store.
    """
    if config.password:
        return config.password
    try:
        keyring = importlib.import_module("keyring")
    except ImportError:
        raise TapError(
            "The setting password is missing: give it, or install tap-sage300[keyring] to keep it "
            "in the operating system's credential store"
        ) from None
    service, user = config.api_url, config.username
    try:
        found: str | None = keyring.get_password(service, user)
    except keyring.errors.KeyringError as failure:
        raise TapError(
            "The setting password is missing, and the operating system's credential store cannot "
            f"be opened ({type(failure).__name__}): unlock it, or give the setting"
        ) from failure
    if not found:
        raise TapError(
            "The setting password is missing, and the operating system's credential store has "
            f"none for service {service} and user {user}: give the setting, or store the password "
            "there, as the account that runs the tap"
        )
    return found
