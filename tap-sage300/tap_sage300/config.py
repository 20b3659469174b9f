"""The settings as a user gave them: read, checked and frozen, what is wrong in one sentence."""

from __future__ import annotations

import codecs
import datetime as dt
import json
import re
import ssl
import typing as t
from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import urlsplit

from singer_sdk.plugin_base import JSONSchemaValidator

from tap_sage300.api.connection import Connection
from tap_sage300.errors import TapError
from tap_sage300.settings import EXAMPLE_ADDRESS, SCHEMA, SUFFIX

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jsonschema import ValidationError

VARIABLE_PREFIX = "TAP_SAGE300_"
WORDS = {
    **dict.fromkeys(("true", "t", "yes", "y", "1", "on", "enabled"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0", "off", "disabled"), False),
}
"""What an environment variable may hold for a setting that is true or false."""
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins like the one of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks; Windows writes the one of UTF-16 when output is redirected to a file."""
KINDS = {
    "integer": "a whole number",
    "boolean": "true or false",
    "string": "text",
    "array": "a list of texts",
    "object": "an object",
}


class SettingError(TapError):
    """A setting is missing or wrong; the sentence names it, and never shows its value."""


@dataclass(frozen=True)
class Config:
    """The settings, checked; each means what its description in ``settings.py`` says."""

    api_url: str
    companies: tuple[str, ...]
    username: str
    password: str
    credential_case: str
    start_date: dt.date | None
    lookback_days: int
    full_sweep_days: int | None
    undated_sweep_days: int
    emit_activate_version_messages: bool
    page_size: int
    document_page_size: int
    paging: str
    date_literal: str
    max_calls_per_run: int
    on_call_budget: str
    call_budget_pause_seconds: int
    pool_rest_seconds: int
    min_call_interval_ms: int
    connect_timeout_seconds: int
    read_timeout_seconds: int
    max_retries: int
    verify_ssl: bool
    ca_bundle: str | None

    def connection(self, password: str) -> Connection:
        """Return how to reach Sage 300, with the password from wherever it was found."""
        shared = {field.name for field in fields(Connection)} & {f.name for f in fields(self)}
        values = {name: getattr(self, name) for name in shared} | {"password": password}
        return Connection(**values, verify=self.ca_bundle or self.verify_ssl)


def read(raw: Mapping[str, t.Any]) -> Config:
    """Check the settings and freeze them.

    Raises:
        SettingError: The first thing wrong, in one sentence.
    """
    given = {name: value for name, value in raw.items() if value is not None}
    if isinstance(companies := given.get("companies"), str | list):
        given["companies"] = company_names(companies)
    for error in JSONSchemaValidator(SCHEMA).iter_errors(given):  # fills in the defaults, too
        raise SettingError(_sentence(error))
    for sentence in _wrong(given):
        raise SettingError(sentence)
    start = given.get("start_date")
    values: dict[str, t.Any] = {field.name: given.get(field.name) for field in fields(Config)}
    values |= {
        "api_url": given["api_url"].rstrip("/"),
        "companies": tuple(given["companies"]),
        "password": given.get("password", ""),
        "start_date": start and dt.datetime.fromisoformat(start).date(),
        "ca_bundle": given.get("ca_bundle") or None,
    }
    return Config(**values)


def company_names(given: str | list[t.Any]) -> t.Any:
    """Return the names of companies without blanks around them, whatever they were passed through.

    Args:
        given: A list, or a text: a list in JSON, or names separated by commas.
    """
    if isinstance(given, str):
        try:
            given = json.loads(given) if given.lstrip().startswith("[") else given.split(",")
        except ValueError:
            return given
    return [name.strip() if isinstance(name, str) else name for name in given]


def decoded(content: bytes) -> str:
    """Return the text of a file in UTF-8, or in UTF-16 or UTF-32 with a byte order mark.

    Raises:
        UnicodeError: It is in another encoding; the text names the likeliest one.
    """
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return content.decode(encoding)
    if b"\0" in content:  # which no JSON holds
        raise UnicodeError("UTF-16 without a byte order mark")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise UnicodeError("a Windows code page such as Windows-1252") from None


def read_files(paths: Sequence[str]) -> dict[str, t.Any]:
    """Return the settings of JSON files; a later file overrides an earlier one.

    Raises:
        SettingError: A file cannot be read, or does not hold settings.
    """
    given: dict[str, t.Any] = {}
    for path in paths:
        try:
            content = json.loads(decoded(Path(path).read_bytes()))
        except OSError:
            raise SettingError(
                f"Configuration file {path} cannot be read: name a JSON file with the settings"
            ) from None
        except UnicodeError as error:
            raise SettingError(
                f"Configuration file {path} is not in UTF-8 but seems to be in {error}: save it "
                "as UTF-8"
            ) from None
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            raise SettingError(
                f"Configuration file {path} is not a JSON object: write the settings into it as "
                '{"api_url": "...", ...}'
            )
        given |= content
    return given


def check_environment(environment: Mapping[str, str]) -> None:
    """Check that the environment variables can be read as their settings.

    Raises:
        SettingError: The first one that cannot.
    """
    for name, schema in SCHEMA["properties"].items():
        text = environment.get(_variable(name))
        if name == "companies" and text is not None:
            text = json.dumps(company_names(text))
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
        value = json.loads(text)
    except ValueError:
        return False
    return isinstance(value, list if kind == "array" else dict)


def _sentence(error: ValidationError) -> str:
    """Word a schema violation; jsonschema's own text would show the value, secret or not."""
    if error.validator == "required":
        missing = next(name for name in error.validator_value if name not in error.instance)
        return (
            f"The setting {missing} is missing: give it in the configuration file or as the "
            f"environment variable {_variable(missing)}"
        )
    name = str(error.path[0])
    if error.validator == "enum":
        return f"The setting {name} must be one of {', '.join(map(str, error.validator_value))}"
    if error.validator == "minimum":
        return f"The setting {name} must be {error.validator_value} or more"
    return f"The setting {name} must be {KINDS[_kind(SCHEMA['properties'][name])]}"


def _kind(schema: Mapping[str, t.Any]) -> str:
    kind = schema["type"]
    return str(kind if isinstance(kind, str) else kind[0])


def _variable(name: str) -> str:
    return f"{VARIABLE_PREFIX}{name.upper()}"


def _wrong(given: Mapping[str, t.Any]) -> Iterator[str]:
    """Say what a schema cannot see."""
    if not _is_web_api(given["api_url"]):
        yield (
            "The setting api_url must be the http or https address of the Web API up to and "
            f"including {SUFFIX}, such as {EXAMPLE_ADDRESS}, without user name or query"
        )
    companies = given["companies"]
    if not companies or not all(name.strip() for name in companies):
        yield "The setting companies must name at least one company database ID, such as SAMINC"
    elif len({name.casefold() for name in companies}) < len(companies):
        yield "The setting companies names a company twice: name each once"
    if not given["username"].strip():
        yield "The setting username is empty: name the Sage 300 user that reads"
    if not _is_day(given.get("start_date", "2000-01-01")):
        yield "The setting start_date must be a date written YYYY-MM-DD"
    bundle = given.get("ca_bundle")
    if bundle and not _holds_certificates(Path(bundle)):
        yield f"The setting ca_bundle names {bundle}, which is not a PEM file of certificates"


def _is_web_api(address: str) -> bool:
    try:
        url = urlsplit(address)
    except ValueError:
        return False
    plain = not (url.query or url.fragment or "@" in url.netloc)
    ends = url.path.rstrip("/").lower().endswith(SUFFIX.lower())
    return plain and ends and url.scheme in {"http", "https"} and bool(url.hostname)


def _holds_certificates(path: Path) -> bool:
    try:
        ssl.create_default_context(cafile=path)
    except OSError:  # ssl.SSLError is one
        return False
    return True


def _is_day(text: str) -> bool:
    try:
        dt.datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
