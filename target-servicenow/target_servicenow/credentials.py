"""The credentials: from the settings, or from the operating system's credential store."""

from __future__ import annotations

import importlib
import typing as t

from target_servicenow.config import SettingError

if t.TYPE_CHECKING:
    from target_servicenow.config import Config


def credentials(config: Config) -> tuple[str, str]:
    """Return the client ID and secret, or the user name and password.

    Raises:
        SettingError: One is missing, and the credential store does not hold it either.
    """
    oauth = config.auth_method == "oauth_client_credentials"
    name, secret = ("client_id", "client_secret") if oauth else ("username", "password")
    user: str | None = getattr(config, name)
    if not user:
        raise SettingError(
            f"The setting {name} is missing: auth_method {config.auth_method} needs it"
        )
    value: str | None = getattr(config, secret)
    return user, value or _stored(config.instance_url, user, secret)


def _stored(service: str, user: str, setting: str) -> str:
    try:
        keyring = importlib.import_module("keyring")
    except ImportError:
        raise SettingError(
            f"The setting {setting} is missing; to keep it in the operating system's credential "
            "store instead, install target-servicenow[keyring]"
        ) from None
    try:
        found: str | None = keyring.get_password(service, user)
    except keyring.errors.KeyringError as error:
        raise SettingError(
            f"The setting {setting} is missing, and the operating system's credential store cannot "
            f"be opened ({type(error).__name__}): unlock it, or give the setting"
        ) from None
    if not found:
        raise SettingError(
            f"The setting {setting} is missing, and the operating system's credential store has "
            f"none for service {service} and user {user}: give the setting, or store it there, as "
            "the account that runs the target"
        )
    return found
