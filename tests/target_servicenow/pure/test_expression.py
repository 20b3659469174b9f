"""Expressions in a mapping: their values, the properties they read, and errors."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from target_servicenow.mapping.expression import (
    MISSING,
    Expression,
    MappingError,
    Property,
    RecordError,
)

RECORD = {
    "Name": "Acme ",
    "Empty": "",
    "Null": None,
    "Amount": Decimal("12.90"),
    "Status": "Active",
    "parent.BatchStatus": "Open",
    "Vendor Number": "7",
    "user.login": "ann",
    "class": "A",
    "len": 3,
    "parent.Batch No": 28,
    "Address": {"City": "Delft", "Geo": None},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Name", "Acme "),
        ("Null", None),
        ("Absent", MISSING),
        ("first(Empty, Null, Name)", "Acme "),
        ("first(Empty, Null)", ""),
        ("first(Empty, Absent)", MISSING),
        ("join(', ', Name, Empty, Null, Status)", "Acme, Active"),
        ("join('\\n', Empty, Null)", ""),
        ("Status == 'Active'", True),
        ("Status == 'Inactive'", False),
        ("Absent == 'Active'", MISSING),
        ("parent.BatchStatus != 'Deleted'", True),
        ("parent.Nothing", MISSING),
        ("Amount * 0.1", Decimal("1.290")),
        ("Amount + decimal('0.10')", Decimal("13.00")),
        ("0.1 + 0.2", Decimal("0.3")),
        ("int('7') + len(Status)", 13),
        ("str(Amount)", "12.90"),
        ("'A' if Status == 'Active' else 'I'", "A"),
        ("Status.upper()", "ACTIVE"),
        ("Name[0:2]", "Ac"),
        ("  Name  ", "Acme "),
        # Properties that are no Python names
        ("record['Vendor Number']", "7"),
        ("record['user.login'].upper()", "ANN"),
        ("first(Empty, record['class'])", "A"),
        ("record['len'] + len(Status)", 9),
        ("record['Status'] == 'Active'", True),
        ("record['None']", MISSING),
        ("parent['Batch No']", 28),
        # A parent that is null is like one that is missing
        ("Address.City", "Delft"),
        ("Address['City']", "Delft"),
        ("Null.City", MISSING),
        ("Null['City']", MISSING),
        ("Absent.City", MISSING),
        ("Address.Street", MISSING),
        ("Address.Geo.Lat", MISSING),
        ("join(', ', Address.Geo.Lat, Name)", MISSING),
    ],
)
def test_evaluation(text: str, value: object) -> None:
    result = Expression(text)(RECORD)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("decimal(Name)", "'decimal(Name)' cannot be evaluated: "),
        ("Amount + Name", "'Amount + Name' cannot be evaluated: "),
        ("Amount / 0", "'Amount / 0' cannot be evaluated: "),
        ("Name[99]", "'Name[99]' cannot be evaluated: "),
        ("Null.upper()", "'Null.upper()' cannot be evaluated: "),
    ],
)
def test_an_expression_that_fails_on_a_record(text: str, sentence: str) -> None:
    with pytest.raises(RecordError) as caught:
        Expression(text)(RECORD)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "Vendor Number",
            (
                "'Vendor Number' is not an expression (invalid syntax (<unknown>, line 1)); a "
                "property of any name is written as record['Vendor Number']"
            ),
        ),
        (
            "open('x')",
            "'open('x')' calls open; a mapping can call {KNOWN}",
        ),
        (
            "float(Amount)",
            "'float(Amount)' calls float; a mapping can call {KNOWN}",
        ),
    ],
)
def test_an_invalid_expression(text: str, sentence: str) -> None:
    with pytest.raises(MappingError) as caught:
        Expression(text)
    known = "decimal, first, int, join, len, optional_field, str"
    assert str(caught.value).replace('"', "'") == sentence.replace("{KNOWN}", known)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("int(Huge)", "the number has too many digits"),
        ("9 ** 9999999", "the number has too many digits"),
        ("(10 ** 3000) * (10 ** 3000)", "the number has too many digits"),
        ("Status * 999999", "only numbers can be multiplied"),
        ("[Status] * 999999", "only numbers can be multiplied"),
        ("'%999999999d' % 5", "only numbers have a remainder"),
        ("Status.rjust(999999999)", "the text is too long"),
        ("Status.zfill(int('9' + '99999999'))", "the text is too long"),
        ("Long.replace('x', Long)", "the text is too long"),
        ("Long.join(Long.split('x'))", "the text is too long"),
        ("join(Long, Long, Long)", "the text is too long"),
        ("Status.upper", "not a value: a method is called with brackets"),
        ("Huge.split()", "not a text"),
    ],
)
def test_an_expression_that_would_run_away(text: str, why: str) -> None:
    """Kind: little input that makes much of time, memory or result; the record is rejected."""
    record = {"Huge": Decimal("1E+999999999"), "Status": "Active", "Long": "x" * 500_000}
    started = time.monotonic()
    with pytest.raises(RecordError) as caught:
        Expression(text)(record)
    assert time.monotonic() - started < 1
    assert str(caught.value) == f"{text!r} cannot be evaluated: {why}"


@pytest.mark.parametrize(
    "text",
    [
        "[x for x in Name]",
        "join(', ', *Name)",
        "f'{Name:>999999999}'",
        "lambda: Name",
        "{n: 1 for n in Name}",
        "Name.encode()",
        "Name.translate({})",
        "Name.__class__()",
        f"{'(' * 5000}Name{')' * 5000}",
        f"Name{' + Name' * 5000}",
    ],
    ids=lambda text: text[:20],
)
def test_an_expression_that_is_refused_when_it_is_loaded(text: str) -> None:
    """Kind: ways to make much of little that no mapping needs."""
    with pytest.raises(MappingError):
        Expression(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Status.zfill(8)", "00Active"),
        ("Status.ljust(8, '.')", "Active.."),
        ("Status.replace('A', 're-a')", "re-active"),
        ("', '.join(Name.split(' '))", "Acme, "),
        ("Address.get('City')", "Delft"),
        ("f'{Status}: {Amount}'", "Active: 12.90"),
        ("2 ** 10 % 100", 24),
        ("int(Amount) * 2", 24),
    ],
)
def test_what_stays_allowed(text: str, value: object) -> None:
    assert Expression(text)(RECORD) == value


def test_property_names() -> None:
    expression = Expression("join(' ', record['Vendor Number'], record['len'], parent['Batch No'])")
    assert expression.names == {"Vendor Number", "len", "parent.Batch No"}
    expression = Expression("join(' ', Name, parent.BatchStatus) if len(Status) else str(Amount)")
    assert expression.names == {"Name", "parent.BatchStatus", "Status", "Amount"}


@pytest.mark.parametrize("name", ["class", "None", "my-name", "agent:os", "len", "1st", ""])
def test_a_property_with_an_unusual_name(name: str) -> None:
    assert Property(name)({name: 5}) == 5
    assert Property(name)({}) is MISSING
    assert Property(name).names == {name}
