"""The settings of tap-sage300: described once, checked once, handed on frozen."""

from __future__ import annotations

import datetime as dt
import typing as t
from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import urlsplit

from singer_sdk import typing as th
from singer_sdk.plugin_base import JSONSchemaValidator

from tap_sage300.errors import TapError

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jsonschema import ValidationError

SUFFIX = "/Sage300WebApi"
NAMELESS_SERVER = "http://sage.example.com/Sage300WebApi"


def _whole(name: str, default: int | None, least: int, title: str, text: str) -> th.Property[int]:
    return th.Property(
        name, th.IntegerType(minimum=least), default=default, title=title, description=text
    )


def _choice(name: str, default: str, choices: list[str], title: str, text: str) -> th.Property[str]:
    return th.Property(
        name,
        th.StringType(allowed_values=choices),
        default=default,
        title=title,
        description=text,
    )


CONFIG = th.PropertiesList(
    th.Property(
        "api_url",
        th.StringType,
        required=True,
        title="Web API address",
        description=f"Address of the Sage 300 Web API, up to and including {SUFFIX}.",
        examples=[NAMELESS_SERVER],
    ),
    th.Property(
        "companies",
        th.ArrayType(th.StringType),
        required=True,
        title="Companies",
        description="Company database IDs to read, such as SAMINC.",
        examples=[["SAMINC", "SAMLTD"]],
    ),
    th.Property(
        "username",
        th.StringType,
        required=True,
        title="User",
        description="Sage 300 user with the right 'Sage 300 Web API' in every module read; "
        "not ADMIN.",
    ),
    th.Property(
        "password",
        th.StringType,
        secret=True,
        title="Password",
        description="Password of the user. Where it is absent, the operating system's credential "
        "store is asked (extra 'keyring'; service = api_url, user name = username).",
    ),
    _choice(
        "credential_case",
        "upper",
        ["upper", "upper_user", "as_given"],
        "Credential case",
        "Send user and password in upper case, only the user, or both as given (for Sage 300 "
        "versions with mixed-case passwords).",
    ),
    th.Property(
        "start_date",
        th.DateTimeType,
        title="Start date",
        description="Leave out what was last changed before this day, as YYYY-MM-DD. GLAccounts "
        "are read whole all the same, their only date being the day of creation.",
    ),
    _whole(
        "lookback_days",
        2,
        0,
        "Look-back",
        "Days before the bookmark to read again, for users who sign on with an earlier date.",
    ),
    _whole(
        "full_sweep_days",
        None,
        0,
        "Days between sweeps",
        "Read every stream whole again when its last whole read is this many days old; 0 means "
        "every run. Absent: never.",
    ),
    _whole(
        "gl_sweep_days",
        0,
        0,
        "Days between sweeps of GLAccounts",
        "The same for GLAccounts, where Sage 300 dates no edits: between sweeps only new accounts "
        "are found. 0 means every run.",
    ),
    _whole(
        "page_size",
        100,
        1,
        "Page size",
        "Rows to ask for at once. Sage 300 gives at most 100 unless its own PageSize is raised.",
    ),
    _whole(
        "batch_page_size",
        20,
        1,
        "Page size of batches",
        "Invoice batches to ask for at once; each brings all its invoices and lines.",
    ),
    _choice(
        "paging",
        "auto",
        ["auto", "keyset", "skip"],
        "Paging",
        "By key (rows cannot move under it), by $skip, or by key until a server proves not to "
        "keep key order.",
    ),
    _choice(
        "date_literal",
        "auto",
        ["auto", "plain", "quoted", "v3"],
        "Date literal",
        "How dates stand in a filter: 2026-01-31T00:00:00Z, the same in quotes, or "
        "datetime'2026-01-31T00:00:00'. auto tries them in this order.",
    ),
    _whole(
        "max_calls_per_run",
        1400,
        1,
        "Call budget",
        "HTTP calls per run, retries included.",
    ),
    _choice(
        "on_call_budget",
        "stop",
        ["stop", "wait"],
        "When the budget is used up",
        "End the run well, the next one going on at the exact row, or pause and go on.",
    ),
    _whole(
        "call_budget_pause_seconds",
        300,
        0,
        "Pause",
        "Seconds to pause when on_call_budget is wait.",
    ),
    _whole(
        "min_call_interval_ms",
        50,
        0,
        "Distance between calls",
        "Least time from the start of one call to the start of the next, in milliseconds.",
    ),
    _whole(
        "connect_timeout_seconds",
        10,
        1,
        "Connect time-out",
        "Seconds to wait for a connection.",
    ),
    _whole(
        "read_timeout_seconds",
        300,
        1,
        "Read time-out",
        "Seconds to wait for an answer; after that the page is halved and asked for again.",
    ),
    _whole(
        "max_retries",
        5,
        0,
        "Retries",
        "Tries after the first one, for faults that can pass.",
    ),
    th.Property(
        "verify_ssl",
        th.BooleanType,
        default=True,
        title="Verify TLS",
        description="Check the server's certificate.",
    ),
    th.Property(
        "ca_bundle",
        th.StringType,
        title="CA bundle",
        description="PEM file of the authority that signed the server's certificate.",
    ),
).to_dict()
"""JSON Schema of the settings."""


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
    url = urlsplit(config["api_url"])
    whole = url.scheme in {"http", "https"} and url.hostname and "@" not in url.netloc
    ends = url.path.rstrip("/").lower().endswith(SUFFIX.lower())
    if not whole or not ends or url.query or url.fragment:
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
    if bundle and not Path(bundle).is_file():
        yield f"The setting ca_bundle names {bundle}, and there is no such file."


def _is_day(text: str) -> bool:
    try:
        dt.date.fromisoformat(text[:10])
    except ValueError:
        return False
    return True
