"""Streams of anyone's tap: names, values and schemas that Sage 300 does not have."""

from __future__ import annotations

import json
import typing as t

import pytest

if t.TYPE_CHECKING:
    from pathlib import Path

    from conftest import Instance, Singer

TABLE = "u_people"
COLUMNS = ("id", "name", "city", "score", "correlation_id")


@pytest.fixture
def people(instance: Instance) -> Instance:
    """An instance with a table for a stream of people, which it keeps between tests."""
    if TABLE not in {row["name"] for row in instance.rows("sys_db_object")}:
        instance.sandbox.servicenow.define_table(TABLE, dict.fromkeys(COLUMNS, "string"))
    return instance


def schema(singer: Singer, *properties: str, key: str = "id") -> dict[str, t.Any]:
    """The SCHEMA of the stream."""
    return singer.stream_schema(TABLE, {name: {} for name in properties}, [key])


def test_properties_named_like_the_identity(people: Instance, singer: Singer) -> None:
    """Kind: a column of the tap's own in the source column, sys_id or another of ServiceNow's."""
    properties = ("id", "name", "correlation_id", "sys_id", "sys_created_by")
    record = singer.record(TABLE, {name: f"the {name}" for name in properties})
    for expected in ({"created": 1}, {"unchanged": 1}, {"unchanged": 1}):
        messages = [schema(singer, *properties), record]
        assert people.run(messages, unmapped_streams="passthrough").code == 0
        assert people.counts(TABLE) == expected
    [row] = people.rows(TABLE)
    assert (row["correlation_id"], row["name"]) == ("singer:u_people:the%20id", "the name")
    assert row["sys_created_by"] != "the sys_created_by"
    skipped = [line for line in people.logged("WARNING") if "is skipped" in line]
    assert len(skipped) == 3


def test_values_that_are_no_json(people: Instance, singer: Singer) -> None:
    """Kind: NaN, infinities, huge numbers and half characters cost their own record only."""
    bad = {
        "2": {"score": float("nan")},
        "3": {"score": [float("inf")]},
        "4": {"name": "Acme \ud83d"},
        "5": {"score": "HUGE"},
        "\ud83d": {},
    }
    messages = [schema(singer, "id", "name", "score"), singer.record(TABLE, {"id": "1"})]
    messages += [singer.record(TABLE, {"id": key, **changes}) for key, changes in bad.items()]
    lines = [json.dumps(message).replace('"HUGE"', "1e99999999") + "\n" for message in messages]
    result = people.run(
        [*lines, "\n", " \r\n", singer.state({"n": 1}), "\n"], unmapped_streams="passthrough"
    )
    assert (result.code, result.states) == (0, [{"n": 1}])
    assert people.by_source(TABLE).keys() == {"1"}
    reasons = {reason for _, reason in people.rejects().values()}
    assert reasons == {
        "column score: nan is not a valid string",
        "column score: [inf] is not a valid string",
        r"column name: 'Acme \ud83d' holds half of a surrogate pair, which is no character",
        "column score: 1E+99999999 is not a valid string",
        r"'\ud83d' cannot be a part of a key",
    }
    # They wait in the ledger as they came, and do not stop the next run either.
    assert people.run(lines[:2], unmapped_streams="passthrough").code == 0
    assert people.counts(TABLE) == {"rejected": 5, "unchanged": 1}


def test_a_whole_number_longer_than_python_reads(people: Instance, singer: Singer) -> None:
    """Kind: a huge number, in a column and in a property that nothing reads."""
    record = json.dumps(singer.record(TABLE, {"id": "1", "score": "HUGE"}))
    lines = [schema(singer, "id", "score"), record.replace('"HUGE"', "7" * 5000) + "\n"]
    assert people.run(lines, unmapped_streams="passthrough").code == 0
    [(_, reason)] = people.rejects().values()
    assert reason.startswith("column score: 777777")
    assert reason.endswith("... is not a valid string")
    assert len(reason) < 300
    assert people.run(lines, unmapped_streams="passthrough").code == 0
    assert people.counts(TABLE) == {"rejected": 1}


@pytest.mark.parametrize("value", [float("nan"), {"n": [float("-inf")]}])
def test_nan_in_a_state(people: Instance, singer: Singer, value: object) -> None:
    """Kind: what would have to be emitted, and is no JSON, is reported with its line."""
    messages = [schema(singer, "id"), singer.record(TABLE, {"id": "1"}), singer.state(value)]
    result = people.run(messages, unmapped_streams="passthrough")
    assert (result.code, result.states) == (1, [])
    assert result.errors == [
        (
            "Line 3 of the input has a state that holds NaN or Infinity, which JSON has not: check "
            "that what is piped in is a Singer tap's output"
        )
    ]


MAPPING = """
source: crm
tables:
  u_people:
    stream: people
    identity: {entity: Person, key: ["record['Person No']"]}
    columns:
      id: record['Person No']
      name: first(record['user.login'], record['class'])
      city: address.city
"""


def test_any_property_can_be_mapped(people: Instance, singer: Singer, tmp_path: Path) -> None:
    """Kind: names that Python has not, and objects that are null instead of missing."""
    mapping = tmp_path / "people.yml"
    mapping.write_text(MAPPING, encoding="utf-8")
    names = ("Person No", "user.login", "class", "address")
    start = singer.stream_schema("people", {name: {} for name in names}, ["Person No"])

    def run(address: object) -> None:
        values = {"Person No": "P 1", "user.login": "", "class": "A", "address": address}
        record = singer.record("people", values)
        assert people.run([start, record], mapping=str(mapping)).code == 0

    run({"city": "Delft"})
    for nothing in (None, {}):
        run(nothing)
        assert people.counts(TABLE) == {"unchanged": 1}
    [row] = people.rows(TABLE)
    assert (row["id"], row["name"], row["city"]) == ("P 1", "A", "Delft")
    assert row["correlation_id"] == "crm:Person:P%201"
    run({"city": None})
    assert people.rows(TABLE)[0]["city"] == ""


@pytest.mark.parametrize("maps", [{"people": None}, {"peo*": None}, {"__else__": None}])
def test_a_null_stream_map_drops_the_stream(
    instance: Instance, singer: Singer, maps: dict[str, None]
) -> None:
    """Kind: a stream that the mapping does not name, dropped as the SDK documents it."""
    start = singer.stream_schema("people", {"id": {}}, ["id"])
    vendors = [] if "__else__" in maps else singer.vendors(singer.vendor("1"))
    messages = [start, singer.record("people", {"id": "1"}), *vendors, singer.state(1)]
    result = instance.run(messages, stream_maps=maps)
    assert (result.code, result.states) == (0, [1])
    assert len(instance.rows("proc_vendor")) == bool(vendors)
    assert "Stream people is dropped by stream_maps" in instance.logged("INFO")


def test_properties_outside_the_schema(people: Instance, singer: Singer) -> None:
    """Kind: what a tap sends without declaring it is skipped, but not without a word."""
    records = [singer.record(TABLE, {"id": n, "name": "A", "city": "B"}) for n in range(3)]
    result = people.run([schema(singer, "id"), *records], unmapped_streams="passthrough")
    assert result.code == 0
    assert [line for line in people.logged("WARNING") if "SCHEMA" in line] == [
        (
            "Stream u_people sends properties that its SCHEMA does not name ('city', 'name'): they "
            "are skipped; correct the tap's schema if they are needed"
        )
    ]
