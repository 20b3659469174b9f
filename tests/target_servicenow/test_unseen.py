"""Columns that ServiceNow shows in some rows only, and choices kept beside an inherited column."""

from __future__ import annotations

import json
import typing as t
from urllib.parse import parse_qs, urlsplit

from target_servicenow.api import batch, dictionary
from target_servicenow.api.errors import Action, Verdict

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest
    from conftest import Instance, Singer

UNSEEN = (
    "ServiceNow did not show proc_vendor.city in some rows (rows: 2), so it was neither compared "
    "nor written there: give the integration user a role that can read it in every row, or remove "
    "the column with mapping_overrides"
)


def test_a_column_that_some_rows_do_not_show(instance: Instance, singer: Singer) -> None:
    """Kind: a field rule with a condition, by which a column is silently never written again."""
    holds = {"1": "OnHold", "2": "Active", "3": "OnHold"}
    vendors = [singer.vendor(n, City="Delft", OnHold=hold) for n, hold in holds.items()]
    assert instance.run(singer.vendors(*vendors)).code == 0
    assert instance.logged("WARNING") == []
    rule = {"table": "proc_vendor", "operation": "read", "column": "city", "when": "on_hold=true"}
    instance.behave(access=[rule])
    moved = [singer.vendor(n, City="Gouda", OnHold=hold) for n, hold in holds.items()]
    assert instance.run(singer.vendors(*moved)).code == 0
    assert instance.counts("proc_vendor") == {"updated": 1, "unchanged": 2}
    rows = instance.by_source("proc_vendor")
    assert {n: row["city"] for n, row in rows.items()} == {"1": "Delft", "2": "Gouda", "3": "Delft"}
    assert instance.logged("WARNING") == [UNSEEN]
    # Once it is shown, it is written.
    instance.behave(access=[])
    assert instance.run(singer.vendors(*moved)).code == 0
    assert {row["city"] for row in instance.by_source("proc_vendor").values()} == {"Gouda"}
    assert instance.logged("WARNING") == []


def test_a_column_that_does_not_exist_is_reported_once(instance: Instance, singer: Singer) -> None:
    columns = {"tables": {"proc_vendor": {"columns": {"u_none": "City"}}}}
    messages = singer.vendors(singer.vendor("1", City="Delft"))
    for _ in range(2):
        assert instance.run(messages, mapping_overrides=columns).code == 0
    [warning] = [line for line in instance.logged("WARNING") if "u_none" in line]
    assert warning.startswith("proc_vendor has no column u_none")


COLUMN = {"internal_type": "string", "max_length": "40", "mandatory": "false", "read_only": "false"}
STORED: dict[str, list[dict[str, str]]] = {
    "sys_db_object": [
        {"name": "child", "super_class.name": "base"},
        {"name": "other", "super_class.name": "base"},
        {"name": "base", "super_class.name": ""},
    ],
    "sys_dictionary": [
        {**COLUMN, "name": "base", "element": "state"},
        {**COLUMN, "name": "base", "element": "kind"},
    ],
    "sys_choice": [
        *({"name": "base", "element": "state", "value": value} for value in "123"),
        *({"name": "child", "element": "state", "value": value} for value in ("open", "paid")),
        {"name": "base", "element": "kind", "value": "a"},
    ],
}


def test_choices_of_a_table_for_a_column_it_inherits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: a choice list kept on another table of the line than the column's own."""

    def call(_: object, items: Sequence[batch.Item], **__: t.Any) -> batch.BatchReply:
        replies = {}
        for item in items:
            query = parse_qs(urlsplit(item.url).query)["sysparm_query"][0]
            names = query.removeprefix("nameIN").partition("^")[0].split(",")
            rows = [row for row in STORED[item.id] if row["name"] in names]
            replies[item.id] = batch.ItemReply(
                Verdict(Action.OK), 200, json.loads(json.dumps(rows))
            )
        return batch.BatchReply(replies, frozenset(), 0)

    monkeypatch.setattr(batch, "call", call)
    found = dictionary.read(t.cast("t.Any", None), ["child", "other"])
    choices = {
        (table, name): set(column.choices)
        for table, columns in found.items()
        for name, column in columns.items()
    }
    assert choices == {
        ("child", "state"): {"open", "paid"},
        ("child", "kind"): {"a"},
        ("other", "state"): {"1", "2", "3"},
        ("other", "kind"): {"a"},
    }
