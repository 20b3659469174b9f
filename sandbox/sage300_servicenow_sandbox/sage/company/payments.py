"""Payment and adjustment batches, which pay or offset the posted documents that are due."""

from __future__ import annotations

import typing as t
from decimal import Decimal

from sage300_servicenow_sandbox.sage.company.plan import cents

if t.TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator

    from sage300_servicenow_sandbox.sage.company.plan import CompanyPlan

PAYMENTS: t.Final = "PY"
ADJUSTMENTS: t.Final = "AD"
_STEP = 20


class Settlements:
    """Collects the documents of a company that are due, and makes the batches that settle them.

    One batch settles the documents of one invoice batch: invoices and debit notes are paid,
    credit notes are offset by an adjustment.
    """

    def __init__(self, plan: CompanyPlan) -> None:
        """Start with no documents."""
        self._plan = plan
        self._due: dict[str, list[list[dict[str, t.Any]]]] = {PAYMENTS: [], ADJUSTMENTS: []}

    def add(self, batch: dict[str, t.Any]) -> None:
        """Add an invoice batch; only documents that are posted and due are settled."""
        if batch["BatchStatus"] != "Posted":
            return
        due = [entry for entry in batch["Invoices"] if entry["DueDate"] <= self._plan.day]
        for selector, offset in ((PAYMENTS, False), (ADJUSTMENTS, True)):
            chosen = [e for e in due if (e["DocumentType"] == "CreditNote") is offset]
            if chosen:
                self._due[selector].append([_kept(entry) for entry in chosen])

    def batches(self) -> Iterator[dict[str, t.Any]]:
        """Yield the non-empty properties of each batch, in key order."""
        for selector, groups in sorted(self._due.items()):
            ordered = sorted(groups, key=_last_due)
            for number, documents in enumerate(ordered, 1):
                yield _batch(selector, number, documents)
            if selector == PAYMENTS and ordered:
                yield _prepayment(self._plan, len(ordered) + 1, ordered[-1][0])


def _kept(entry: dict[str, t.Any]) -> dict[str, t.Any]:
    names = ("VendorNumber", "VendorName", "DocumentNumber", "DocumentDate", "DueDate")
    amount: Decimal = entry["DocumentTotalIncludingTax"]
    kept = {name: entry[name] for name in names}
    return {**kept, "Amount": amount, "Functional": cents(amount * entry["ExchangeRate"])}


def _last_due(documents: list[dict[str, t.Any]]) -> dt.date:
    day: dt.date = max(document["DueDate"] for document in documents)
    return day


def _batch(selector: str, number: int, documents: list[dict[str, t.Any]]) -> dict[str, t.Any]:
    day = _last_due(documents)
    kind = "Payment" if selector == PAYMENTS else "Adjustment"
    head = _head(selector, number, day, f"{kind}s {day:%d %b %Y}", documents)
    return {
        **head,
        "BatchType": "System" if selector == PAYMENTS else "Entered",
        "BatchStatus": "Posted",
        "PostingSequenceNo": number,
        "BatchPrintedFlag": "Yes",
        "PaymentsAdjustments": [
            _entry(selector, number, place, kind, day, document)
            for place, document in enumerate(documents, 1)
        ],
    }


def _prepayment(plan: CompanyPlan, number: int, like: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return an open batch with one prepayment, which no vendor's card shows yet."""
    amount = Decimal(500)
    document = {**like, "Amount": amount, "Functional": amount}
    entry = _entry(PAYMENTS, number, 1, "Prepayment", plan.day, document)
    # Money paid ahead is applied to no document.
    applied = [
        {**line, "DocumentNumber": "", "DocumentDate": None} for line in entry["AppliedPayments"]
    ]
    return {
        **_head(PAYMENTS, number, plan.day, "Prepayments", [document]),
        "BatchType": "Entered",
        "BatchStatus": "Open",
        "PaymentsAdjustments": [
            {**entry, "TotalPrepayVendorCurrency": amount, "AppliedPayments": applied}
        ],
    }


def _head(
    selector: str, number: int, day: dt.date, description: str, documents: list[dict[str, t.Any]]
) -> dict[str, t.Any]:
    total = sum((document["Functional"] for document in documents), Decimal(0))
    return {
        "BatchSelector": selector,
        "BatchNumber": number,
        "BatchDate": day,
        "Description": description,
        "NumberOfEntries": len(documents),
        "LastEntryNumber": len(documents),
        "BatchTotal": total,
        "FuncBatchTotal": total,
        "BankCode": "CCB",
        "BankCurrencyCode": "USD",
        "BankRateDate": day,
        "BankRateType": "SP",
        "BankExchangeRate": 1,
        "DateLastEdited": day,
        "SourceApplication": "AP",
    }


def _entry(  # noqa: PLR0917
    selector: str, number: int, place: int, kind: str, day: dt.date, document: dict[str, t.Any]
) -> dict[str, t.Any]:
    keys = {"BatchType": selector, "BatchNumber": number, "EntryNumber": place}
    paid = selector == PAYMENTS
    return {
        **keys,
        "VendorNumber": document["VendorNumber"],
        "VendorPayeeName": document["VendorName"],
        "CheckNumber": f"{number * 100 + place:012}" if paid else "",
        "PaymentDateAdjustmentDate": day,
        "EntryDescription": f"{kind} {document['DocumentNumber']}",
        "CheckAmountInBankCurrency": document["Functional"] if paid else 0,
        "CheckAmountInVendorCurrency": document["Amount"] if paid else 0,
        "PaymentTransactionType": kind,
        "AppliedPayments": [
            {
                **keys,
                "LineNumber": _STEP,
                "VendorNumber": document["VendorNumber"],
                "DocumentNumber": document["DocumentNumber"],
                "PaymentType": kind,
                "PaymentAmount": document["Amount"],
                "DocumentDate": document["DocumentDate"],
            }
        ],
    }
