"""Purchase orders: those that the invoices name, complete once their batch is posted."""

from __future__ import annotations

import datetime as dt
import typing as t
from decimal import Decimal

from sage300_servicenow_sandbox.sage.company.codes import unformatted_item
from sage300_servicenow_sandbox.sage.company.plan import tables

if t.TYPE_CHECKING:
    from collections.abc import Iterator

_FIRST_KEY: t.Final = 1000
_LINE_STEP: t.Final = 1000  # the order's own samples number lines 1000, 2000...
_ORDERED_BEFORE: t.Final = dt.timedelta(days=12)
_LOCATION: t.Final = "1"
_COPIED: t.Final = {
    "Vendor": "VendorNumber",
    "Name": "VendorName",
    "Address1": "AddressLine1",
    "Address2": "AddressLine2",
    "City": "City",
    "StateProvince": "StateProvince",
    "ZipPostalCode": "ZipPostalCode",
    "Country": "Country",
    "PhoneNumber": "PhoneNumber",
    "FaxNumber": "FaxNumber",
    "Contact": "ContactName",
    "Email": "Email",
    "TermsCode": "Terms",
    "TermsCodeDescription": "TermsDescription",
    "Currency": "CurrencyCode",
    "ExchangeRate": "ExchangeRate",
    "RateType": "RateType",
    "TaxGroup": "TaxGroup",
    "VendorAccountSet": "AccountSet",
    "PurchaseOrderNumber": "PONumber",
    "Reference": "DocumentNumber",
    "ReceiptDate": "DocumentDate",
    "Description": "InvoiceDescription",
}


class Orders:
    """Collects the invoices of a company that name an order, and makes the orders."""

    def __init__(self) -> None:
        """Start with no invoices."""
        self._invoiced: list[dict[str, t.Any]] = []

    def add(self, batch: dict[str, t.Any]) -> None:
        """Add an invoice batch, in number order; a deleted batch leaves its orders open."""
        for entry in batch["Invoices"]:
            if entry["PONumber"]:
                self._invoiced.append(_order(entry, complete=batch["BatchStatus"] == "Posted"))

    def records(self) -> Iterator[dict[str, t.Any]]:
        """Yield the non-empty properties of each order, in key order."""
        for key, order in enumerate(self._invoiced, _FIRST_KEY):
            lines = [
                {"PurchaseOrderSequenceKey": key, **line} for line in order["PurchaseOrderLines"]
            ]
            yield {**order, "PurchaseOrderSequenceKey": key, "PurchaseOrderLines": lines}


def _order(entry: dict[str, t.Any], *, complete: bool) -> dict[str, t.Any]:
    ordered = entry["DocumentDate"] - _ORDERED_BEFORE
    details = entry["InvoiceDetails"]
    net = sum((detail["DistributedAmount"] for detail in details), Decimal(0))
    return {
        **{name: entry[source] for name, source in _COPIED.items()},
        "PurchaseOrderDate": ordered,
        "OrderDate": ordered,
        "ExpectedArrivalDate": entry["DocumentDate"],
        "LastPostingDate": entry["PostingDate"] if complete else ordered,
        "Completed": complete,
        "DateCompleted": entry["PostingDate"] if complete else None,
        "VendorExists": True,
        "Printed": True,
        "Lines": len(details),
        "LinesComplete": len(details) if complete else 0,
        "NextLineSequence": len(details) + 1,
        "RateDate": ordered,
        "DecimalPlaces": 2,
        "NumberOfPostedReceipts": 1,
        "ExtendedCost": net,
        "NetExtendedCost": net,
        "Subtotal": net,
        "TotalTax": entry["TaxTotal"],
        "Total": entry["DocumentTotalIncludingTax"],
        "ExtendedReceivedAmount": net,
        "QuantityOrdered": len(details),
        "BillToLocation": _LOCATION,
        "ShipToLocation": _LOCATION,
        "EnteredBy": "ADMIN",
        "PurchaseOrderLines": [
            _line(place, detail, entry, complete=complete)
            for place, detail in enumerate(details, 1)
        ],
    }


def _line(
    place: int, detail: dict[str, t.Any], entry: dict[str, t.Any], *, complete: bool
) -> dict[str, t.Any]:
    text, amount = detail["DistributionDescription"], detail["DistributedAmount"]
    item = next((row for row in tables()["items"] if row[1] == text), None)
    return {
        "LineNumber": place * _LINE_STEP,
        "PurchaseOrderLineSequence": place,
        "CompletionStatus": "Complete" if complete else "Incomplete",
        "DateCompleted": entry["PostingDate"] if complete else None,
        "ItemExists": item is not None,
        "ItemNumber": unformatted_item(item[0]) if item else "",
        "ItemDescription": text,
        "StockItem": item is not None,
        "Location": _LOCATION,
        "ExpectedArrivalDate": entry["DocumentDate"],
        "UnitOfMeasure": item[3] if item else "Ea.",
        "OrderUnitConversion": 1,
        "QuantityOrdered": 1,
        "QuantityReceived": 1,
        "UnitCost": amount,
        "ExtendedCost": amount,
        "NetExtendedCost": amount,
        "ExtendedReceivedAmount": amount,
        "TotalTax": detail["TaxTotal"],
        "ExpenseAccount": "" if item else detail["GLAccount"],
        "DetailNumber": place,
    }
