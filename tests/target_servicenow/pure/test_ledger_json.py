"""JSON in the ledger: exact amounts, and values that strict JSON does not allow."""

from __future__ import annotations

import math
import typing as t
from dataclasses import dataclass
from decimal import Decimal

import pytest

from target_servicenow.ledger.entries import from_json, to_json
from target_servicenow.outcomes import Cause


@dataclass(frozen=True)
class Change:
    old: str
    new: str


@pytest.mark.parametrize(
    "text",
    [
        "12.90",
        "-0.00",
        "0.10000000000000000001",
        "1234567890123456789012345678901234567890.001",
        "1E+400",
        "123456789012345678901234567890",
    ],
)
def test_numbers_stay_exact(text: str) -> None:
    assert to_json(from_json(f'{{"amount":{text}}}')) == f'{{"amount":{text}}}'


@pytest.mark.parametrize(
    "value",
    [
        {
            "text": "wh\u00f6le \U0001f600",
            "none": None,
            "list": [1, True, {"amount": Decimal("1.10")}],
        },
        {"half": "\ud83d of a pair", "amount": Decimal("1.10"), "none": None},
        {"infinite": Decimal("1.10"), "in": [{"a list": -math.inf}]},
    ],
    ids=["strict", "half of a surrogate pair", "infinity"],
)
def test_values_round_trip(value: dict[str, t.Any]) -> None:
    text = to_json(value)
    assert from_json(text) == value
    text.encode()  # as SQLite stores it


def test_nan_is_not_null() -> None:
    read = from_json(to_json({"rate": math.nan, "none": None, "amount": Decimal("1.10")}))
    assert math.isnan(read["rate"])
    assert (read["none"], read["amount"]) == (None, Decimal("1.10"))


@pytest.mark.parametrize("new", ["Gouda", "half \ud83d"])
def test_changes_from_dataclasses_and_mappings(new: str) -> None:
    expected = {"city": {"old": "null", "new": new}}
    assert from_json(to_json({"city": Change("null", new)})) == expected
    assert from_json(to_json(expected)) == expected


def test_a_cause_is_written_as_its_text() -> None:
    assert to_json([Cause.SCHEMA]) == '["schema"]'
