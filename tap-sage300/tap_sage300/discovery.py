"""What a site says of itself in ``$metadata``, merged with what this tap ships."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.resources import files

from tap_sage300 import errors, metadata, odata

if t.TYPE_CHECKING:
    import logging
    from collections.abc import Iterable

    from tap_sage300.entity import Entity
    from tap_sage300.metadata import JsonSchema
    from tap_sage300.source import Source

_RESOURCE = "$metadata"


@dataclass(frozen=True)
class Found:
    """What is known of one entity.

    Attributes:
        schema: JSON Schema of its records, the company included.
        date: The property its changes are dated by, None where there is none.
    """

    schema: JsonSchema
    date: str | None


@cache
def _schema(name: str) -> str:
    return (files("tap_sage300") / "schemas" / f"{name}.json").read_text(encoding="utf-8")


def shipped(entity: Entity) -> Found:
    """Give what this tap ships."""
    return Found(json.loads(_schema(entity.name)), entity.date)


def on_site(
    entities: Iterable[Entity], source: Source, logger: logging.Logger
) -> dict[str, Found | None]:
    """Ask every company for the modules of some entities.

    A ``$metadata`` that cannot be had is told, and what this tap ships stands in for it.

    Returns:
        What was found, by entity; None where no company lets the user read the module.

    Raises:
        TapError: The server cannot be reached, or lets the user in nowhere.
    """
    wanted = list(entities)
    modules = dict.fromkeys(one.module for one in wanted)
    answers = {module: _ask(module, source, logger) for module in modules}
    refused = {module: answer.refusals for module, answer in answers.items() if answer.is_refused}
    if len(refused) == len(modules):
        raise next(iter(refused.values()))[0]
    for module, refusals in refused.items():
        names = ", ".join(one.name for one in wanted if one.module == module)
        logger.warning("Left out: %s. %s", names, refusals[0])
    return {
        one.name: None if one.module in refused else _merged(one, answers[one.module].sites)
        for one in wanted
    }


@dataclass
class _Answers:
    """What the companies said of one module."""

    sites: list[dict[str, JsonSchema]] = field(default_factory=list)
    refusals: list[errors.RightsError] = field(default_factory=list)
    silent: int = 0

    @property
    def is_refused(self) -> bool:
        return bool(self.refusals) and not self.sites and not self.silent


def _ask(module: str, source: Source, logger: logging.Logger) -> _Answers:
    answers = _Answers()
    for company in source.settings.companies:
        about = {"company": company, "module": module, "resource": _RESOURCE}
        address = odata.resource_url(source.settings.api_url, company, module, _RESOURCE)
        try:
            answer = source.session.get(
                partial(_same, address), metadata.parse, about, accept="application/xml"
            )
            answers.sites.append(answer.content)
        except errors.RightsError as refusal:
            answers.refusals.append(refusal)
        except errors.NoAccessError:
            raise
        except (errors.TapError, errors.CallBudgetError) as fault:
            answers.silent += 1
            logger.warning(
                "The schemas that this tap ships stand in for those of module %s of %s: %s",
                module,
                company,
                str(fault) or "the calls of this run (max_calls_per_run) are used up.",
            )
    return answers


def _same(address: str, _halvings: int) -> str:
    """Give an address that no halving of a page changes."""
    return address


def _merged(entity: Entity, sites: list[dict[str, JsonSchema]]) -> Found:
    """Merge what companies say of an entity: the union of their properties."""
    found = shipped(entity)
    theirs = [site[entity.name] for site in sites if entity.name in site]
    schema = found.schema
    for one in theirs:
        schema = metadata.merge(schema, one, entity.calculated)
    # One filter serves every company, so a date counts when all of them have it.
    dates = {metadata.date_in(one, entity.better_dates) for one in theirs}
    better = dates.pop() if len(dates) == 1 else None
    return Found(schema, better or found.date)
