"""Optional fields: what a site adds to invoices and their lines."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    import datetime as dt
    import random

_TEXT, _YES_NO, _DATE = 21, 25, 26  # the numbers of the fields that hold the typed values
_VALUE_WIDTH = 60


def invoice_optional_fields(rng: random.Random, document_date: dt.date) -> list[dict[str, t.Any]]:
    """Return an invoice's optional fields; two in three invoices have none."""
    if rng.random() < 0.66:  # noqa: PLR2004
        return []
    received = document_date if rng.random() < 0.5 else None  # noqa: PLR2004
    return [
        {
            "OptionalField": "APPROVED",
            "Value": "",
            "InvoiceOptionalFieldType": "Text",
            "Length": 3,
            "ValueSet": "Yes",
            "TypedValueFieldIndex": _TEXT,
            "OptionalFieldDescription": "Approved",
        },
        {
            "OptionalField": "DATERCVD",
            # An empty date is written as zeros.
            "Value": f"{received:%Y%m%d}" if received else "00000000",
            "InvoiceOptionalFieldType": "Date",
            "ValueSet": "Yes",
            "TypedValueFieldIndex": _DATE,
            "DateValue": received,
            "OptionalFieldDescription": "Date received",
        },
    ]


def detail_optional_fields(rng: random.Random) -> list[dict[str, t.Any]]:
    """Return a line's optional fields; four in five lines have none."""
    if rng.random() < 0.8:  # noqa: PLR2004
        return []
    yes = rng.random() < 0.5  # noqa: PLR2004
    return [
        {
            "OptionalField": "EXTWARRANTY",
            "Value": str(int(yes)).rjust(_VALUE_WIDTH),
            "InvoiceDetailOptionalFieldType": "YesNo",
            "ValueSet": "Yes",
            "TypedValueFieldIndex": _YES_NO,
            "YesNoValue": yes,
            "OptionalFieldDescription": "Extended warranty available",
        }
    ]
