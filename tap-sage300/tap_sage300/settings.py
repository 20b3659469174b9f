"""The settings of tap-sage300, each described once; the README's table is made from this."""

from __future__ import annotations

import typing as t

from singer_sdk import typing as th

SUFFIX = "/Sage300WebApi"
EXAMPLE_ADDRESS = "https://sage.example.com/Sage300WebApi"


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


SCHEMA: t.Final[dict[str, t.Any]] = th.PropertiesList(
    th.Property(
        "api_url",
        th.StringType,
        required=True,
        title="Web API address",
        description=f"Address of the Sage 300 Web API, up to and including {SUFFIX}.",
        examples=[EXAMPLE_ADDRESS],
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
        title="User name",
        description="Sage 300 user with the right 'Sage 300 Web API' in every module read; "
        "not ADMIN.",
    ),
    th.Property(
        "password",
        th.StringType,
        secret=True,
        title="Password",
        description="Password of the user. Left empty, it is looked up in the operating system's "
        "credential store (service: api_url, user: username), if the keyring extra is installed.",
    ),
    _choice(
        "credential_case",
        "upper",
        ["upper", "upper_user", "as_given"],
        "Credential case",
        "Send user name and password in upper case, only the user name, or both as given. upper "
        "is right before Sage 300 2022.2 and for simple passwords; complex passwords are "
        "case-sensitive since then and need upper_user or as_given.",
    ),
    th.Property(
        "start_date",
        th.DateTimeType,
        title="Start date",
        description="Skip what was last changed before this day, written YYYY-MM-DD. GLAccounts "
        "are read whole all the same, since their only date is the day of creation.",
    ),
    _whole(
        "lookback_days",
        2,
        0,
        "Lookback",
        "Days before the bookmark to read again, for users who sign on with an earlier date.",
    ),
    _whole(
        "full_sweep_days",
        None,
        0,
        "Days between sweeps",
        "Read every stream whole again when its last whole read is this many days old; 0 means "
        "every run. Left empty: never.",
    ),
    _whole(
        "undated_sweep_days",
        0,
        0,
        "Days between sweeps where edits have no date",
        "The same for the streams whose edits Sage 300 does not date (read whole, in the table of "
        "streams): between sweeps only new accounts are found, and nothing of the others. 0 means "
        "every run.",
    ),
    th.Property(
        "emit_activate_version_messages",
        th.BooleanType,
        default=True,
        title="Emit ACTIVATE_VERSION",
        description="When a stream of master data was read whole in every company, send "
        "ACTIVATE_VERSION: what did not come is no longer in Sage 300. target-servicenow sets it "
        "inactive; set this to false for a target that would delete it.",
    ),
    _whole(
        "page_size",
        100,
        1,
        "Page size",
        "Rows to request at once. Sage 300 sends at most 100 unless its own PageSize is raised.",
    ),
    _whole(
        "document_page_size",
        20,
        1,
        "Page size of documents",
        "Batches and purchase orders to request at once; each contains all its documents and "
        "lines.",
    ),
    _choice(
        "paging",
        "auto",
        ["auto", "keyset", "skip"],
        "Paging",
        "By key (rows cannot move between pages), by $skip, or by key unless the server turns out "
        "not to keep key order.",
    ),
    _choice(
        "date_literal",
        "auto",
        ["auto", "plain", "quoted", "v3", "date"],
        "Date literal",
        "How dates are written in a filter: 2026-01-31T00:00:00Z, the same in quotes, "
        "datetime'2026-01-31T00:00:00', or 2026-01-31. auto tries them in this order and "
        "remembers in state which one was accepted.",
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
        "When the call budget is spent",
        "End the run cleanly, so that the next one resumes at the exact row, or pause and go on.",
    ),
    _whole(
        "call_budget_pause_seconds",
        300,
        0,
        "Pause when the call budget is spent",
        "Seconds to pause when on_call_budget is wait.",
    ),
    _whole(
        "pool_rest_seconds",
        300,
        0,
        "Rest for the application pool",
        "Seconds to wait before trying again when the IIS application pool of Sage 300 stays "
        "exhausted (HTTP 503); the first retry comes soon.",
    ),
    _whole(
        "min_call_interval_ms",
        50,
        0,
        "Minimum interval between calls",
        "Least time from the start of one call to the start of the next, in milliseconds.",
    ),
    _whole(
        "connect_timeout_seconds",
        10,
        1,
        "Connect timeout",
        "Seconds to wait for a connection.",
    ),
    _whole(
        "read_timeout_seconds",
        300,
        1,
        "Read timeout",
        "Seconds to wait for an answer, or for the next part of it; after that, half as many rows "
        "are requested. So they are when an answer comes at less than 1,000 bytes a second, or "
        "takes ten times as long in all.",
    ),
    _whole(
        "max_retries",
        5,
        0,
        "Retries",
        "Further tries of a call that failed in a way that can pass.",
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
