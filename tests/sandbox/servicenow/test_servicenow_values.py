"""What each type of column keeps of what was sent."""

import datetime as dt

import pytest

MISSING = "0" * 32
NOON = dt.datetime(2026, 3, 1, 12, 0, 0, tzinfo=dt.UTC)

INVOICE_VALUES = [
    # column, sent, stored; None: absent, as if it had not been sent
    ("short_description", "Paper", "Paper"),
    ("short_description", " spaced ", " spaced "),
    ("short_description", "Žluťoučký 纸", "Žluťoučký 纸"),
    ("short_description", "\U0001f4c4" * 161, "\U0001f4c4" * 160),
    ("short_description", "x" * 161, "x" * 160),
    ("short_description", 12.50, "12.5"),
    ("short_description", True, "true"),
    ("short_description", {"a": 1}, None),
    ("short_description", ["a"], None),
    ("currency", "EURO", "EUR"),
    ("no_such_column", "x", None),
    ("invoice_type", "credit_note", "credit_note"),
    ("invoice_type", "Credit note", None),
    ("invoice_type", "", ""),
    ("state", "no_such_state", None),
    ("state", "", ""),
    ("on_hold", True, "true"),
    ("on_hold", "TRUE", "true"),
    ("on_hold", 1, "true"),
    ("on_hold", "0", "false"),
    ("on_hold", "", "false"),
    ("on_hold", "maybe", None),
    ("batch_number", 17, "17"),
    ("batch_number", "0017", "17"),
    ("batch_number", "-3", "-3"),
    ("batch_number", "17.5", None),
    ("batch_number", "17a", None),
    ("batch_number", "\uff11\uff17", None),
    ("batch_number", "9" * 5000, None),
    ("batch_number", "", ""),
    ("total_amount", "12.990", "12.99"),
    ("total_amount", "12.0005", "12.001"),
    ("total_amount", "-12.0005", "-12.001"),
    ("total_amount", "12.0004999", "12"),
    ("total_amount", "100", "100"),
    ("total_amount", "-0.0001", "0"),
    ("total_amount", "1e3", "1000"),
    ("total_amount", "+.5", "0.5"),
    ("total_amount", 9007199254740993, "9007199254740993"),
    ("total_amount", "9" * 61, None),
    ("total_amount", "123456789012345678901234567890.126", "123456789012345678901234567890.126"),
    ("total_amount", "1,000.00", None),
    ("total_amount", "USD;10.00", None),
    ("total_amount", "NaN", None),
    ("total_amount", "1e9999", None),
    ("total_amount", "", ""),
    ("exchange_rate", "1.23456785", "1.2345679"),
    ("invoice_date", "2026-02-28", "2026-02-28"),
    ("invoice_date", "2026-02-28 23:59:59", "2026-02-28"),
    ("invoice_date", "2026-02-30", None),
    ("invoice_date", "28/02/2026", None),
    ("invoice_date", "2026-02-28T00:00:00Z", None),
    ("invoice_date", "20260228", None),
    ("invoice_date", "", ""),
    ("invoice_date", None, ""),
    ("vendor", "no vendor", ""),
    ("vendor", MISSING, ""),
    ("vendor", "", ""),
    ("sys_created_by", "me", None),
    ("sys_updated_on", "2000-01-01 00:00:00", None),
    ("sys_mod_count", "99", None),
]


@pytest.mark.parametrize(("column", "sent", "stored"), INVOICE_VALUES)
def test_what_an_insert_keeps(instance, clock, column, sent, stored):
    clock.set(NOON)
    plain = instance.send("POST", "sn_apo_invoice", {"invoice_number": "INV-1"})
    made = instance.send("POST", "sn_apo_invoice", {"invoice_number": "INV-1", column: sent})
    expected = plain if stored is None else {**plain, column: stored}
    assert {**made, "sys_id": ""} == {**expected, "sys_id": ""}
    assert made in instance.app.rows("sn_apo_invoice")


@pytest.mark.parametrize(("column", "sent", "stored"), INVOICE_VALUES)
def test_what_an_update_keeps(instance, column, sent, stored):
    vendor = instance.app.insert("proc_vendor", {"name": "Copper Works"})
    before = instance.app.insert(
        "sn_apo_invoice",
        {
            "invoice_number": "INV-1",
            "vendor": vendor["sys_id"],
            "short_description": "Before",
            "invoice_type": "interest",
            "state": "posted",
            "on_hold": "true",
            "batch_number": "1",
            "total_amount": "1",
            "invoice_date": "2025-12-31",
        },
    )
    stamps = {"sys_mod_count", "sys_updated_on", "sys_updated_by"}
    instance.send("PATCH", f"sn_apo_invoice/{before['sys_id']}", {column: sent})
    [after] = instance.app.rows("sn_apo_invoice")
    changed = {name: after[name] for name in after if after[name] != before[name]}
    expected = {} if stored is None or stored == before[column] else {column: stored}
    assert {name: value for name, value in changed.items() if name not in stamps} == expected
    assert after["sys_mod_count"] == str(len(expected))


def test_numbers_keep_every_digit_they_were_written_with(instance):
    body = '{"invoice_number": "INV-1", "total_amount": 90071992547409.915, "po_number": 1.10}'
    response = instance.call("POST", "/api/now/table/sn_apo_invoice", data=body)
    row = response.json()["result"]
    assert (row["total_amount"], row["po_number"]) == ("90071992547409.915", "1.10")


@pytest.mark.parametrize(
    ("switch", "stored"),
    [("as_sent", " a\nb "), ("trimmed", "a\nb"), ("crlf", " a\r\nb ")],
)
def test_the_form_in_which_text_is_stored(instance, switch, stored):
    instance.app.behave(stored_text=switch)
    values = {"invoice_number": "INV-1", "short_description": " a\nb "}
    assert instance.send("POST", "sn_apo_invoice", values)["short_description"] == stored
