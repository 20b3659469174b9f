"""The settings as a user gave them: read, checked, and what is wrong said in one sentence."""

from __future__ import annotations

import json
import re
import ssl
import typing as t
from pathlib import Path

from target_servicenow.api.session import Connection, instance_url
from target_servicenow.settings import SCHEMA

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jsonschema import ValidationError


class SettingError(Exception):
    """A setting is wrong. The message is one sentence that names it and says what to do."""


def sentence(error: ValidationError, plugin: str) -> str:
    """What a setting's schema violation says to a person.

    Args:
        error: as jsonschema found it.
        plugin: the plugin's name, for the environment variable.
    """
    if error.validator == "required":
        name = str(error.message).split("'")[1]
        return (
            f"Setting {name} is missing: give it in the configuration or as "
            f"{_variable(plugin, name)}"
        )
    name = str(error.path[0]) if error.path else "configuration"
    if error.validator == "enum":
        allowed = ", ".join(str(value) for value in error.validator_value)
        return f"Setting {name} is {error.instance!r}: it can be {allowed}"
    if error.validator == "minimum":
        return f"Setting {name} is {error.instance}: it must be at least {error.validator_value}"
    if error.validator == "maximum":
        return f"Setting {name} is {error.instance}: it can be at most {error.validator_value}"
    if error.validator == "type":
        wanted = error.validator_value
        kinds = " or ".join(wanted) if isinstance(wanted, list) else wanted
        return f"Setting {name} must be of type {kinds}"
    return f"Setting {name}: {error.message}"


def read_files(paths: Sequence[str]) -> dict[str, t.Any]:
    """The settings of JSON files, those of later files over those of earlier ones.

    Raises:
        SettingError: a file cannot be read, or does not hold settings.
    """
    config: dict[str, t.Any] = {}
    for path in paths:
        try:
            settings = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError:
            raise SettingError(
                f"Configuration {path} cannot be read: name a JSON file with the settings"
            ) from None
        except ValueError:
            settings = None
        if not isinstance(settings, dict):
            raise SettingError(
                f"Configuration {path} is not a JSON object: write the settings into it as "
                '{"instance_url": "...", ...}'
            )
        config.update(settings)
    return config


def misread_variable(environment: Mapping[str, str], plugin: str) -> str:
    """What to say of the first environment variable that cannot be read as its setting; "" if none.

    Args:
        environment: variables by name.
        plugin: the plugin's name, which their names begin with.
    """
    for name, definition in SCHEMA["properties"].items():
        variable = _variable(plugin, name)
        text = environment.get(variable)
        if text is None:
            continue
        if "integer" in definition["type"] and not re.fullmatch(r"\s*[+-]?\d+\s*", text):
            return f"Setting {name}: the variable {variable} must be a whole number"
        if "object" in definition["type"] and not _is_json(text):
            return f"Setting {name}: the variable {variable} must be a JSON object"
    return ""


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _variable(plugin: str, name: str) -> str:
    return f"{plugin}_{name}".upper().replace("-", "_")


def connection(config: Mapping[str, t.Any]) -> Connection:
    """How to reach the instance.

    Raises:
        SettingError: ca_bundle holds no certificates, or instance_url is no web address.
    """
    url = instance_url(config["instance_url"])
    if not re.match(r"https?://[^./\s]\S*$", url):
        raise SettingError(
            f"Setting instance_url is {config['instance_url']!r}: give the instance's full URL, or "
            "just its name"
        )
    verify: bool | str = config["verify_ssl"]
    if verify and config.get("ca_bundle"):
        bundle = Path(config["ca_bundle"])
        if not bundle.is_file():
            raise SettingError(f"Setting ca_bundle: there is no file {bundle}")
        try:
            ssl.create_default_context(cafile=bundle)
        except OSError:  # ssl.SSLError is one too
            raise SettingError(
                f"Setting ca_bundle: {bundle} holds no certificates that can be read: give a PEM "
                "file"
            ) from None
        verify = str(bundle)
    return Connection(
        instance_url=url,
        connect_timeout_seconds=config["connect_timeout_seconds"],
        read_timeout_seconds=config["read_timeout_seconds"],
        max_retries=config["max_retries"],
        verify=verify,
    )


def credentials(config: Mapping[str, t.Any]) -> tuple[str, str]:
    """The client ID and secret, or the user name and password.

    Raises:
        SettingError: one is missing, and the credential store does not hold it either.
    """
    oauth = config["auth_method"] == "oauth_client_credentials"
    name, secret = ("client_id", "client_secret") if oauth else ("username", "password")
    user = config.get(name)
    if not user:
        raise SettingError(
            f"Setting {name} is missing: auth_method {config['auth_method']} needs it"
        )
    value = config.get(secret) or _stored(instance_url(config["instance_url"]), user)
    if not value:
        raise SettingError(
            f"Setting {secret} is missing: give it, or keep it in the credential store under "
            f"{instance_url(config['instance_url'])} (with the keyring extra installed)"
        )
    return user, value


def _stored(service: str, user: str) -> str | None:
    try:
        import keyring  # noqa: PLC0415 - an extra
        from keyring.errors import KeyringError  # noqa: PLC0415
    except ImportError:
        return None
    try:
        return keyring.get_password(service, user)
    except KeyringError:
        return None
