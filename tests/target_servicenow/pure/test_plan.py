"""What to do about a row, and how many to send at once."""

from __future__ import annotations

import pytest

from target_servicenow.api.table import StoredRow
from target_servicenow.mapping.parse import parse
from target_servicenow.mapping.render import Row
from target_servicenow.outcomes import Outcome
from target_servicenow.upsert.batch_size import BatchSize
from target_servicenow.upsert.plan import (
    Change,
    Decision,
    decide,
    difference,
    natural_key,
    own_sys_id,
    too_long,
    truncated,
)

TABLE = parse(
    {
        "tables": {
            "vendor": {
                "stream": "Vendors",
                "identity": {"entity": "Vendor", "key": ["Number"]},
                "adopt_by": "name",
                "columns": {
                    "name": "Name",
                    "city": "City",
                    "limit": {"value": "Limit", "type": "decimal"},
                    "active": {"value": "Active", "type": "boolean"},
                },
            }
        }
    },
    "m",
).table("vendor")
NAME = "sage300:Vendor:1"
VALUES = {"name": "Acme", "city": "", "limit": "12.90", "active": ""}
STORED = {"name": "Acme", "city": "", "limit": "12.9", "active": "false"}


def row(*, creatable: bool = True, **values: str) -> Row:
    return Row("vendor", NAME, {**VALUES, **values}, creatable=creatable)


def found(sys_id: str = "s1", *, source: str = NAME, **values: str) -> StoredRow:
    return StoredRow(sys_id, {**STORED, "correlation_id": source, **values})


def test_nothing_there_is_created_without_its_empty_columns() -> None:
    sent = {"name": "Acme", "limit": "12.90", "correlation_id": NAME}
    changes = {name: Change("", value) for name, value in sent.items()}
    assert decide(TABLE, row(), [], []) == Decision(
        row(),
        Outcome.CREATED,
        values=sent,
        new_sys_id=own_sys_id(NAME),
        changes=changes,
    )


def test_nothing_there_and_not_to_be_made() -> None:
    assert decide(TABLE, row(creatable=False), [], []) == Decision(row(creatable=False), None)


def test_what_is_equal_is_left_alone() -> None:
    expected = Decision(row(), Outcome.UNCHANGED, sys_id="s1")
    assert decide(TABLE, row(), [found()], []) == expected


@pytest.mark.parametrize("creatable", [True, False])
def test_only_what_differs_is_sent(*, creatable: bool) -> None:
    wanted = row(city="Delft", name="", creatable=creatable)
    assert decide(TABLE, wanted, [found()], []) == Decision(
        wanted,
        Outcome.UPDATED,
        values={"city": "Delft", "name": ""},
        sys_id="s1",
        changes={"city": Change("", "Delft"), "name": Change("Acme", "")},
    )


def test_a_row_typed_in_by_hand_is_claimed() -> None:
    assert decide(TABLE, row(), [], [found(source="", city="Delft")]) == Decision(
        row(),
        Outcome.ADOPTED,
        values={"city": "", "correlation_id": NAME},
        sys_id="s1",
        changes={"city": Change("Delft", ""), "correlation_id": Change("", NAME)},
    )


def test_its_own_row_comes_before_one_typed_in() -> None:
    assert decide(TABLE, row(), [found()], [found("s2", source="")]).sys_id == "s1"


def test_two_rows_of_one_identifier_are_not_touched() -> None:
    decision = decide(TABLE, row(city="Delft"), [found("s1"), found("s2")], [])
    assert (decision.outcome, decision.values, decision.sys_id) == (Outcome.REJECTED, {}, "")
    assert decision.reason == (
        f"2 rows of vendor carry correlation_id {NAME} (s1, s2): delete or clear all but one; "
        "none was changed"
    )


def test_two_rows_to_claim_are_not_touched() -> None:
    candidates = [found("s1", source=""), found("s2", source="")]
    decision = decide(TABLE, row(), [], candidates)
    assert (decision.outcome, decision.values, decision.sys_id) == (Outcome.HELD, {}, "")
    assert decision.reason == (
        "2 rows of vendor have name 'Acme' and no correlation_id (s1, s2): set correlation_id to "
        f"{NAME} on the right one"
    )


def test_a_column_servicenow_did_not_give_is_no_difference() -> None:
    assert difference(TABLE, {"name": "Acme"}, {"name": "Acme", "city": "Delft"}) == {}


def test_too_long_and_truncated() -> None:
    lengths = {"name": 3, "city": 5, "limit": 0, "other": 1}
    wanted = row(city="Delft")
    assert too_long(wanted, lengths) == ["name (4 characters, the column holds 3)"]
    cut = truncated(wanted, lengths)
    assert cut.values == {**wanted.values, "name": "Acm"}
    assert too_long(cut, lengths) == []
    assert (cut.identifier, cut.creatable) == (wanted.identifier, wanted.creatable)


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (" Acme ", "ACME", True),
        ("Straße", "STRASSE", True),
        ("Acme B", "AcmeB", False),
        ("", "  ", True),
    ],
)
def test_natural_keys(left: str, right: str, *, equal: bool) -> None:
    assert (natural_key(left) == natural_key(right)) is equal


def test_the_pace_grows_while_calls_are_quick() -> None:
    pace = BatchSize()
    sizes = [pace.rows]
    for _ in range(5):
        pace.took(pace.rows, 1.0)
        sizes.append(pace.rows)
    assert sizes == [50, 100, 200, 400, 500, 500]


@pytest.mark.parametrize(
    ("rows", "seconds", "after"),
    [(50, 7.4, 100), (50, 7.5, 50), (50, 29.0, 50), (49, 0.1, 50)],
)
def test_the_pace_grows_only_by_a_full_and_quick_call(
    rows: int, seconds: float, after: int
) -> None:
    pace = BatchSize()
    pace.took(rows, seconds)
    assert pace.rows == after


def test_the_pace_halves_down_to_one() -> None:
    pace = BatchSize()
    sizes = []
    for _ in range(7):
        pace.cut_short()
        sizes.append(pace.rows)
    assert sizes == [25, 12, 6, 3, 1, 1, 1]
