"""The command line: `sandbox up`."""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
import signal
import sqlite3
import sys
import time
import typing as t
from pathlib import Path

import click
import yaml

from sage300_servicenow_sandbox.declared import DeclarationError
from sage300_servicenow_sandbox.errors import SandboxError
from sage300_servicenow_sandbox.faults import NO_FAULTS, Plan, read_plan
from sage300_servicenow_sandbox.options import SandboxOptions
from sage300_servicenow_sandbox.sage.app import PASSWORD, USER
from sage300_servicenow_sandbox.sage.company.accounts import most_accounts
from sage300_servicenow_sandbox.sandbox import Sandbox
from sage300_servicenow_sandbox.servicenow.oauth import CLIENT_ID, CLIENT_SECRET

if t.TYPE_CHECKING:
    from types import FrameType

_COMPANY = re.compile(r"[A-Z0-9]{1,6}")
_DEFAULTS = SandboxOptions()
_COUNTED = {"APVendors": "vendors", "APInvoiceBatches": "batches", "GLAccounts": "accounts"}


@click.group()
def main() -> None:
    """Sage 300 and ServiceNow on localhost, as strict as the real ones."""


def _loopback(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    try:
        is_loopback = value == "localhost" or ipaddress.ip_address(value).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise click.BadParameter(
            f"{value!r} is not a loopback address: the sandbox's passwords are public, so it "
            "serves on 127.0.0.1 only"
        )
    return value


def _companies(
    _context: click.Context, _parameter: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    for company in value:
        if not _COMPANY.fullmatch(company):
            raise click.BadParameter(
                f"{company!r} is not a company ID: write up to 6 capital letters and digits"
            )
    return tuple(dict.fromkeys(value))


def _plan(_context: click.Context, _parameter: click.Parameter, value: Path | None) -> Plan:
    if value is None:
        return NO_FAULTS
    try:
        return read_plan(yaml.safe_load(value.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, DeclarationError) as error:
        reason = " ".join(str(error).split())
        raise click.BadParameter(f"{value} cannot be used as a fault plan: {reason}") from None


def _utc(
    _context: click.Context, _parameter: click.Parameter, value: dt.datetime | None
) -> dt.datetime | None:
    return value and value.replace(tzinfo=dt.UTC)


_PORT = click.IntRange(0, 65535)
_COUNT = click.IntRange(0)


@main.command(context_settings={"show_default": True})
@click.option("--host", default=_DEFAULTS.host, callback=_loopback, help="Loopback address.")
@click.option("--sage-port", type=_PORT, default=_DEFAULTS.sage_port, help="Port of Sage 300.")
@click.option(
    "--servicenow-port", type=_PORT, default=_DEFAULTS.servicenow_port, help="Port of ServiceNow."
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory that keeps the data between runs.  [default: a temporary one]",
)
@click.option(
    "--company",
    "companies",
    multiple=True,
    default=_DEFAULTS.companies,
    callback=_companies,
    help="Company database; can be given several times.",
)
@click.option(
    "--vendors",
    type=click.IntRange(1),
    default=_DEFAULTS.vendors,
    help="Vendors of a new company.",
)
@click.option(
    "--accounts",
    type=click.IntRange(1, most_accounts()),
    default=_DEFAULTS.accounts,
    help="GL accounts of a new company.",
)
@click.option(
    "--batches",
    type=_COUNT,
    default=_DEFAULTS.batches,
    help="AP invoice batches of a new company.",
)
@click.option(
    "--invoices-per-batch",
    type=_COUNT,
    default=_DEFAULTS.invoices_per_batch,
    help="Invoices in each of its batches.  [0: one to six]",
)
@click.option(
    "--lines-per-invoice",
    type=_COUNT,
    default=_DEFAULTS.lines_per_invoice,
    help="Lines of each of its invoices.  [0: one to four]",
)
@click.option(
    "--random-seed",
    type=int,
    default=_DEFAULTS.random_seed,
    help="Seed of the data and of ServiceNow's identifiers: the same seed on the same day makes "
    "the same company.",
)
@click.option(
    "--start",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"]),
    callback=_utc,
    help="Day or instant, in UTC, at which the clock of both systems starts.  [default: now]",
)
@click.option(
    "--latency-ms", type=_COUNT, default=_DEFAULTS.latency_ms, help="Delay of every answer."
)
@click.option(
    "--faults",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=_plan,
    help="YAML file with a fault plan for both systems.  [default: none]",
)
@click.option(
    "--log-size",
    type=_COUNT,
    default=_DEFAULTS.log_size,
    help="Requests that GET /_sandbox/log remembers.",
)
@click.option("--tls", is_flag=True, help="Serve https, with a certificate issued at the start.")
def up(**options: t.Any) -> None:
    """Serve both systems until Ctrl-C or SIGTERM.

    Example: sandbox up --company SAMINC --company SAMLTD --data sandbox-data
    """
    signal.signal(signal.SIGTERM, _exit)
    signal.signal(signal.SIGINT, _exit)
    try:
        with Sandbox(SandboxOptions(**options)) as sandbox:
            click.echo(_ready_line(sandbox))
            sys.stdout.flush()
            while True:
                time.sleep(1)
    except SandboxError as error:
        raise click.ClickException(str(error)) from None
    except (OSError, sqlite3.Error) as error:
        raise click.ClickException(
            f"The data in {options['data']} cannot be used: {error}"
        ) from None


def _exit(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def _ready_line(sandbox: Sandbox) -> str:
    companies = "; ".join(_company(sandbox, company) for company in sandbox.sage.companies)
    trust = f" Trusted certificate: {sandbox.certificate}." if sandbox.certificate else ""
    return (
        f"Ready. Sage 300 at {sandbox.sage_url} (user {USER}, password {PASSWORD}), "
        f"ServiceNow at {sandbox.servicenow_url} (OAuth client {CLIENT_ID}, secret "
        f"{CLIENT_SECRET}).{trust} {companies}. Stop with Ctrl-C."
    )


def _company(sandbox: Sandbox, company: str) -> str:
    counts = sandbox.sage.counts(company)
    sizes = ", ".join(f"{counts.pop(name)} {noun}" for name, noun in _COUNTED.items())
    continued = " (continued)" if company in sandbox.sage.continued else ""
    return f"{company}{continued}: {sizes} and {len(counts)} other resources"
