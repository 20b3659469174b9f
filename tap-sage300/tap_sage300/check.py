"""``--test``: what a run would need, checked and told line by line."""

from __future__ import annotations

import socket
import typing as t
from dataclasses import dataclass
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies, select_proxy

from tap_sage300 import odata
from tap_sage300.errors import CallBudgetError, NoAccessError, TapError

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_sage300.entity import Entity
    from tap_sage300.source import Source

OK = "ok"
NOTE = "note"
MEND = "mend"


@dataclass(frozen=True)
class Finding:
    """One line of the checklist.

    Attributes:
        mark: ``ok``; ``note`` for what only a deselected stream would need; ``mend``.
    """

    mark: str
    text: str

    def __str__(self) -> str:
        """Write the line."""
        return f"{self.mark:6}{self.text}"


def findings(
    wanted: Sequence[Entity], others: Sequence[Entity], source: Source
) -> Iterator[Finding]:
    """Check name, connection, sign-on, companies and modules, and estimate a first load.

    Args:
        wanted: Entities that are selected by default; each is counted in each company.
        others: The rest; in each module that only they are in, one is tried.
        source: What to check, with a session of its own.
    """
    name = _name(source)
    yield name
    if name.mark == MEND:
        return
    modules = {one.module: one for one in reversed(others)}
    tried = [*wanted, *(e for m, e in modules.items() if m not in {one.module for one in wanted})]
    rows = calls = 0
    signed_on = False
    for company in source.settings.companies:
        for entity in tried:
            try:
                outcome: int | TapError = _count(source, company, entity)
            except NoAccessError as fault:
                yield Finding(MEND, str(fault))
                return
            except CallBudgetError:
                yield Finding(NOTE, "the calls of one run (max_calls_per_run) end here")
                return
            except TapError as fault:
                outcome = fault
            if not signed_on:
                yield from _signed_on(source)
                signed_on = True
            if isinstance(outcome, TapError):
                yield Finding(MEND if entity in wanted else NOTE, str(outcome))
            elif entity in wanted:
                pages = _pages(source, entity, outcome)
                rows, calls = rows + outcome, calls + pages
                yield Finding(
                    OK,
                    f"{company}: {entity.name}, {_several(outcome, 'row')}, about "
                    f"{_several(pages, 'call')}",
                )
            else:
                yield Finding(OK, f"{company}: module {entity.module} may be read too")
    yield _estimate(source, rows, calls)


def _name(source: Source) -> Finding:
    address = source.settings.api_url
    url = urlsplit(address)
    host = url.hostname or ""
    if proxy := select_proxy(address, get_environ_proxies(address)):
        asked = urlsplit(proxy if "://" in proxy else f"//{proxy}").hostname  # never its password
        return Finding(OK, f"the proxy {asked} of the environment is asked for {host}")
    try:
        found = socket.getaddrinfo(host, url.port, type=socket.SOCK_STREAM)
    except OSError:
        return Finding(
            MEND,
            f"The name {host} is not known: check the setting api_url and this machine's DNS.",
        )
    return Finding(OK, f"{host} is {found[0][4][0]}")


def _signed_on(source: Source) -> Iterator[Finding]:
    settings = source.settings
    if settings.api_url.startswith("http:"):
        yield Finding(OK, f"connected to {settings.api_url}, without TLS")
    else:
        trust = "certificate trusted" if settings.verify_ssl else "certificate not checked"
        yield Finding(OK, f"connected to {settings.api_url}, {trust}")
    yield Finding(OK, f"signed on as {settings.username}")


def _count(source: Source, company: str, entity: Entity) -> int:
    """Count the records of an entity; it also proves that they can be read."""
    about = {"company": company, "module": entity.module, "resource": entity.name}
    address = odata.resource_url(source.settings.api_url, company, entity.module, entity.name)
    url = f"{address}?{odata.Query(1, count=True)}"
    page = source.session.get(lambda _: url, odata.parse_page, about).content
    return len(page.records) if page.count is None else page.count


def _pages(source: Source, entity: Entity, rows: int) -> int:
    settings = source.settings
    size = settings.batch_page_size if entity.details_inline else settings.page_size
    return rows // size + 1


def _estimate(source: Source, rows: int, calls: int) -> Finding:
    budget = source.settings.max_calls_per_run
    runs = -(-calls // budget)
    return Finding(
        OK,
        f"a first load is {_several(rows, 'row')} in about {_several(calls, 'call')}: "
        f"{_several(runs, 'run')} of at most {_several(budget, 'call')} (max_calls_per_run)",
    )


def _several(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"
