"""Amounts in currency, price and FX currency columns keep their currency, and settle."""

from __future__ import annotations

import json
import typing as t

import pytest
from click.testing import CliRunner

from target_servicenow.commands.group import ledger

if t.TYPE_CHECKING:
    from conftest import Instance, Singer

INVOICES = "sn_apo_invoice"
KINDS = ("currency", "price", "currency2")
CURRENCY = {"value": "DocumentTotalIncludingTax", "type": "currency", "currency": "CurrencyCode"}
OVERRIDES = {"tables": {INVOICES: {"columns": {"total_amount": CURRENCY}}}}
RATES = {"EUR": 1, "USD": 1.25, "CAD": 1.6}


def become(instance: Instance, kind: str, **currencies: t.Any) -> None:
    """Make the invoices' total a column of a kind."""
    rule = {"table": INVOICES, "column": "total_amount", "type": kind}
    instance.behave(columns=[rule], currencies={"rates": RATES, **currencies})


def invoice(singer: Singer, amount: t.Any = "10.00", code: str = "EUR") -> list[dict[str, t.Any]]:
    entry = {"DocumentTotalIncludingTax": amount, "CurrencyCode": code}
    return singer.batches(singer.batch(7, entry))


def run(instance: Instance, messages: list[dict[str, t.Any]], **settings: t.Any) -> tuple[int, int]:
    """Run the target; the rows that it sent to be created and to be changed."""
    instance.take_counters()
    assert instance.run(messages, mapping_overrides=OVERRIDES, **settings).code == 0
    return instance.written()


def total(instance: Instance) -> str:
    """The invoice's total as it was entered."""
    [row] = instance.rows(INVOICES)
    return ";".join(row["total_amount"].split(";")[:2])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("session", ["EUR", "USD"])
def test_money_keeps_its_currency_and_settles(
    instance: Instance, singer: Singer, kind: str, session: str
) -> None:
    """The fault: type currency was sent again in every run, since the column reads without code."""
    become(instance, kind, session=session)
    messages = invoice(singer)
    assert run(instance, messages) == (1, 0)
    assert total(instance) == "EUR;10"
    assert [line for line in instance.logged("WARNING") if "altered" in line] == []
    listed = CliRunner().invoke(ledger, ["--ledger", str(instance.ledger), "altered", "--json"])
    assert json.loads(listed.stdout) == []
    assert run(instance, messages, mode="plan") == (0, 0)
    assert run(instance, messages) == (0, 0)
    assert instance.counts(INVOICES) == {"unchanged": 1}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("session", ["EUR", "USD"])
def test_another_amount_or_currency_is_sent(
    instance: Instance, singer: Singer, kind: str, session: str
) -> None:
    """The fault: EUR 10.00 shown as 10 counted as USD 10.00."""
    become(instance, kind, session=session)
    for amount, code in (("10.00", "EUR"), ("10.00", "USD"), ("12.50", "USD"), ("10.00", "EUR")):
        run(instance, invoice(singer, amount, code))
        assert total(instance) == f"{code};{amount.rstrip('0').rstrip('.')}"
        assert run(instance, invoice(singer, amount, code)) == (0, 0)


def test_a_new_rate_changes_nothing(instance: Instance, singer: Singer) -> None:
    """The fault: an amount shown at the rate of the day was another one every day."""
    messages = invoice(singer)
    for rate in (1.25, 1.3, 1.35):
        become(instance, "currency", rates={**RATES, "USD": rate})
        assert run(instance, messages) == ((1, 0) if rate == 1.25 else (0, 0))
    [row] = instance.rows(INVOICES)
    instance.update_row(INVOICES, row["sys_id"], po_number="edited")
    assert run(instance, messages) == (0, 0)
    instance.update_row(INVOICES, row["sys_id"], po_number="again")
    become(instance, "currency", rates={**RATES, "USD": 1.4})
    assert run(instance, messages) == (0, 1)  # the amount may have been edited, too
    become(instance, "currency", rates={**RATES, "USD": 1.5})
    assert run(instance, messages) == (0, 0)
    assert total(instance) == "EUR;10"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("edit", ["EUR;11", "USD;10", "CAD;10", ""])
def test_an_edited_amount_is_sent_again(
    instance: Instance, singer: Singer, kind: str, edit: str
) -> None:
    """The fault to avoid: USD 10 typed over EUR 10.00 is shown as 10, which agrees."""
    become(instance, kind)
    messages = invoice(singer)
    run(instance, messages)
    [row] = instance.rows(INVOICES)
    instance.update_row(INVOICES, row["sys_id"], total_amount=edit)
    assert run(instance, messages) == (0, 1)
    assert total(instance) == "EUR;10"
    assert run(instance, messages) == (0, 0)


@pytest.mark.parametrize(("session", "sent"), [("EUR", (0, 0)), ("USD", (0, 1))])
def test_a_lost_ledger_is_learned_again(
    instance: Instance, singer: Singer, session: str, sent: tuple[int, int]
) -> None:
    """Amounts are compared alone where ServiceNow shows no code and nothing is remembered."""
    become(instance, "currency", session=session)
    messages = invoice(singer)
    run(instance, messages)
    for name in instance.folder.glob("ledger.sqlite*"):
        name.unlink()
    assert run(instance, messages) == sent
    assert run(instance, messages) == (0, 0)
    [(columns,)] = instance.query("SELECT columns FROM altered")
    shown = "10" if session == "EUR" else "12.5"
    assert json.loads(columns) == {"total_amount": {"old": shown, "new": "EUR;10.00"}}


def test_a_currency_that_the_instance_has_not_is_told(instance: Instance, singer: Singer) -> None:
    become(instance, "currency")
    messages = invoice(singer, code="XXX")
    assert run(instance, messages) == (1, 0)
    assert [line.split(";")[0] for line in instance.logged("WARNING") if "altered" in line] == [
        "ServiceNow altered sn_apo_invoice.total_amount (rows: 1)"
    ]
    assert run(instance, messages) == (0, 0)


@pytest.mark.parametrize("code", ["", "EURO", None])
def test_an_amount_without_a_currency_is_rejected(
    instance: Instance, singer: Singer, code: t.Any
) -> None:
    """The fault: it was sent as ";10.00", which ServiceNow takes in the account's currency."""
    become(instance, "currency")
    run(instance, invoice(singer, code=code))
    assert instance.rows(INVOICES) == []
    [(outcome, reason)] = instance.rejects().values()
    assert (outcome, reason) == (
        "rejected",
        (
            f"column total_amount: CurrencyCode is {str(code or '')!r}, which is no currency code "
            "of three letters"
        ),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_an_amount_without_a_currency_is_told_beforehand(
    instance: Instance, singer: Singer, kind: str
) -> None:
    """The fault: EUR 10.00 became USD 10.00 in a currency column, and 0 in an FX currency one."""
    become(instance, kind)
    does = "stores as 0" if kind == "currency2" else "takes in the account's own"
    sentence = (
        f"sn_apo_invoice has total_amount as {kind}, but the mapping sends amounts without their "
        f"currency, which ServiceNow {does}: set type: currency for the column in "
        "mapping_overrides, with currency: the property that holds the code"
    )
    code, lines = instance.check()
    assert (code, f"error    {sentence}" in lines) == (1, True)
    result = instance.run(invoice(singer))
    assert (result.code, result.errors) == (1, [sentence])
    assert instance.rows(INVOICES) == []
    assert instance.check(mapping_overrides=OVERRIDES)[0] == 0


def test_an_optional_table_is_skipped_aloud(instance: Instance, singer: Singer) -> None:
    """The fault to avoid: invoice lines that go missing with a word at the level of INFO."""
    rule = {"table": "sn_apo_invoice_line", "column": "amount", "type": "currency"}
    instance.behave(columns=[rule])
    lines = [{"LineNumber": 20, "DistributedAmount": "10.00"}]
    messages = singer.batches(singer.batch(7, {"InvoiceDetails": lines}))
    assert instance.run(messages).code == 0
    assert (len(instance.rows(INVOICES)), instance.rows("sn_apo_invoice_line")) == (1, [])
    [warning] = [line for line in instance.logged("WARNING") if "skipped" in line]
    assert warning.startswith(
        "sn_apo_invoice_line is optional and skipped: sn_apo_invoice_line has amount as currency"
    )
