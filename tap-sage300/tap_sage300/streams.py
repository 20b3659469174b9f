"""The entities of Sage 300 this tap reads. Names are Sage's own.

Keys and dates: Sage 300 Web API endpoint reference; which date moves with what: product help of
Accounts Payable, General Ledger, Purchase Orders and Inventory Control.
"""

from __future__ import annotations

from tap_sage300.client import Sage300Stream
from tap_sage300.reading.entity import Entity


class CSCurrencyCodes(Sage300Stream):
    """Currencies."""

    selected_by_default = False
    entity = Entity("CSCurrencyCodes", module="CS", keys=("CurrencyCodeKey",))


class GLAccountGroups(Sage300Stream):
    """Groups of general ledger accounts."""

    selected_by_default = False
    entity = Entity("GLAccountGroups", module="GL", keys=("AccountGroupCode",))


class GLSegmentCodes(Sage300Stream):
    """Codes of the segments that make up an account, such as cost centres."""

    selected_by_default = False
    entity = Entity("GLSegmentCodes", module="GL", keys=("SegmentNumber", "SegmentCode"))


class GLAccounts(Sage300Stream):
    """Accounts of the general ledger; their only date is the day of creation."""

    entity = Entity(
        "GLAccounts",
        module="GL",
        keys=("UnformattedAccount",),
        date="DateCreated",
        dates_edits=False,
        better_dates=("DateLastMaintained", "DateLastEdited"),
        calculated=("AcctSelector", "NumberOfcreatedpreviewaccounts"),
    )


class APTerms(Sage300Stream):
    """Terms of payment, with the instalments of those that have a schedule."""

    selected_by_default = False
    entity = Entity("APTerms", module="AP", keys=("TermsCode",), date="DateLastMaintained")


class APVendorGroups(Sage300Stream):
    """Groups of vendors."""

    selected_by_default = False
    entity = Entity(
        "APVendorGroups",
        module="AP",
        keys=("GroupCode",),
        date="DateLastMaintained",
        private=("BankCode",),
    )


class APVendors(Sage300Stream):
    """Vendors of accounts payable."""

    entity = Entity(
        "APVendors",
        module="AP",
        keys=("VendorNumber",),
        date="DateLastMaintained",
        private=(
            "Num1099CPRSTaxNumber",
            "BusinessRegistrationNumber",
            "TaxRegistrationCode1",
            "TaxRegistrationCode2",
            "TaxRegistrationCode3",
            "TaxRegistrationCode4",
            "TaxRegistrationCode5",
            "BankCode",
        ),
    )


class ICItems(Sage300Stream):
    """Items of inventory control, with their units of measure."""

    selected_by_default = False
    entity = Entity(
        "ICItems", module="IC", keys=("UnformattedItemNumber",), date="DateLastMaintained"
    )


class POPurchaseOrders(Sage300Stream):
    """Purchase orders with their lines; no date shows a change."""

    selected_by_default = False
    entity = Entity(
        "POPurchaseOrders",
        module="PO",
        keys=("PurchaseOrderSequenceKey",),
        details_inline=True,
    )


class APInvoiceBatches(Sage300Stream):
    """Invoice batches of accounts payable, with invoices, lines and schedules inside.

    Posting is not an edit and does not move the date, so batches are read again until final.
    """

    entity = Entity(
        "APInvoiceBatches",
        module="AP",
        keys=("BatchNumber",),
        date="DateLastEdited",
        status="BatchStatus",
        details_inline=True,
    )


class APPaymentAndAdjustmentBatches(Sage300Stream):
    """Batches of payments (PY) and adjustments (AD), with the documents they are applied to."""

    selected_by_default = False
    entity = Entity(
        "APPaymentAndAdjustmentBatches",
        module="AP",
        keys=("BatchSelector", "BatchNumber"),
        date="DateLastEdited",
        status="BatchStatus",
        details_inline=True,
        private=("BankCode",),
    )


STREAMS: tuple[type[Sage300Stream], ...] = (
    CSCurrencyCodes,
    GLAccountGroups,
    GLSegmentCodes,
    GLAccounts,
    APTerms,
    APVendorGroups,
    APVendors,
    ICItems,
    POPurchaseOrders,
    APInvoiceBatches,
    APPaymentAndAdjustmentBatches,
)
"""In dependency order: master data, vendors, items, then the documents that refer to them."""
