"""The settings of tap-sage300, checked once and handed on frozen."""

from __future__ import annotations

import datetime as dt
import ssl
import typing as t
from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import urlsplit

from singer_sdk.plugin_base import JSONSchemaValidator

from tap_sage300.config import CONFIG, NAMELESS_SERVER, SUFFIX
from tap_sage300.errors import TapError

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jsonschema import ValidationError


@dataclass(frozen=True)
class Settings:
    """The settings, checked; each means what its description in ``CONFIG`` says."""

    api_url: str
    companies: tuple[str, ...]
    username: str
    password: str
    credential_case: str
    start_date: dt.date | None
    lookback_days: int
    full_sweep_days: int | None
    gl_sweep_days: int
    page_size: int
    batch_page_size: int
    paging: str
    date_literal: str
    max_calls_per_run: int
    on_call_budget: str
    call_budget_pause_seconds: int
    min_call_interval_ms: int
    connect_timeout_seconds: int
    read_timeout_seconds: int
    max_retries: int
    verify_ssl: bool
    ca_bundle: str | None


def read(config: Mapping[str, t.Any]) -> Settings:
    """Check a configuration and freeze it.

    Raises:
        TapError: The first thing wrong, in one sentence naming the setting and never its value.
    """
    given = {name: value for name, value in config.items() if value is not None}
    for fault in JSONSchemaValidator(CONFIG).iter_errors(given):
        raise TapError(_sentence(fault))
    for sentence in _wrong(given):
        raise TapError(sentence)
    start = given.get("start_date")
    values: dict[str, t.Any] = {one.name: given.get(one.name) for one in fields(Settings)}
    values |= {
        "api_url": given["api_url"].rstrip("/"),
        "companies": tuple(given["companies"]),
        "password": given.get("password", ""),
        "start_date": start and dt.date.fromisoformat(start[:10]),
        "ca_bundle": given.get("ca_bundle") or None,
    }
    return Settings(**values)


def _sentence(fault: ValidationError) -> str:
    """Word a schema violation; jsonschema's own text would show the value, secret or not."""
    name = str(fault.path[0]) if fault.path else ""
    if fault.validator == "required":
        missing = next(one for one in fault.validator_value if one not in fault.instance)
        what = CONFIG["properties"][missing]["description"]
        return f"The setting {missing} is missing: {what}"
    if fault.validator == "enum":
        return f"The setting {name} must be one of {', '.join(map(str, fault.validator_value))}."
    if fault.validator == "minimum":
        return f"The setting {name} must be {fault.validator_value} or more."
    wanted = CONFIG["properties"][name]["type"] if name in CONFIG["properties"] else fault.validator
    kind = wanted if isinstance(wanted, str) else wanted[0]
    kind = "list of strings" if kind == "array" else kind
    return f"The setting {name} must be of type {kind}."


def _wrong(config: Mapping[str, t.Any]) -> Iterator[str]:
    """Say what a schema cannot see."""
    if not _is_web_api(config["api_url"]):
        yield (
            "The setting api_url must be the http or https address of the Web API up to and "
            f"including {SUFFIX}, such as {NAMELESS_SERVER}, with no user name and no query."
        )
    companies = config["companies"]
    if not companies or not all(name.strip() for name in companies):
        yield "The setting companies must name at least one company database ID, such as SAMINC."
    elif len(set(companies)) < len(companies):
        yield "The setting companies names a company twice."
    if not config["username"].strip():
        yield "The setting username is empty: name the Sage 300 user that reads."
    if not _is_day(config.get("start_date", "2000-01-01")):
        yield "The setting start_date must be a date written YYYY-MM-DD."
    bundle = config.get("ca_bundle")
    if bundle and not _holds_certificates(Path(bundle)):
        yield f"The setting ca_bundle names {bundle}, which is no PEM file of certificates."


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
        dt.date.fromisoformat(text[:10])
    except ValueError:
        return False
    return True
