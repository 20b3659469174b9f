"""What the tap knows of a Sage 300 entity: its module, its key, and how its changes show."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

FINAL: t.Final = frozenset({"Posted", "Deleted"})
"""Values of BatchStatus that no longer change; any other can."""


@dataclass(frozen=True)
class Entity:
    """A resource of the Web API.

    Attributes:
        name: Its name in the Web API, and the stream's.
        module: Sage 300 module, as in the URL.
        keys: Its own key; with CompanyID in front it is the stream's key.
        date: The date property that windows are filtered on; None where there is none.
        dates_edits: False when the date is the day of creation, so that only sweeps find edits.
        better_dates: Dates of change that some sites have and the product does not.
        status: The property that tells whether a record can still change without a new date.
        details_inline: Records contain their details, so fewer are requested at once.
        private: Properties that are not selected by default.
        calculated: Prefixes of the names of helper properties that hold no data.
    """

    name: str
    module: str
    keys: tuple[str, ...]
    date: str | None = None
    dates_edits: bool = True
    better_dates: tuple[str, ...] = ()
    status: str | None = None
    details_inline: bool = False
    private: tuple[str, ...] = ()
    calculated: tuple[str, ...] = ()

    def dated_by(self, date: str | None) -> Entity:
        """Return the entity with another date of change, as a site or a catalog has it."""
        if date is None or date == self.date:
            return self
        return replace(self, date=date, dates_edits=True)

    @property
    def is_dated(self) -> bool:
        """Whether every edit moves the date, so that changes can be found by it."""
        return self.date is not None and self.dates_edits

    @property
    def is_master_data(self) -> bool:
        """Whether a record that is no longer there was deleted; documents are cleared as well."""
        return not self.details_inline

    @property
    def required(self) -> tuple[str, ...]:
        """Properties that a read depends on."""
        return (*self.keys, *filter(None, (self.date, self.status)))
