"""What ServiceNow stores after it has answered: sent once more, and then settled."""

from __future__ import annotations

import json
import typing as t

import pytest

if t.TYPE_CHECKING:
    from conftest import Instance, Singer

VENDOR = "proc_vendor"


def later(column: str, value: str, when: str = "") -> dict[str, t.Any]:
    """An asynchronous business rule: the answer to a write shows what was sent."""
    rule = {"table": VENDOR, "action": "set", "timing": "async"}
    return {"business_rules": [{**rule, "column": column, "value": value, "when": when}]}


def remembered(instance: Instance) -> dict[str, dict[str, dict[str, str]]]:
    """By the last part of the identifier, the columns stored otherwise than sent."""
    rows = instance.query("SELECT identifier, columns FROM altered")
    return {name.rpartition(":")[2]: json.loads(columns) for name, columns in rows}


CASES = {
    # the column, the property that is mapped to it, what is sent, and what is stored in the end
    "another value": ("country", "Country", "CA", "Canada"),
    "cleared": ("city", "City", "Delft", ""),
    "filled": ("fax", "FaxNumber", "", "0800"),
    "a long text": ("legal_name", "LegalName", "x" * 120, "y" * 110),
}


@pytest.mark.parametrize("case", CASES)
def test_a_third_run_sends_nothing(instance: Instance, singer: Singer, case: str) -> None:
    """Kind: an asynchronous rule's value, taken for a person's edit and sent over in every run."""
    column, name, sent, stored = CASES[case]
    instance.behave(columns=[{"table": VENDOR, "column": column, "max_length": 150}])
    instance.behave(**later(column, stored))
    messages = singer.vendors(*(singer.vendor(n, **{name: sent}) for n in range(3)))
    for written, told in (((3, 0), 0), ((0, 3), 0), ((0, 0), 3)):
        instance.take_counters()
        assert instance.run(messages).code == 0
        assert instance.written() == written
        assert [line.split(";")[0] for line in instance.logged("WARNING")] == (
            [f"ServiceNow altered proc_vendor.{column} (rows: {told})"] if told else []
        )
        assert remembered(instance).keys() == {str(n) for n in range(told)}
    before = instance.rows(VENDOR)
    assert {row[column] for row in before} == {stored}
    for mode in ("plan", "apply"):
        assert instance.run(messages, mode=mode).code == 0
        assert instance.counts(VENDOR) == {"unchanged": 3}
        assert instance.logged("WARNING") == []
        assert [line for line in instance.logged("INFO") if "as before (rows: 3)" in line]
    assert (instance.written(), instance.rows(VENDOR)) == ((0, 0), before)


def test_what_a_person_edits_after_such_a_rule_is_sent_again(
    instance: Instance, singer: Singer
) -> None:
    """The fault to avoid: an edit taken for what the rule makes of the value."""
    instance.behave(**later("country", "Canada", "country=CA"))
    messages = singer.vendors(singer.vendor("1", Country="CA", City="Delft"))
    for _ in range(3):
        assert instance.run(messages).code == 0
    sys_id = instance.by_source(VENDOR)["1"]["sys_id"]
    for edit in ({"country": "Kanada"}, {"city": "Gouda"}, {"country": "CAN", "city": "Gouda"}):
        instance.update_row(VENDOR, sys_id, **edit)
        for written in ((0, 1), *([(0, 1)] if "country" in edit else []), (0, 0)):
            instance.take_counters()
            assert instance.run(messages).code == 0
            assert instance.written() == written
        row = instance.by_source(VENDOR)["1"]
        assert (row["country"], row["city"]) == ("Canada", "Delft")
        assert remembered(instance) == {"1": {"country": {"old": "Canada", "new": "CA"}}}


@pytest.mark.parametrize("seen_between", [False, True])
def test_a_value_that_is_put_back_is_sent_again(
    instance: Instance, singer: Singer, *, seen_between: bool
) -> None:
    """The fault to avoid: what a person puts back, or clears, taken for the work of a rule."""
    old = singer.vendors(singer.vendor("1", City="Delft", FaxNumber="1"))
    new = singer.vendors(singer.vendor("1", City="Gouda", FaxNumber="1"))
    assert instance.run(old).code == 0
    sys_id = instance.by_source(VENDOR)["1"]["sys_id"]
    instance.update_row(VENDOR, sys_id, fax="")
    assert instance.run(new).code == 0  # the first update of the city, the second try of the fax
    edits = [{"city": "Delft"}]
    if seen_between:  # a row that stood as it should is not one that a rule keeps changing
        assert instance.run(new).code == 0
        edits.insert(0, {"fax": ""})
    for edit in edits:
        instance.update_row(VENDOR, sys_id, **edit)
        instance.take_counters()
        assert instance.run(new).code == 0
        assert instance.written() == (0, 1)
        row = instance.by_source(VENDOR)["1"]
        assert (row["city"], row["fax"]) == ("Gouda", "1")
        assert instance.run(new).code == 0


def test_what_was_refused_does_not_settle(instance: Instance, singer: Singer) -> None:
    """The fault to avoid: a write that never took effect, taken for one that a rule undid."""
    instance.behave(**later("country", "Canada", "country=CA"))
    messages = singer.vendors(singer.vendor("1", Country="CA"))
    assert instance.run(messages).code == 0
    refusal = {"table": VENDOR, "action": "refuse", "when": "country=CA"}
    instance.behave(business_rules=[refusal])
    for _ in range(2):
        assert instance.run(messages).code == 0
        assert instance.counts(VENDOR) == {"rejected": 1}
    instance.behave(business_rules=[])
    assert instance.run(messages).code == 0
    assert instance.by_source(VENDOR)["1"]["country"] == "CA"
    assert (remembered(instance), instance.rejects()) == ({}, {})


def test_another_column_goes_without_the_one_that_settled_late(
    instance: Instance, singer: Singer
) -> None:
    instance.behave(**later("country", "Canada", "country=CA"))
    for city in ("Delft", "Delft", "Gouda", "Leiden"):
        messages = singer.vendors(singer.vendor("1", Country="CA", City=city))
        assert instance.run(messages).code == 0
    changes = instance.query("SELECT changes FROM outcomes WHERE outcome = 'updated'")
    assert [[*json.loads(text)] for (text,) in changes] == [["country"], ["city"], ["city"]]
    assert remembered(instance) == {"1": {"country": {"old": "Canada", "new": "CA"}}}


def test_a_cancellation_that_is_undone_later_settles(instance: Instance, singer: Singer) -> None:
    """Kind: rows that are gone, set so in every run because a rule sets them back."""
    switch = {"table": "sn_apo_invoice", "action": "set", "timing": "async", "column": "state"}
    rules = [{**switch, "value": "posted", "when": "state=cancelled"}]
    instance.behave(business_rules=rules)
    assert instance.run(singer.batches(singer.batch(1, {}, {}))).code == 0
    messages = singer.batches(singer.batch(1, {}))
    for written in ((0, 1), (0, 1), (0, 0), (0, 0)):
        instance.take_counters()
        assert instance.run(messages).code == 0
        assert instance.written() == written
    assert instance.counts("sn_apo_invoice") == {"unchanged": 2}
