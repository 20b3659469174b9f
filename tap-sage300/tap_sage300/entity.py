"""What the tap knows of an entity of Sage 300: where it is, its key, and how its changes show."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

FINAL: t.Final = frozenset({"Posted", "Deleted"})
"""Values of BatchStatus that no longer change; any other can."""


@dataclass(frozen=True)
class Entity:
    """A resource of the Web API.

    Attributes:
        module: Sage 300 module, as it stands in the URL.
        keys: Its own key; with CompanyID in front it is the stream's key.
        date: The date property that windows are filtered on; None where there is none.
        dates_edits: False when the date is that of creation, so that only sweeps find edits.
        better_dates: Dates of change that some sites have and the product does not.
        status: The property that tells whether a record can still change without a new date.
        details_inline: Records bring their details along, and fewer are asked for at once.
        private: Properties that are left out unless somebody selects them.
        calculated: Beginnings of the names of helper properties that hold no data.
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
        """Give the entity with another date of change, as a site or a catalog has it."""
        if date is None or date == self.date:
            return self
        return replace(self, date=date, dates_edits=True)

    @property
    def needed(self) -> tuple[str, ...]:
        """Properties that a read cannot do without."""
        return (*self.keys, *filter(None, (self.date, self.status)))
