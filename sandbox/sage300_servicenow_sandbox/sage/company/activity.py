"""What posted documents change on a vendor's card: balances, counts and last dates."""

from __future__ import annotations

import typing as t

from sage300_servicenow_sandbox.sage.company.plan import cents

if t.TYPE_CHECKING:
    from decimal import Decimal

    from sage300_servicenow_sandbox.sage.company.plan import CompanyPlan

_LAST = {
    "Invoice": ("DateOfLastInvoice", "LastInvoiceAmtVendorCurrency", "LastInvoiceAmount"),
    "CreditNote": (
        "DateOfLastCreditNote",
        "LastCreditNoteAmountVendorCurrency",
        "LastCreditNoteAmount",
    ),
    "DebitNote": (
        "DateOfLastDebitNote",
        "LastDebitNoteAmountVendorCurrency",
        "LastDebitNoteAmount",
    ),
}


class Activity:
    """Collects the posted documents of a company, and derives what each vendor's card shows."""

    def __init__(self, plan: CompanyPlan) -> None:
        """Start with no documents."""
        self._plan = plan
        self._cards: dict[str, dict[str, t.Any]] = {}

    def add(self, batch: dict[str, t.Any]) -> None:
        """Add a batch, in posting order; only posted ones count."""
        if batch["BatchStatus"] == "Posted":
            for document in batch["Invoices"]:
                self._add_document(document)

    def card(self, vendor_number: str) -> dict[str, t.Any]:
        """Return the properties of a vendor that its documents have set."""
        return self._cards.get(vendor_number, {})

    def _add_document(self, document: dict[str, t.Any]) -> None:
        card = self._cards.setdefault(document["VendorNumber"], {})
        amount: Decimal = document["DocumentTotalIncludingTax"]
        functional = cents(amount * document["ExchangeRate"])
        sign = -1 if document["DocumentType"] == "CreditNote" else 1
        # What is due was paid on its due date.
        if document["DueDate"] <= self._plan.day:
            card["DateOfLastPayment"] = max(
                document["DueDate"], card.get("DateOfLastPayment", document["DueDate"])
            )
            _add(card, "NumberOfPaidInvoices", 1)
            # A credit note is offset, not paid.
            _add(card, "TotalNumberOfPayments", int(sign > 0))
            _add(card, "TotalInvoicesPaidVendorCurr", sign * amount)
            _add(card, "TotalInvoicesPaidFunctionalCurr", sign * functional)
        else:
            _add(card, "NumberOfOpenInvoices", 1)
            _add(card, "BalanceDueInVendorCurrency", sign * amount)
            _add(card, "BalanceDueInFunctionalCurrency", sign * functional)
        day, in_vendor_currency, stem = _LAST[document["DocumentType"]]
        card[day] = document["DocumentDate"]
        card[in_vendor_currency] = amount
        card[f"{stem}FunctionalCurrency"] = functional
        card["DateOfLastActivity"] = document["PostingDate"]


def _add(card: dict[str, t.Any], name: str, amount: Decimal | int) -> None:
    card[name] = card.get(name, 0) + amount
