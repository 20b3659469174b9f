"""ServiceNow's string forms of values, and their comparison."""

from __future__ import annotations

from decimal import Decimal

import pytest

from target_servicenow.mapping.expression import RecordError
from target_servicenow.mapping.types import ColumnType, render, same


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("string", "Acme  ", "Acme"),
        ("string", "  Acme", "  Acme"),
        ("string", True, "true"),
        ("string", False, "false"),
        ("string", 7, "7"),
        ("string", Decimal("1E+3"), "1000"),
        ("string", Decimal("0.10"), "0.10"),
        ("string", {"b": Decimal("1.5"), "a": ["ä"]}, '{"a": ["ä"], "b": "1.5"}'),
        ("string", [1, None], "[1, null]"),
        ("integer", 12, "12"),
        ("integer", "0012", "12"),
        ("integer", Decimal("28.0"), "28"),
        ("integer", Decimal("1E+3"), "1000"),
        ("integer", -4, "-4"),
        ("decimal", Decimal("12.90"), "12.90"),
        ("decimal", "0.0000001", "0.0000001"),
        ("decimal", Decimal("1E-7"), "0.0000001"),
        ("decimal", 12345678901234567890, "12345678901234567890"),
        ("boolean", True, "true"),
        ("boolean", "Yes", "true"),
        ("boolean", "1", "true"),
        ("boolean", 0, "false"),
        ("boolean", "N", "false"),
        ("date", "2026-11-20T00:00:00Z", "2026-11-20"),
        ("date", "2026-11-20", "2026-11-20"),
        ("date", "2026-11-20T23:30:00-02:00", "2026-11-21"),
        ("date", "0001-01-01T00:00:00Z", "0001-01-01"),
        ("datetime", "2026-11-20T10:00:00+02:00", "2026-11-20 08:00:00"),
        ("datetime", "2026-11-20T10:00:00.123456Z", "2026-11-20 10:00:00"),
        ("datetime", "2026-11-20 10:00:00", "2026-11-20 10:00:00"),
        ("datetime", "2026-11-20", "2026-11-20 00:00:00"),
        ("currency", "USD;10.00", "USD;10.00"),
        ("currency", "CAD;1E+3", "CAD;1000"),
    ],
)
def test_render(kind: str, value: object, text: str) -> None:
    assert render(value, ColumnType(kind)) == text


@pytest.mark.parametrize("kind", list(ColumnType))
@pytest.mark.parametrize("value", [None, ""])
def test_an_empty_value_clears_the_column(kind: ColumnType, value: object) -> None:
    assert render(value, kind) == ""


@pytest.mark.parametrize(
    ("kind", "value", "sentence"),
    [
        ("integer", "12.5", "'12.5' is not a valid integer"),
        ("integer", "abc", "'abc' is not a valid integer"),
        ("integer", "Infinity", "'Infinity' is not a valid integer"),
        ("integer", "NaN", "'NaN' is not a valid integer"),
        ("integer", True, "True is not a valid integer"),
        ("decimal", "1,5", "'1,5' is not a valid decimal"),
        ("decimal", "NaN", "'NaN' is not a valid decimal"),
        ("decimal", "-Infinity", "'-Infinity' is not a valid decimal"),
        ("boolean", "maybe", "'maybe' is not a valid boolean"),
        ("boolean", 2, "2 is not a valid boolean"),
        ("date", "20.11.2026", "'20.11.2026' is not a valid date"),
        ("date", "2026-02-30", "'2026-02-30' is not a valid date"),
        ("date", "0001-01-01T00:00:00+05:00", "'0001-01-01T00:00:00+05:00' is not a valid date"),
        ("datetime", "soon", "'soon' is not a valid datetime"),
        ("decimal", Decimal("NaN"), "NaN is not a valid decimal"),
        ("currency", "USD", "'USD' is not a valid currency"),
        ("currency", "USD;x", "'USD;x' is not a valid currency"),
    ],
)
def test_an_invalid_value(kind: str, value: object, sentence: str) -> None:
    with pytest.raises(RecordError) as caught:
        render(value, ColumnType(kind))
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("kind", "left", "right", "expected"),
    [
        ("string", "a", "a", True),
        ("string", "a", "A", False),
        ("string", "1.0", "1.00", False),
        ("string", "", "a", False),
        ("integer", "12", "012", True),
        ("integer", "12", "13", False),
        ("integer", "0", "", False),
        ("decimal", "12.9", "12.90", True),
        ("decimal", "12.90", "12.91", False),
        ("decimal", "0", "", False),
        ("decimal", "x", "1", False),
        ("boolean", "true", "true", True),
        ("boolean", "true", "false", False),
        ("boolean", "", "false", True),
        ("boolean", "false", "", True),
        ("boolean", "", "true", False),
        ("date", "2026-11-20", "2026-11-20", True),
        ("date", "2026-11-20", "2026-11-21", False),
        ("datetime", "2026-11-20 10:00:00", "2026-11-20 10:00:01", False),
        ("currency", "USD;10.00", "USD;10", True),
        ("currency", "USD;10.00", "CAD;10.00", False),
        ("currency", "USD;10.00", "USD;11", False),
        ("currency", "USD;10.00", "", False),
    ],
)
def test_same(kind: str, left: str, right: str, *, expected: bool) -> None:
    assert same(left, right, ColumnType(kind)) is expected
