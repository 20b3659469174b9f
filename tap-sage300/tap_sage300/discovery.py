"""What a site says of itself in ``$metadata``, merged with what this tap ships."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from tap_sage300.api import metadata
from tap_sage300.api.errors import (
    CallBudgetError,
    CompanyError,
    NoAccessError,
    RightsError,
    UnknownError,
)
from tap_sage300.errors import TapError
from tap_sage300.reading.records import COMPANY

if t.TYPE_CHECKING:
    import logging
    from collections.abc import Iterable, Mapping

    from tap_sage300.api.metadata import JsonSchema
    from tap_sage300.reading.entity import Entity
    from tap_sage300.run import Run

_Answer: t.TypeAlias = "dict[str, JsonSchema] | TapError"
_Answers: t.TypeAlias = "dict[str, _Answer]"
"""What each company said of one module: its entities' schemas, or why there are none."""


@dataclass(frozen=True)
class SiteEntity:
    """What is known of one entity on a site.

    Attributes:
        schema: JSON Schema of its records, the company included.
        date: The property its changes are dated by, None where there is none.
    """

    schema: JsonSchema
    date: str | None


@cache
def _schema_file(name: str) -> str | None:
    file = files("tap_sage300") / "schemas" / f"{name}.json"
    return file.read_text(encoding="utf-8") if file.is_file() else None


def has_schema_file(entity: Entity) -> bool:
    """Return whether this tap ships a schema of the entity."""
    return _schema_file(entity.name) is not None


def shipped(entity: Entity) -> SiteEntity:
    """Return what this tap ships of an entity; without a file, what its declaration says."""
    text = _schema_file(entity.name)
    return SiteEntity(declared(entity) if text is None else json.loads(text), entity.date)


def declared(entity: Entity) -> JsonSchema:
    """Return the schema that follows from an entity's declaration: key, date and status."""
    properties: JsonSchema = {
        COMPANY: {
            "type": "string",
            "description": "Company database ID the record was read from.",
        },
        **{key: {"type": ["string", "integer"]} for key in entity.keys},
    }
    if entity.date:
        properties[entity.date] = {"type": ["string", "null"], "format": "date-time"}
    if entity.status:
        properties[entity.status] = {"type": ["string", "null"]}
    return {"type": "object", "properties": properties}


def log_missing_files(known: Mapping[Entity, SiteEntity | None], logger: logging.Logger) -> None:
    """Log the entities that this tap ships no schema of, and what is known of them instead."""
    for entity, site in known.items():
        if site is not None and not has_schema_file(entity):
            logger.warning(
                "This tap ships no schema of %s: these properties are known, any other is "
                "skipped: %s (run --discover with settings to ask the site)",
                entity.name,
                ", ".join(site.schema["properties"]),
            )


def on_site(
    entities: Iterable[Entity], run: Run, logger: logging.Logger
) -> dict[str, SiteEntity | None]:
    """Ask every company for the modules of some entities.

    Where a ``$metadata`` is not available, that is logged and the shipped schema is used.

    Returns:
        What was found, by entity; None where no company lets the user read the module.

    Raises:
        TapError: The server cannot be reached, rejects the sign-on, or knows or allows nothing.
    """
    wanted = list(entities)
    modules = dict.fromkeys(entity.module for entity in wanted)
    answers = {module: _ask(module, run) for module in modules}
    every = [answer for module in modules for answer in answers[module].values()]
    if all(isinstance(answer, RightsError | UnknownError) for answer in every):
        raise next(answer for answer in every if isinstance(answer, TapError))
    refused = {module: refusal for module in modules if (refusal := _refusal(answers[module]))}
    for module, refusal in refused.items():
        names = ", ".join(entity.name for entity in wanted if entity.module == module)
        logger.warning("Streams skipped: %s. %s", names, refusal)
        for company, answer in answers[module].items():
            run.fail(company, module, t.cast("TapError", answer))
    for module in modules:
        for company, answer in answers[module].items():
            if isinstance(answer, TapError) and not isinstance(answer, RightsError):
                logger.warning(
                    "The shipped schemas are used for module %s of %s: %s", module, company, answer
                )
    return {
        entity.name: None
        if entity.module in refused
        else _merged(entity, answers[entity.module].values())
        for entity in wanted
    }


def _refusal(answers: _Answers) -> RightsError | None:
    """Return the first refusal where every company refuses the module."""
    refusals = [answer for answer in answers.values() if isinstance(answer, RightsError)]
    return refusals[0] if len(refusals) == len(answers) else None


def _ask(module: str, run: Run) -> _Answers:
    """Ask every company for the schemas of a module.

    Raises:
        NoAccessError: The server cannot be reached, or rejects the sign-on.
    """
    answers: _Answers = {}
    for company in run.config.companies:
        if closed := run.closed(company, module):
            answers[company] = closed
            continue
        try:
            answers[company] = run.session.metadata(company, module)
        except NoAccessError:
            raise
        except CompanyError as error:
            run.fail(company, module, error)
            answers[company] = error
        except TapError as error:
            answers[company] = error
        except CallBudgetError:
            answers[company] = TapError("The calls of this run (max_calls_per_run) are spent")
    return answers


def _merged(entity: Entity, answers: Iterable[_Answer]) -> SiteEntity:
    """Merge what companies say of an entity: the union of their properties."""
    known = shipped(entity)
    sites = [answer for answer in answers if not isinstance(answer, TapError)]
    theirs = [site[entity.name] for site in sites if entity.name in site]
    schema = known.schema
    for site in theirs:
        # A property of the site's own that is called CompanyID does not replace ours.
        schema = metadata.merge(schema, site, (*entity.calculated, COMPANY))
    # One filter serves every company, so a date counts when all of them have it.
    dates = {metadata.date_in(site, entity.better_dates) for site in theirs}
    better = dates.pop() if len(dates) == 1 else None
    return SiteEntity(schema, better or known.date)
