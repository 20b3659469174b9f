"""Expressions in a mapping: their values, the properties they read, and errors."""

from __future__ import annotations

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
