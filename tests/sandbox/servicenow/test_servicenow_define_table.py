"""Tables defined at run time behave as those the instance came with."""

from __future__ import annotations

import pytest

COLUMNS = {
    "correlation_id": "string",
    "active": "boolean",
    "amount": "decimal",
    "seen": "glide_date_time",
}


def test_its_rows_are_written_and_found(instance) -> None:
    instance.app.define_table("u_thing", COLUMNS)
    values = {"correlation_id": "k1", "active": True, "amount": "12.3456789", "nothing": "x"}
    sent = instance.send("POST", "u_thing", values)
    assert (sent["active"], sent["amount"]) == ("true", "12.3456789")
    assert "nothing" not in sent
    found = instance.list("u_thing", query="correlation_idINk1,k2")
    assert [row["sys_id"] for row in found] == [sent["sys_id"]]
    assert [row["correlation_id"] for row in instance.app.rows("u_thing")] == ["k1"]


def test_the_dictionary_describes_it(instance) -> None:
    instance.app.define_table("u_thing", COLUMNS)
    entries = instance.list(
        "sys_dictionary", query="name=u_thing^elementISNOTEMPTY", exclude_reference_link="true"
    )
    types = {entry["element"]: entry["internal_type"] for entry in entries}
    assert COLUMNS.items() <= types.items()
    assert "sys_id" in types
    assert len(instance.list("sys_db_object", query="name=u_thing")) == 1


def test_a_reset_empties_it_and_keeps_its_definition(instance) -> None:
    instance.app.define_table("u_thing", COLUMNS)
    instance.send("POST", "u_thing", {"correlation_id": "k1"})
    instance.app.reset()
    assert instance.app.rows("u_thing") == []
    assert instance.send("POST", "u_thing", {"correlation_id": "k1"})["correlation_id"] == "k1"


def test_a_name_is_taken_once(instance) -> None:
    with pytest.raises(ValueError, match="There is already a table proc_vendor"):
        instance.app.define_table("proc_vendor", COLUMNS)


def test_other_instances_do_not_have_it(instance, open_instance) -> None:
    instance.app.define_table("u_thing", COLUMNS)
    other = open_instance("other")
    try:
        with pytest.raises(KeyError):
            other.rows("u_thing")
    finally:
        other.close()
