"""One Sage 300 site: its companies, how it behaves, and what users there do to them."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
import typing as t
from dataclasses import asdict

from sage300_servicenow_sandbox.declared import changed
from sage300_servicenow_sandbox.sage import edits
from sage300_servicenow_sandbox.sage.behaviours import Behaviours
from sage300_servicenow_sandbox.sage.company.generator import generate
from sage300_servicenow_sandbox.sage.company.plan import CompanyPlan
from sage300_servicenow_sandbox.sage.resources import RESOURCES, of_site
from sage300_servicenow_sandbox.sage.store import EVERY, Sql, Store, by_key

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from sage300_servicenow_sandbox.clock import Clock
    from sage300_servicenow_sandbox.sage.resources import Resource

_BATCHES = "APInvoiceBatches"


class SageSite:
    """The companies of a site, kept in a file; safe to use from several threads.

    Attributes:
        store: The records.
        clock: The site's time.
        behaviours: How the site behaves.
        resources: The resources by name, as this site has them.
        continued: The companies that were in the file already.
    """

    behaviours: Behaviours
    resources: Mapping[str, Resource]

    def __init__(self, *, path: Path, clock: Clock, plans: Iterable[CompanyPlan]) -> None:
        """Open the file and make each planned company that is not in it yet."""
        self.store = Store(path)
        self.clock = clock
        self._become(Behaviours())
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

    def behave(self, /, **changes: t.Any) -> None:
        """Set some behaviours, given as JSON values; each is replaced whole.

        Raises:
            DeclarationError: A behaviour does not exist or does not take such a value.
        """
        self._become(changed(self.behaviours, changes, "behaviours"))

    def reset(self) -> None:
        """Make every company again, as it was at first, on a stock server."""
        self._become(Behaviours())
        for made_from in self.store.companies().values():
            values = json.loads(made_from)
            self._make(CompanyPlan(**{**values, "day": dt.date.fromisoformat(values["day"])}))

    def edit(
        self, company: str, resource: Resource, key: Sequence[t.Any], values: Mapping[str, t.Any]
    ) -> str | None:
        """Change properties of a record as a user would, and return it; None, no such record.

        Raises:
            ValueError: The values do not fit the resource; one sentence naming the property.
        """
        today = self.clock.now().date()
        return self._replace(
            company, resource, key, lambda record: edits.edit(resource, record, values, today)
        )

    def copy(
        self, company: str, resource: Resource, key: Sequence[t.Any], values: Mapping[str, t.Any]
    ) -> str | None:
        """Add a record like another one under the key that the values name, and return it.

        Returns None if there is no record to copy.

        Raises:
            ValueError: The values do not fit the resource, or the key is taken.
        """
        with self.store.transaction():
            record = self.store.get(company, resource, key)
            if record is None:
                return None
            made = edits.copy(resource, record, values, self.clock.now().date())
            try:
                self.store.insert(company, resource, [made])
            except sqlite3.IntegrityError:
                raise ValueError(
                    f"{company} already has a record of {resource.name} with that key"
                ) from None
        return made

    def delete(self, company: str, resource: Resource, key: Sequence[t.Any]) -> str | None:
        """Delete a record as a user would, and return what it was; None, no such record.

        An invoice batch stays, as Deleted; every other record goes without a trace.

        Raises:
            edits.WrongStatusError: An invoice batch is posted, being posted or deleted already.
        """
        if resource.name == _BATCHES:
            today = self.clock.now().date()
            return self._replace(
                company, resource, key, lambda batch: edits.delete_batch(resource, batch, today)
            )
        with self.store.transaction():
            record = self.store.get(company, resource, key)
            self.store.delete(company, resource, by_key(resource, key))
        return record

    def post_batch(self, company: str, number: int) -> str | None:
        """Post an invoice batch and return it; None, no such batch.

        Raises:
            edits.WrongStatusError: Its status does not allow it.
        """
        batches, highest = self.resources[_BATCHES], 'coalesce(max("PostingSequenceNumber"), 0)'

        def post(record: str) -> str:
            last = int(self.store.value(company, batches, highest, EVERY))
            return edits.post(record, last + 1)

        return self._replace(company, batches, (number,), post)

    def remove_entry(self, company: str, number: int, entry: int) -> str | None:
        """Delete an entry of an open invoice batch and return the batch; None, no such entry.

        Raises:
            edits.WrongStatusError: The batch is not open.
        """
        batches, today = self.resources[_BATCHES], self.clock.now().date()
        return self._replace(
            company,
            batches,
            (number,),
            lambda record: edits.remove_entry(batches, record, entry, today),
        )

    def clear_history(self, company: str, sequence: int) -> int:
        """Clear deleted batches and those posted up to a sequence; return how many."""
        cleared = Sql(
            "\"BatchStatus\" = 'Deleted' "
            'OR ("BatchStatus" = \'Posted\' AND "PostingSequenceNumber" <= ?)',
            (sequence,),
        )
        return self.store.delete(company, self.resources[_BATCHES], cleared)

    def _replace(
        self,
        company: str,
        resource: Resource,
        key: Sequence[t.Any],
        change: Callable[[str], str | None],
    ) -> str | None:
        with self.store.transaction():
            record = self.store.get(company, resource, key)
            changed = None if record is None else change(record)
            if changed is not None:
                self.store.replace(company, resource, key, changed)
        return changed

    def _become(self, behaviours: Behaviours) -> None:
        self.resources = of_site(behaviours)
        self.behaviours = behaviours

    def _make(self, plan: CompanyPlan) -> None:
        with self.store.transaction():
            made_from = json.dumps({**asdict(plan), "day": plan.day.isoformat()})
            self.store.create_company(plan.company, made_from)
            for resource, records in generate(plan):
                self.store.insert(plan.company, RESOURCES[resource], records)
