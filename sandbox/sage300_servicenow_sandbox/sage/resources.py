"""The resources that the Sage 300 side serves: one line each."""

from __future__ import annotations

from dataclasses import dataclass
from string import digits
from typing import TYPE_CHECKING, Final

from .model import load_types

if TYPE_CHECKING:
    from .model import Property, RecordType

PAGE_SIZE: Final = 100
"""Most records in one answer, whatever $top says: the Web API's default and its maximum."""


@dataclass(frozen=True)
class Resource:
    """One resource of the Web API.

    `keys` are its key properties, in the order of the records. `change_date` is the property
    that an edit moves to the day of the edit, None where the table has no such column.
    `indexed` names further properties that are looked for often.
    """

    name: str
    module: str
    keys: tuple[str, ...]
    change_date: str | None
    indexed: tuple[str, ...] = ()

    @property
    def record_type(self) -> RecordType:
        """The type of its records."""
        return next(iter(load_types(self.name).values()))

    @property
    def namespace(self) -> str:
        """The namespace of its types, as `$metadata` and error messages name it."""
        return f"Sage.CA.SBS.ERP.Sage300.{self.module}.WebApi.Models"

    def enum_name(self, type_name: str, prop: Property) -> str:
        """Return the full name of an enum property's type, shared by Name1 to Name5."""
        return f"{self.namespace}.{type_name}{prop.name.rstrip(digits)}"


RESOURCES: Final = {
    resource.name: resource
    for resource in (
        Resource("APVendors", "AP", ("VendorNumber",), "DateLastMaintained"),
        Resource(
            "APInvoiceBatches",
            "AP",
            ("BatchNumber",),
            "DateLastEdited",
            ("BatchStatus", "PostingSequenceNumber"),
        ),
        # DateCreated is the only date of an account, and no edit moves it.
        Resource("GLAccounts", "GL", ("UnformattedAccount",), None),
    )
}
MODULES: Final = tuple(sorted({resource.module for resource in RESOURCES.values()}))
