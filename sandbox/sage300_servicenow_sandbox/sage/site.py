"""One Sage 300 site: its companies, and what users there do to them."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

from . import edits
from .company import CompanyPlan, generate
from .resources import RESOURCES
from .store import EVERY, Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from sage300_servicenow_sandbox.clock import Clock

    from .resources import Resource


class SageSite:
    """The companies of a site, kept in a file; safe to use from several threads."""

    def __init__(self, *, path: Path, clock: Clock, plans: Iterable[CompanyPlan]) -> None:
        """Open the file and make each planned company that is not in it yet."""
        self.store = Store(path)
        self._clock = clock
        known = self.store.companies()
        self.continued = tuple(known)
        for plan in plans:
            if plan.company not in known:
                self._make(plan)

    def close(self) -> None:
        """Close the file."""
        self.store.close()

    @property
    def companies(self) -> tuple[str, ...]:
        """The names of the companies, in alphabetical order."""
        return tuple(self.store.companies())

    def counts(self, company: str) -> dict[str, int]:
        """Return the number of records of a company by resource."""
        return {name: self.store.count(company, resource) for name, resource in RESOURCES.items()}

    def reset(self) -> None:
        """Make every company anew, as it was when it was first made."""
        for made_from in self.store.companies().values():
            values = json.loads(made_from)
            self._make(CompanyPlan(**{**values, "day": date.fromisoformat(values["day"])}))

    def edit(
        self, company: str, resource: Resource, key: Sequence[Any], values: Mapping[str, Any]
    ) -> str | None:
        """Change properties of a record as a user would, and return it; None: no such record.

        Raises:
            ValueError: the values do not fit the resource; one sentence naming the property.
        """
        with self.store.transaction():
            record = self.store.get(company, resource, key)
            if record is None:
                return None
            edited = edits.edit(resource, record, values, self._clock.now().date())
            self.store.replace(company, resource, key, edited)
        return edited

    def post_batch(self, company: str, number: int) -> str | None:
        """Post an invoice batch and return it; None: no such batch.

        Raises:
            edits.NotPostableError: its status does not allow it.
        """
        resource = RESOURCES["APInvoiceBatches"]
        with self.store.transaction():
            record = self.store.get(company, resource, (number,))
            if record is None:
                return None
            last = self.store.value(company, resource, 'max("PostingSequenceNumber")', EVERY)
            posted = edits.post(record, int(last) + 1)
            self.store.replace(company, resource, (number,), posted)
        return posted

    def _make(self, plan: CompanyPlan) -> None:
        with self.store.transaction():
            made_from = json.dumps({**asdict(plan), "day": plan.day.isoformat()})
            self.store.create_company(plan.company, made_from)
            for resource, records in generate(plan):
                self.store.insert(plan.company, RESOURCES[resource], records)
