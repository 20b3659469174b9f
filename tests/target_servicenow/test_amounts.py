"""The money that a run moved: exact sums by table, currency and outcome, in the ledger."""

from __future__ import annotations

import datetime as dt
import typing as t
from contextlib import closing
from decimal import Decimal

import pytest

from target_servicenow.ledger.entries import Entry, Sent
from target_servicenow.ledger.writer import LedgerWriter
from target_servicenow.mapping.money import MoneyColumns
from target_servicenow.money import Money

if t.TYPE_CHECKING:
    from pathlib import Path

    from conftest import Instance, Singer

INVOICES = "sn_apo_invoice"


def invoice(
    amount: str, code: str = "CAD", kind: str = "Invoice", **more: t.Any
) -> dict[str, t.Any]:
    return {
        "DocumentTotalIncludingTax": amount,
        "CurrencyCode": code,
        "DocumentType": kind,
        **more,
    }


def amounts(instance: Instance, run: int) -> dict[tuple[str, str], tuple[int, str]]:
    """Rows and sum of a run, by currency and outcome; without those that no row had."""
    rows = instance.query(
        f"SELECT currency, outcome, rows, amount FROM amounts WHERE run = {run} AND rows"
        f" AND \"table\" = '{INVOICES}'"
    )
    return {(currency, outcome): (n, amount) for currency, outcome, n, amount in rows}


def test_a_run_sums_what_it_moved_exactly(instance: Instance, singer: Singer) -> None:
    """The fault: no record of how much money a run moved, and floats that lose cents."""
    first = singer.batch(
        1,
        invoice("0.1"),
        invoice("0.2"),
        invoice("12345678901234567890.123"),
        invoice("50", kind="CreditNote"),
        invoice("7.00", code="usd"),
        invoice("1", code=""),
        {"CurrencyCode": "CAD"},  # without an amount
    )
    assert instance.run(singer.batches(first)).code == 0
    assert amounts(instance, 1) == {
        ("CAD", "created"): (4, "12345678901234567840.423"),
        ("USD", "created"): (1, "7.00"),
        ("", "created"): (1, "1"),
    }
    second = singer.batch(1, invoice("0.3"), invoice("0.2"))
    assert instance.run(singer.batches(second)).code == 0
    assert amounts(instance, 2) == {
        ("CAD", "updated"): (1, "0.3"),
        ("CAD", "unchanged"): (1, "0.2"),
    }


def test_a_row_that_waits_counts_once_by_its_last_fate(instance: Instance, singer: Singer) -> None:
    """A held invoice is tried again in the same run, after its vendor has come, and later."""
    batches = singer.batches(
        singer.batch(1, invoice("10.5", VendorNumber="5"), invoice("2", VendorNumber="6"))
    )
    assert instance.run([*batches, *singer.vendors(singer.vendor("5"))]).code == 0
    assert amounts(instance, 1) == {("CAD", "created"): (1, "10.5"), ("CAD", "held"): (1, "2")}
    assert instance.query("SELECT identifier, money FROM rejects") == [
        ("sage300:SAMINC:Invoice:1:2", "CAD;2")
    ]
    assert instance.run(singer.vendors(singer.vendor("6"))).code == 0
    assert amounts(instance, 2) == {("CAD", "created"): (1, "2")}
    assert instance.query("SELECT * FROM rejects") == []


def test_an_answer_found_later_counts_in_the_run_that_sent_it(tmp_path: Path) -> None:
    """The sum of the run that was cut off grows by rows that turn out to be written."""
    with closing(LedgerWriter(tmp_path / "ledger")) as ledger:
        ledger.start(mode="apply", mapping="default")
        ledger.record([Entry(INVOICES, "a", "created", money=Money("CAD", Decimal("0.10")))])
        late = Entry(INVOICES, "b", "created", money=Money("CAD", Decimal("0.20")))
        ledger.sending([late, Entry("proc_vendor", "v", "created")])
        sent = dict.fromkeys("bv", Sent(1, dt.datetime.now(dt.UTC), "created", {}))
        ledger.close_unfinished([late, Entry("proc_vendor", "v", "created")], sent)
        found = ledger._rows('SELECT "table", outcome, rows, amount FROM amounts')
        assert found == [(INVOICES, "created", 2, "0.30")]


@pytest.mark.parametrize(
    ("values", "money"),
    [
        ({"total": "10.50", "code": "usd "}, "USD;10.50"),
        ({"total": "10.50"}, ";10.50"),
        ({"total": "EUR;10.50", "code": "USD"}, "EUR;10.50"),
        ({"total": "10.50", "code": "USD", "kind": "credit"}, "USD;-10.50"),
        ({"total": "-10.50", "code": "USD", "kind": "credit"}, "USD;10.50"),
        ({"total": "", "code": "USD"}, "None"),
        ({"code": "USD"}, "None"),
    ],
)
def test_the_money_of_a_row(values: dict[str, str], money: str) -> None:
    columns = MoneyColumns("total", "code", {"kind": "credit"})
    assert str(columns.of(values)) == money
