"""The entities of Sage 300 this tap reads. Names are Sage's own.

Keys and dates: Sage 300 Web API endpoint reference; which date moves with what: product help of
Accounts Payable and General Ledger.
"""

from __future__ import annotations

from tap_sage300.client import Sage300Stream
from tap_sage300.reader import Entity


class GLAccounts(Sage300Stream):
    """Accounts of the general ledger; the only date they carry is the day of creation."""

    entity = Entity(
        "GLAccounts",
        module="GL",
        key="UnformattedAccount",
        date="DateCreated",
        dates_edits=False,
        calculated=("AcctSelector", "NumberOfcreatedpreviewaccounts"),
    )


class APVendors(Sage300Stream):
    """Vendors of accounts payable."""

    entity = Entity(
        "APVendors",
        module="AP",
        key="VendorNumber",
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


class APInvoiceBatches(Sage300Stream):
    """Invoice batches of accounts payable, with invoices, lines and schedules inside.

    Posting is not an edit and leaves the date alone, so batches are read again until final.
    """

    entity = Entity(
        "APInvoiceBatches",
        module="AP",
        key="BatchNumber",
        date="DateLastEdited",
        status="BatchStatus",
        details_inline=True,
    )


STREAMS: tuple[type[Sage300Stream], ...] = (GLAccounts, APVendors, APInvoiceBatches)
"""In dependency order: master data before the documents that refer to it."""
