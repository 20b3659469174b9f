"""The settings as a user gave them: read, checked and frozen, what is wrong in one sentence."""

from __future__ import annotations

import json
import re
import ssl
import typing as t
from dataclasses import dataclass, fields
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from singer_sdk.plugin_base import JSONSchemaValidator

from target_servicenow.api.wire import Connection
from target_servicenow.errors import TargetError
from target_servicenow.ledger.location import located
from target_servicenow.settings import SCHEMA
from target_servicenow.text_files import EncodingError, expanded, read_text

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jsonschema import ValidationError

VARIABLE_PREFIX = "TARGET_SERVICENOW_"
WORDS = {
    **dict.fromkeys(("true", "t", "yes", "y", "1", "on", "enabled"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0", "off", "disabled"), False),
}
"""What an environment variable may hold for a setting that is true or false."""
KINDS = {
    "integer": "a whole number",
    "boolean": "true or false",
    "string": "text",
    "object": "an object",
}


class SettingError(TargetError):
    """A setting is missing or wrong; the sentence names it and never repeats its value."""


@dataclass(frozen=True)
class Config:
    """The settings, checked; each means what its description in `SCHEMA` says.

    Attributes:
        instance_url: The full URL, without a slash at its end.
    """

    instance_url: str
    auth_method: str
    client_id: str | None
    client_secret: str | None
    username: str | None
    password: str | None
    mapping: str
    mapping_overrides: Mapping[str, t.Any]
    unmapped_streams: str
    mode: str
    validate_records: bool
    batch_size_rows: int
    workers: int
    checkpoint_seconds: int
    on_missing_reference: t.Literal["hold", "blank", "reject"]
    on_long_text: t.Literal["reject", "truncate"]
    max_rejects: int | None
    max_inactive_percent: int
    ledger_path: Path
    ledger_keep_days: int
    mark_state: bool
    connect_timeout_seconds: int
    read_timeout_seconds: int
    batch_limit_seconds: int
    max_retries: int
    verify_ssl: bool
    ca_bundle: Path | None

    @property
    def instance(self) -> str:
        """The instance by its address alone, the same however the setting was written."""
        url = urlsplit(self.instance_url.lower())
        host = (url.hostname or "").rstrip(".")
        host = f"[{host}]" if ":" in host else host
        usual = {"https": 443, "http": 80}.get(url.scheme)
        port = "" if url.port in {None, usual} else f":{url.port}"
        return f"{host}{port}"

    @property
    def connection(self) -> Connection:
        """How to reach the instance."""
        return Connection(
            instance_url=self.instance_url,
            connect_timeout_seconds=self.connect_timeout_seconds,
            read_timeout_seconds=self.read_timeout_seconds,
            batch_limit_seconds=self.batch_limit_seconds,
            max_retries=self.max_retries,
            verify=str(self.ca_bundle) if self.verify_ssl and self.ca_bundle else self.verify_ssl,
        )


def read(raw: Mapping[str, t.Any], environment: Mapping[str, str] | None = None) -> Config:
    """Check settings and freeze them.

    Args:
        raw: The settings as they were given.
        environment: The environment variables, which say where a Meltano project is.

    Raises:
        SettingError: The first setting that is missing or wrong.
    """
    given = {name: value for name, value in raw.items() if value is not None}
    errors = sorted(
        JSONSchemaValidator(SCHEMA).iter_errors(given),  # fills the defaults in, too
        key=lambda error: (error.validator != "required", str(error.path)),
    )
    if errors:
        raise SettingError(_sentence(errors[0]))
    values = {field.name: given.get(field.name) for field in fields(Config)}
    bundle = given.get("ca_bundle")
    return Config(
        **values
        | {
            "instance_url": _instance_url(given["instance_url"]),
            "mapping_overrides": given.get("mapping_overrides") or {},
            "ledger_path": located(given.get("ledger_path"), environment or {}),
            "ca_bundle": _certificates(expanded(Path(bundle))) if bundle else None,
        }
    )


def mapping_of(raw: Mapping[str, t.Any]) -> tuple[str, Mapping[str, t.Any]]:
    """Return the name of the mapping and its overrides; other settings may be missing or wrong.

    Raises:
        SettingError: One of the two is wrong.
    """
    names = ("mapping", "mapping_overrides")
    given = {name: raw[name] for name in names if raw.get(name) is not None}
    schema = {**SCHEMA, "properties": {n: SCHEMA["properties"][n] for n in names}, "required": []}
    for error in JSONSchemaValidator(schema).iter_errors(given):
        raise SettingError(_sentence(error))
    return given["mapping"], given.get("mapping_overrides") or {}


def _sentence(error: ValidationError) -> str:
    """Word a schema violation; jsonschema's own text would show the value, secret or not."""
    if error.validator == "required":
        name = next(name for name in error.validator_value if name not in error.instance)
        return (
            f"The setting {name} is missing: give it in the configuration file or as the "
            f"environment variable {_variable(name)}"
        )
    name = str(error.path[0])
    match error.validator:
        case "enum":
            return f"The setting {name} must be one of {', '.join(map(str, error.validator_value))}"
        case "minimum":
            return f"The setting {name} must be {error.validator_value} or more"
        case "maximum":
            return f"The setting {name} must be {error.validator_value} or less"
    return f"The setting {name} must be {KINDS[_kind(SCHEMA['properties'][name])]}"


def _kind(schema: Mapping[str, t.Any]) -> str:
    kind = schema["type"]
    return str(kind if isinstance(kind, str) else kind[0])


def read_files(paths: Sequence[str]) -> dict[str, t.Any]:
    """Return the settings of JSON files; a later file overrides an earlier one.

    Raises:
        SettingError: A file cannot be read, or does not hold settings.
    """
    config: dict[str, t.Any] = {}
    for path in paths:
        try:
            settings = json.loads(read_text(expanded(Path(path))))
        except EncodingError as error:
            raise SettingError(f"Configuration file {path} {error}: save it as UTF-8") from None
        except OSError:
            raise SettingError(
                f"Configuration file {path} cannot be read: name a JSON file with the settings"
            ) from None
        except ValueError:
            settings = None
        if not isinstance(settings, dict):
            raise SettingError(
                f"Configuration file {path} is not a JSON object: write the settings into it as "
                '{"instance_url": "...", ...}'
            )
        config.update(settings)
    return config


def ledger_path(files: Sequence[str], environment: Mapping[str, str]) -> Path | None:
    """Return the setting ``ledger_path`` alone, for commands that only read the ledger.

    Args:
        files: What ``--config`` gave, ``ENV`` for the environment variables. Without any, these are
            read, since Meltano hands settings to a plugin's commands by them alone.
        environment: The environment variables.

    Returns:
        None where it is not set.

    Raises:
        SettingError: A file cannot be read, or does not hold settings.
    """
    given = read_files([path for path in files if path != "ENV"]).get("ledger_path")
    if not files or "ENV" in files:
        given = environment.get(f"{VARIABLE_PREFIX}LEDGER_PATH") or given
    if given is not None and not isinstance(given, str):
        raise SettingError("The setting ledger_path must be text: give the path of a file")
    return Path(given) if given else None


def check_environment(environment: Mapping[str, str]) -> None:
    """Check that the environment variables can be read as their settings.

    Raises:
        SettingError: The first one that cannot.
    """
    for name, schema in SCHEMA["properties"].items():
        text = environment.get(_variable(name))
        if text is not None and not _is_readable(text, _kind(schema)):
            raise SettingError(
                f"The setting {name} must be {KINDS[_kind(schema)]} "
                f"(environment variable {_variable(name)})"
            )


def with_booleans(
    settings: Mapping[str, t.Any], environment: Mapping[str, str]
) -> dict[str, t.Any]:
    """Return settings read from the environment with what is true or false read by `WORDS`.

    The SDK knows fewer words, and takes every other one as false. An empty variable is not set.
    """
    texts = {
        name: _word(environment[_variable(name)])
        for name, schema in SCHEMA["properties"].items()
        if _kind(schema) == "boolean" and _variable(name) in environment
    }
    others = {name: value for name, value in settings.items() if name not in texts}
    return others | {name: WORDS[text] for name, text in texts.items() if text}


def _word(text: str) -> str:
    return text.strip().lower()


def _is_readable(text: str, kind: str) -> bool:
    if kind == "integer":
        return re.fullmatch(r"\s*[+-]?\d+\s*", text) is not None
    if kind == "boolean":
        return _word(text) in {*WORDS, ""}
    if kind == "string":
        return True
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _variable(name: str) -> str:
    return f"{VARIABLE_PREFIX}{name.upper()}"


def _instance_url(setting: str) -> str:
    text = setting.strip().rstrip("/")
    url = text if "://" in text else f"https://{text}.service-now.com"
    if "@" in url:
        raise SettingError(
            "The setting instance_url must be without user name and password: give them as "
            "username and password, with auth_method basic"
        )
    if not re.match(r"https?://[^./\s?#][^\s?#]*$", url, re.IGNORECASE) or not _has_host(url):
        raise SettingError(
            "The setting instance_url must be the instance's full URL, such as "
            "https://dev12345.service-now.com, or just its name, such as dev12345"
        )
    return url


def _has_host(url: str) -> bool:
    try:
        return bool(urlsplit(url).hostname) and urlsplit(url).port != 0
    except ValueError:  # not a port, or half an IPv6 address
        return False


def is_open(url: str) -> bool:
    """Tell whether whoever is between here and an address can read what goes there."""
    host = urlsplit(url).hostname or ""
    return url.lower().startswith("http:") and not _is_loopback(host)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _certificates(bundle: Path) -> Path:
    try:
        ssl.create_default_context(cafile=bundle)
    except OSError:  # ssl.SSLError is one
        raise SettingError(
            f"The setting ca_bundle names {bundle}, which is not a PEM file of certificates"
        ) from None
    return bundle
