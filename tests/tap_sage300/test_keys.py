"""Keys of one property and of several."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tap_sage300.api import keys


@pytest.mark.parametrize(
    ("value", "expected"),
    [(Decimal("58.0"), 58), (Decimal("58.5"), Decimal("58.5")), (7, 7), ("58", "58")],
)
def test_whole_decimals_become_integers(value, expected):
    result = keys.as_integer(value)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("given", "last", "ordered"),
    [
        (["1", "12", "2"], None, True),
        (["1", "12", "2"], "1", False),
        (["A", "a"], "0", True),
        ([2, 10], 1, True),
        ([2, 2], None, False),
        ([], "9", True),
        (["1", 2], None, False),
        ([("AD", 9), ("PY", 1), ("PY", 2)], ("AD", 8), True),
        ([("AD", 9), ("PY", 1)], ("AD", 9), False),
        ([("PY", 2), ("PY", 1)], None, False),
    ],
)
def test_order_of_keys(given, last, ordered):
    assert keys.in_order(given, last) is ordered


@pytest.mark.parametrize(
    ("row", "names", "key"),
    [
        ({"A": "x"}, ["A"], "x"),
        ({"A": Decimal("5.00")}, ["A"], 5),
        ({"A": "x", "B": Decimal("2.0")}, ["A", "B"], ("x", 2)),
        ({"A": "x"}, ["A", "B"], None),
        ({"A": None}, ["A"], None),
        ({"A": Decimal("5.5")}, ["A"], None),
    ],
)
def test_the_key_of_a_row(row, names, key):
    assert keys.key_of(row, names) == key


def test_parts():
    assert keys.parts("x") == ("x",)
    assert keys.parts(("x", 2)) == ("x", 2)
