"""``--test``: what a run would need, checked and reported line by line."""

from __future__ import annotations

import enum
import socket
import typing as t
from dataclasses import dataclass
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies, select_proxy
from typing_extensions import override

from tap_sage300.api import odata
from tap_sage300.api.errors import CallBudgetError, NoAccessError
from tap_sage300.errors import TapError

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_sage300.reading.entity import Entity
    from tap_sage300.run import Run


class Level(enum.StrEnum):
    """How serious a finding is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Finding:
    """One line of the checklist.

    Attributes:
        level: ``warning`` for what only a deselected stream needs; ``error`` for what a run with
            the default streams would fail over.
        sentence: What was found, and what to do about it.
    """

    level: Level
    sentence: str

    @override
    def __str__(self) -> str:
        """Write the line."""
        return f"{self.level:<9}{self.sentence}"


def summary(findings: Sequence[Finding]) -> str:
    """Count the findings of each level."""
    ok, warnings, errors = (sum(f.level is level for f in findings) for level in Level)
    return (
        f"{_count(len(findings), 'check')}: {ok} ok, {_count(warnings, 'warning')}, "
        f"{_count(errors, 'error')}"
    )


def findings(wanted: Sequence[Entity], others: Sequence[Entity], run: Run) -> Iterator[Finding]:
    """Check name, connection, sign-on, companies and modules, and estimate a first load.

    Args:
        wanted: Entities that are selected by default; each is counted in each company.
        others: The rest; of each module that only they belong to, one is tried.
        run: What to check, with a session of its own.
    """
    host = _host(run)
    yield host
    if host.level is Level.ERROR:
        return
    modules = {entity.module: entity for entity in reversed(others)}
    known = {entity.module for entity in wanted}
    tried = [*wanted, *(entity for module, entity in modules.items() if module not in known)]
    rows = calls = 0
    is_signed_on = False
    for company in run.config.companies:
        for entity in tried:
            try:
                outcome: int | TapError = _rows(run, company, entity)
            except NoAccessError as error:
                yield Finding(Level.ERROR, str(error))
                return
            except CallBudgetError:
                yield Finding(Level.WARNING, "The calls of one run (max_calls_per_run) end here")
                return
            except TapError as error:
                outcome = error
            if not is_signed_on:
                yield from _signed_on(run)
                is_signed_on = True
            if isinstance(outcome, TapError):
                level = Level.ERROR if entity in wanted else Level.WARNING
                yield Finding(level, str(outcome))
            elif entity in wanted:
                pages = outcome // run.page_size(entity) + 1
                rows, calls = rows + outcome, calls + pages
                yield Finding(
                    Level.OK,
                    f"{company}: {entity.name} has {_count(outcome, 'row')}, about "
                    f"{_count(pages, 'call')}",
                )
            else:
                yield Finding(Level.OK, f"{company}: module {entity.module} can be read, too")
    yield _estimate(run, rows, calls)


def _host(run: Run) -> Finding:
    address = run.config.api_url
    url = urlsplit(address)
    host = url.hostname or ""
    if proxy := select_proxy(address, get_environ_proxies(address)):
        name = urlsplit(proxy if "://" in proxy else f"//{proxy}").hostname  # never its password
        return Finding(Level.OK, f"The proxy {name} of the environment is used to reach {host}")
    try:
        found = socket.getaddrinfo(host, url.port, type=socket.SOCK_STREAM)
    except OSError:
        return Finding(
            Level.ERROR,
            f"The name {host} is not known: check the setting api_url and this machine's DNS",
        )
    return Finding(Level.OK, f"The address of {host} is {found[0][4][0]}")


def _signed_on(run: Run) -> Iterator[Finding]:
    address = run.config.api_url
    if address.startswith("http:"):
        trust = "without TLS"
    else:
        trust = "certificate trusted" if run.config.verify_ssl else "certificate not checked"
    yield Finding(Level.OK, f"Connected to {address}, {trust}")
    yield Finding(Level.OK, f"Signed on as {run.config.username}")


def _rows(run: Run, company: str, entity: Entity) -> int:
    """Count the records of an entity, which also proves that they can be read."""
    resource = odata.Resource(company, entity.module, entity.name)
    page = run.session.page(resource, odata.query_string(1, count=True))
    return len(page.records) if page.count is None else page.count


def _estimate(run: Run, rows: int, calls: int) -> Finding:
    budget = run.config.max_calls_per_run
    runs = -(-calls // budget)
    return Finding(
        Level.OK,
        f"A first load is {_count(rows, 'row')} in about {_count(calls, 'call')}: "
        f"{_count(runs, 'run')} of at most {_count(budget, 'call')} (max_calls_per_run)",
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"
