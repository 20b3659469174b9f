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
from tap_sage300.api.errors import (
    CallBudgetError,
    CompanyError,
    NoAccessError,
    RightsError,
    SageError,
)

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

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
        level: ``warning`` for what only a deselected stream needs, or what cannot be checked;
            ``error`` for what a run with the default streams would fail over.
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
    found: dict[Entity, list[int | None]] = {entity: [] for entity in wanted}
    try:
        for company in run.config.companies:
            failed: list[tuple[Entity, SageError]] = []
            try:
                yield from _readable(run, company, tried, found, failed)
            finally:
                for entity, failure in _causes(failed, len(tried)):
                    level = Level.ERROR if entity in wanted else Level.WARNING
                    yield Finding(level, str(failure))
    except NoAccessError as error:
        yield Finding(Level.ERROR, str(error))
    except CallBudgetError:
        yield Finding(Level.WARNING, "The calls of one run (max_calls_per_run) end here")
    else:
        yield from _estimate(run, found)


def _readable(
    run: Run,
    company: str,
    tried: Sequence[Entity],
    found: Mapping[Entity, list[int | None]],
    failed: list[tuple[Entity, SageError]],
) -> Iterator[Finding]:
    """Say what can be read of a company; the numbers of rows and the failures are added."""
    for entity in tried:
        if any(_is_shared(error, other.module == entity.module) for other, error in failed):
            continue
        is_first = not run.session.served
        try:
            count = _count_rows(run, company, entity)
        except NoAccessError:
            raise
        except SageError as failure:
            failed.append((entity, failure))
            continue
        if is_first:
            yield from _signed_on(run)
        if entity in found:
            found[entity].append(count)
            yield _counted(run, company, entity, count)
        else:
            yield Finding(Level.OK, f"{company}: module {entity.module} can be read, too")


def _is_shared(error: SageError, of_this_module: bool) -> bool:  # noqa: FBT001
    """Return whether another entity of the company fails for the same reason."""
    return isinstance(error, CompanyError) or (isinstance(error, RightsError) and of_this_module)


def _causes(
    failed: Sequence[tuple[Entity, SageError]], tried: int
) -> Iterable[tuple[Entity, SageError]]:
    """Return one failure for each cause, where nothing of a company can be read; otherwise all."""
    if len(failed) < tried:
        return failed
    causes: dict[str, tuple[Entity, SageError]] = {}
    for entity, error in failed:
        causes.setdefault(error.cause, (entity, error))
    return causes.values()


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
    yield Finding(Level.OK, f"Signed on as {run.session.user}")


def _count_rows(run: Run, company: str, entity: Entity) -> int | None:
    """Count the records of an entity, which also proves that they can be read.

    Returns:
        How many there are, None where the server does not say.
    """
    resource = odata.Resource(company, entity.module, entity.name)
    return run.session.page(resource, odata.query_string(1, count=True)).count


def _counted(run: Run, company: str, entity: Entity, count: int | None) -> Finding:
    if count is None:
        return Finding(
            Level.WARNING,
            f"{company}: {entity.name} can be read, but the server does not say how many rows it "
            "has (@odata.count): a read cannot be checked against it, nor its calls estimated",
        )
    return Finding(
        Level.OK,
        f"{company}: {entity.name} has {_count(count, 'row')}, about "
        f"{_count(_pages(run, entity, count), 'call')}",
    )


def _pages(run: Run, entity: Entity, count: int) -> int:
    return count // run.page_size(entity) + 1


def _estimate(run: Run, found: Mapping[Entity, Sequence[int | None]]) -> Iterator[Finding]:
    """Estimate a first load, unless something that it needs failed or was not counted."""
    counts = [(entity, count) for entity, all_ in found.items() for count in all_]
    known = [(entity, count) for entity, count in counts if count is not None]
    if len(known) < len(found) * len(run.config.companies):
        return
    rows = sum(count for _, count in known)
    calls = sum(_pages(run, entity, count) for entity, count in known)
    budget = run.config.max_calls_per_run
    runs = -(-calls // budget)
    yield Finding(
        Level.OK,
        f"A first load is {_count(rows, 'row')} in about {_count(calls, 'call')}: "
        f"{_count(runs, 'run')} of at most {_count(budget, 'call')} (max_calls_per_run)",
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"
