"""Currency, price and FX currency columns: what they keep, show, find and add up."""

import pytest

from sage300_servicenow_sandbox.declared import DeclarationError

INVOICES = "/api/now/table/sn_apo_invoice"
RATES = {"EUR": 1, "USD": 1.25, "GBP": 0.8, "KWD": 0.375}


@pytest.fixture
def become(instance):
    """Make total_amount a column of a type, on an instance with these currencies."""

    def become(kind, **currencies):
        rule = {"table": "sn_apo_invoice", "column": "total_amount", "type": kind}
        settings = {"session": "USD", "reference": "USD", "rates": RATES, "digits": 4}
        instance.app.behave(columns=[rule], currencies={**settings, **currencies})

    return become


def insert(instance, amount):
    values = {"invoice_number": "I1", "total_amount": amount}
    return instance.send("POST", "sn_apo_invoice", values)["total_amount"]


@pytest.mark.parametrize(
    ("sent", "shown", "displayed", "kept"),
    [
        ("10.00", "10", "$10.00", "USD;10;USD;10"),
        ("EUR;10.00", "12.5", "$12.50", "EUR;10;USD;12.5"),
        ("GBP;0.3333", "0.5208", "$0.5208", "GBP;0.3333;USD;0.5208"),
        ("KWD;1.23456", "4.1153", "$4.1153", "KWD;1.2346;USD;4.1153"),
        ("EUR;-1234567.1", "-1543208.875", "-$1,543,208.875", "EUR;-1234567.1;USD;-1543208.875"),
        ("", "", "", ""),
        ("XXX;10.00", "", "", ""),
        ("ten", "", "", ""),
    ],
)
def test_what_is_kept_and_shown(instance, become, sent, shown, displayed, kept):  # noqa: PLR0917
    for kind in ("currency", "price"):
        become(kind)
        assert insert(instance, sent) == shown
    rows = instance.list("sn_apo_invoice", fields="total_amount", display_value="all")
    assert rows == [{"total_amount": {"display_value": displayed, "value": shown}}] * 2
    assert [row["total_amount"] for row in instance.app.rows("sn_apo_invoice")] == [kept] * 2


@pytest.mark.parametrize(
    ("sent", "shown", "displayed"),
    [
        ("EUR;10.00", "EUR;10", "€10.00"),
        ("KWD;1.23456", "KWD;1.23456", "KWD 1.2346"),
        ("10000", "USD;0", "$0.00"),
        ("", "", ""),
        ("XXX;10.00", "", ""),
    ],
)
def test_what_an_fx_currency_column_shows(instance, become, sent, shown, displayed):
    become("currency2")
    assert insert(instance, sent) == shown
    [row] = instance.list("sn_apo_invoice", fields="total_amount", display_value="all")
    assert row == {"total_amount": {"display_value": displayed, "value": shown}}


def test_two_places(instance, become):
    become("currency", digits=2)
    assert insert(instance, "EUR;1.005") == "1.26"


def test_another_session_currency_or_rate_shows_another_amount(instance, become):
    become("currency")
    insert(instance, "EUR;10.00")
    become("currency", session="EUR")
    assert instance.list("sn_apo_invoice", fields="total_amount") == [{"total_amount": "10"}]
    become("currency", rates={**RATES, "USD": 1.3})
    assert instance.list("sn_apo_invoice", fields="total_amount") == [{"total_amount": "13"}]
    [row] = instance.app.rows("sn_apo_invoice")
    assert row["total_amount"] == "EUR;10;USD;12.5"
    instance.send("PATCH", f"sn_apo_invoice/{row['sys_id']}", {"total_amount": "EUR;10.0"})
    assert instance.app.rows("sn_apo_invoice") == [row]  # it did not change, nor did its stamps


@pytest.mark.parametrize(
    ("kind", "query", "found"),
    [
        ("currency", "total_amount=12.5", {"EUR;10"}),
        ("currency", "total_amount=EUR;10", {"EUR;10"}),
        ("currency", "total_amount>EUR;8", {"EUR;10", "USD;11"}),
        ("currency", "total_amount>11^ORDERBYtotal_amount", {"EUR;10"}),
        ("currency", "total_amountISEMPTY", {""}),
        ("currency2", "total_amount=EUR;10", {"EUR;10"}),
        ("currency2", "total_amount>EUR,1", {"EUR;10"}),
        ("currency2", "total_amount>USD,12", set()),
    ],
)
def test_what_a_query_finds(instance, become, kind, query, found):
    """Reference amounts are compared, of FX currency columns those of the same currency."""
    become(kind)
    for amount in ("EUR;10", "USD;11", ""):
        insert(instance, amount)
    ids = {row["sys_id"] for row in instance.list("sn_apo_invoice", query=query)}
    rows = instance.app.rows("sn_apo_invoice")
    kept = {";".join(r["total_amount"].split(";")[:2]) for r in rows if r["sys_id"] in ids}
    assert kept == found


@pytest.mark.parametrize(
    ("kind", "total", "nothing"),
    [
        ("currency", "23.5000", "0.0000"),
        ("price", "23.5000", "0.0000"),
        ("currency2", "USD;23.5", ""),
    ],
)
def test_sums_are_in_the_reference_currency(instance, become, kind, total, nothing):
    become(kind, session="EUR")
    for amount in ("EUR;10", "USD;11", ""):
        insert(instance, amount)
    assert sums(instance) == total
    assert sums(instance, "invoice_number=none") == nothing


def test_fx_amounts_of_several_reference_currencies_have_no_sum(instance, become):
    for reference in ("USD", "EUR"):
        become("currency2", reference=reference)
        insert(instance, "EUR;10")
    assert sums(instance) == ";"


def sums(instance, query=""):
    params = {"sysparm_sum_fields": "total_amount", "sysparm_query": query}
    response = instance.call("GET", "/api/now/stats/sn_apo_invoice", params=params)
    return response.json()["result"]["stats"]["sum"]["total_amount"]


def test_the_dictionary_names_the_type(instance, become):
    become("price")
    query = "name=sn_apo_invoice^element=total_amount"
    shown = {"fields": "internal_type", "exclude_reference_link": "true"}
    assert instance.list("sys_dictionary", query=query, **shown) == [{"internal_type": "price"}]


def test_currencies_need_rates(become):
    with pytest.raises(DeclarationError, match="The currencies need a rate for CHF"):
        become("currency", session="CHF")
