"""The decision about a row, and the size of a batch."""

from __future__ import annotations

import pytest

from target_servicenow.api.table import StoredRow
from target_servicenow.mapping.parse import parse
from target_servicenow.mapping.render import Row
from target_servicenow.outcomes import Cause, Outcome
from target_servicenow.upsert.batch_size import BatchSize
from target_servicenow.upsert.plan import (
    Change,
    Decision,
    Recorded,
    decide,
    difference,
    natural_key,
    own_sys_id,
    too_long,
    truncated,
    was_written,
)

TABLE = parse(
    {
        "source": "sage300",
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
        },
    },
    "m",
).table("vendor")
NAME = "sage300:Vendor:1"
VALUES = {"name": "Acme", "city": "", "limit": "12.90", "active": ""}
STORED = {"name": "Acme", "city": "", "limit": "12.9", "active": "false"}


def row(*, creatable: bool = True, **values: str) -> Row:
    return Row("vendor", NAME, {**VALUES, **values}, creatable=creatable)


def stored(sys_id: str = "s1", *, source: str = NAME, **values: str) -> StoredRow:
    return StoredRow(sys_id, {**STORED, "correlation_id": source, **values})


def test_a_missing_row_is_created_without_empty_columns() -> None:
    sent = {"name": "Acme", "limit": "12.90", "correlation_id": NAME}
    changes = {name: Change("", value) for name, value in sent.items()}
    assert decide(TABLE, row(), [], []) == Decision(
        row(),
        Outcome.CREATED,
        values=sent,
        new_sys_id=own_sys_id(NAME),
        changes=changes,
    )


def test_a_missing_row_that_is_not_creatable() -> None:
    assert decide(TABLE, row(creatable=False), [], []) == Decision(row(creatable=False), None)


def test_an_equal_row_is_unchanged() -> None:
    expected = Decision(row(), Outcome.UNCHANGED, sys_id="s1")
    assert decide(TABLE, row(), [stored()], []) == expected


@pytest.mark.parametrize("creatable", [True, False])
def test_only_differing_columns_are_sent(*, creatable: bool) -> None:
    wanted = row(city="Delft", name="", creatable=creatable)
    assert decide(TABLE, wanted, [stored()], []) == Decision(
        wanted,
        Outcome.UPDATED,
        values={"city": "Delft", "name": ""},
        sys_id="s1",
        changes={"city": Change("", "Delft"), "name": Change("Acme", "")},
    )


def test_a_manual_row_is_adopted() -> None:
    assert decide(TABLE, row(), [], [stored(source="", city="Delft")]) == Decision(
        row(),
        Outcome.ADOPTED,
        values={"city": "", "correlation_id": NAME},
        sys_id="s1",
        changes={"city": Change("Delft", ""), "correlation_id": Change("", NAME)},
    )


def test_its_own_row_takes_precedence_over_a_manual_one() -> None:
    assert decide(TABLE, row(), [stored()], [stored("s2", source="")]).sys_id == "s1"


def test_two_rows_with_the_same_identifier_are_rejected() -> None:
    decision = decide(TABLE, row(city="Delft"), [stored("s1"), stored("s2")], [])
    assert (decision.outcome, decision.values, decision.sys_id) == (Outcome.REJECTED, {}, "")
    assert decision.reason == (
        f"2 rows of vendor carry correlation_id {NAME} (s1, s2): delete or clear all but one; "
        "none was changed"
    )


def test_two_adoption_candidates_are_held() -> None:
    candidates = [stored("s1", source=""), stored("s2", source="")]
    decision = decide(TABLE, row(), [], candidates)
    assert (decision.outcome, decision.values, decision.sys_id) == (Outcome.HELD, {}, "")
    assert decision.reason == (
        "2 rows of vendor have name 'Acme' and no correlation_id (s1, s2): set correlation_id to "
        f"{NAME} on the right one"
    )


CLEARED = stored(source="", city="Delft")
CASES: dict[str, tuple[Recorded, Outcome, dict[str, str], Cause]] = {
    "not shown": (Recorded("s1"), Outcome.HELD, {}, Cause.HIDDEN),
    "not shown, but counted": (Recorded("s1", counted=True), Outcome.HELD, {}, Cause.HIDDEN),
    "never shown": (Recorded(""), Outcome.HELD, {}, Cause.HIDDEN),
    "shown without its source column": (
        Recorded("s1", StoredRow("s1", STORED)),
        *(Outcome.HELD, {}, Cause.HIDDEN),
    ),
    "another's": (
        Recorded("s1", stored(source="other:1")),
        *(Outcome.HELD, {}, Cause.REASSIGNED),
    ),
    "an identifier in other letters": (
        Recorded("s1", stored(source=NAME.upper())),
        *(Outcome.HELD, {}, Cause.REASSIGNED),
    ),
    "cleared": (
        Recorded("s1", CLEARED),
        *(Outcome.UPDATED, {"city": "", "correlation_id": NAME}, Cause.NONE),
    ),
    "cleared, and equal": (
        Recorded("s1", stored(source="")),
        *(Outcome.UPDATED, {"correlation_id": NAME}, Cause.NONE),
    ),
    "there, though the lookup did not find it": (
        Recorded("s1", stored()),
        *(Outcome.UNCHANGED, {}, Cause.NONE),
    ),
}


@pytest.mark.parametrize("creatable", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_a_row_that_was_in_servicenow_before(case: str, *, creatable: bool) -> None:
    """Kind: whatever became of a known row, it is never created, nor is another one adopted."""
    recorded, outcome, values, cause = CASES[case]
    typed_in = stored("s2", source="")
    decision = decide(TABLE, row(creatable=creatable), [], [typed_in], recorded)
    assert (decision.outcome, decision.values, decision.cause) == (outcome, values, cause)
    assert (decision.sys_id, decision.new_sys_id) == (
        "" if cause is Cause.REASSIGNED else recorded.sys_id,
        "",
    )


@pytest.mark.parametrize("cleared", [True, False])
def test_an_identifier_that_was_set_again_shows_that_it_was_written(*, cleared: bool) -> None:
    """Kind: a write that only sets the identifier, and whose answer was lost."""
    changes = {"correlation_id": {"old": "", "new": NAME}}
    matches, recorded = ([], Recorded("s1", stored(source=""))) if cleared else ([stored()], None)
    now = decide(TABLE, row(), matches, [], recorded)
    assert was_written(TABLE, now, Outcome.UPDATED, changes) is not cleared


def test_a_column_missing_from_the_answer_is_not_a_difference() -> None:
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


def test_the_batch_size_doubles_while_calls_are_quick() -> None:
    size = BatchSize()
    sizes = [size.rows]
    for _ in range(5):
        size.took(size.rows, 1.0)
        sizes.append(size.rows)
    assert sizes == [50, 100, 200, 400, 500, 500]


@pytest.mark.parametrize(
    ("rows", "seconds", "after"),
    [(50, 7.4, 100), (50, 7.5, 50), (50, 29.0, 50), (49, 0.1, 50)],
)
def test_the_batch_size_grows_only_after_a_full_quick_call(
    rows: int, seconds: float, after: int
) -> None:
    size = BatchSize()
    size.took(rows, seconds)
    assert size.rows == after


def test_the_batch_size_halves_down_to_one() -> None:
    size = BatchSize()
    sizes = []
    for _ in range(7):
        size.cut_short()
        sizes.append(size.rows)
    assert sizes == [25, 12, 6, 3, 1, 1, 1]
