"""What a site says of itself in ``$metadata``, merged with what this tap ships."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass
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

_Answer: t.TypeAlias = "dict[str, JsonSchema] | errors.TapError"
_Answers: t.TypeAlias = "dict[str, _Answer]"
"""What each company said of one module: its entities' schemas, or why there are none."""


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
        TapError: The server cannot be reached, lets the user in nowhere, or lacks a company.
    """
    wanted = list(entities)
    modules = dict.fromkeys(one.module for one in wanted)
    answers = {module: _ask(module, source) for module in modules}
    refused = {module: refusals for module in modules if (refusals := _refusals(answers[module]))}
    if len(refused) == len(modules):
        raise next(iter(refused.values()))
    for company in source.settings.companies:
        unknown = [
            said for m in modules if isinstance(said := answers[m][company], errors.UnknownError)
        ]
        if len(unknown) == len(modules):
            raise unknown[0]
    for module, refusal in refused.items():
        names = ", ".join(one.name for one in wanted if one.module == module)
        logger.warning("Left out: %s. %s", names, refusal)
    for module in modules:
        for company, answer in answers[module].items():
            if isinstance(answer, errors.TapError) and not isinstance(answer, errors.RightsError):
                logger.warning(
                    "The schemas that this tap ships stand in for those of module %s of %s: %s",
                    module,
                    company,
                    answer,
                )
    return {
        one.name: None if one.module in refused else _merged(one, answers[one.module].values())
        for one in wanted
    }


def _refusals(answers: _Answers) -> errors.RightsError | None:
    """Give the first refusal where every company refuses the module."""
    refusals = [one for one in answers.values() if isinstance(one, errors.RightsError)]
    return refusals[0] if len(refusals) == len(answers) else None


def _ask(module: str, source: Source) -> _Answers:
    """Ask every company for the schemas of a module.

    Raises:
        NoAccessError: The server cannot be reached, or lets the user in nowhere.
    """
    answers: _Answers = {}
    for company in source.settings.companies:
        about = {"company": company, "module": module, "resource": _RESOURCE}
        address = odata.resource_url(source.settings.api_url, company, module, _RESOURCE)
        try:
            answers[company] = source.session.get(
                partial(_same, address), metadata.parse, about, accept="application/xml"
            ).content
        except errors.NoAccessError:
            raise
        except errors.TapError as fault:
            answers[company] = fault
        except errors.CallBudgetError:
            answers[company] = errors.TapError(
                "the calls of this run (max_calls_per_run) are used up.", errors.Kind.TRANSIENT
            )
    return answers


def _same(address: str, _halvings: int) -> str:
    """Give an address that no halving of a page changes."""
    return address


def _merged(entity: Entity, answers: Iterable[_Answer]) -> Found:
    """Merge what companies say of an entity: the union of their properties."""
    found = shipped(entity)
    sites = [one for one in answers if not isinstance(one, errors.TapError)]
    theirs = [site[entity.name] for site in sites if entity.name in site]
    schema = found.schema
    for one in theirs:
        schema = metadata.merge(schema, one, entity.calculated)
    # One filter serves every company, so a date counts when all of them have it.
    dates = {metadata.date_in(one, entity.better_dates) for one in theirs}
    better = dates.pop() if len(dates) == 1 else None
    return Found(schema, better or found.date)
