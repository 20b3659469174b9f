"""The SDK's own suite for targets, and what it does not check: which rows arrived."""

from __future__ import annotations

import json
import typing as t
from importlib.resources import files

import pytest
from singer_sdk.testing import get_target_test_class
from singer_sdk.testing.suites import SingerTestSuite, target_tests
from singer_sdk.testing.target_tests import TargetMultipleStateMessages

from target_servicenow.target import TargetServiceNow

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Instance

    from sage300_servicenow_sandbox import Sandbox
    from target_servicenow.ledger.writer import LedgerWriter

STREAMS = files("singer_sdk.testing") / "target_test_streams"
TYPES = {"integer": "integer", "number": "decimal", "boolean": "boolean"}


def messages(name: str) -> list[dict[str, t.Any]]:
    """One of the suite's inputs."""
    text = (STREAMS / f"{name}.singer").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def column_type(definition: dict[str, t.Any]) -> str:
    """ServiceNow's type for a property."""
    types = definition.get("type", "string")
    known = TYPES.keys() & {types} if isinstance(types, str) else TYPES.keys() & set(types)
    return TYPES[known.pop()] if known else "string"


def servicenow_name(name: str) -> str:
    """A stream's or property's name in ServiceNow."""
    return "".join(c if c.isalnum() else "_" for c in name.lower())


@pytest.fixture(scope="session")
def tables(sandbox: Sandbox) -> None:
    """Every table that the suite's inputs need."""
    needed: dict[str, dict[str, str]] = {}
    for path in STREAMS.iterdir():
        if not path.name.endswith(".singer"):
            continue
        for message in messages(path.name.removesuffix(".singer")):
            if message["type"] == "SCHEMA":
                columns = needed.setdefault(
                    servicenow_name(message["stream"]), {"correlation_id": "string"}
                )
                for name, definition in message["schema"].get("properties", {}).items():
                    columns[servicenow_name(name)] = column_type(definition)
    for name, columns in needed.items():
        sandbox.servicenow.define_table(name, columns)


class EveryState(TargetMultipleStateMessages):
    """With a checkpoint at every STATE, each is emitted, in order."""

    def test(self) -> None:
        """Compare the emitted states with the input's."""
        self.runner.sync_all()
        sent = [m["value"] for m in messages(self.name) if m["type"] == "STATE"]
        assert self.runner.state_messages == [*sent, sent[-1]]


_Standard = get_target_test_class(
    TargetServiceNow,
    # The fixture below replaces what is known only when a test runs.
    config={
        "instance_url": "http://127.0.0.1:1",
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
        "unmapped_streams": "passthrough",
        "checkpoint_seconds": 0,
        "max_retries": 0,
    },
    custom_suites=[SingerTestSuite(kind="target", tests=[EveryState])],
)


@pytest.mark.usefixtures("tables")
class TestStandard(_Standard):  # type: ignore[misc, valid-type]
    """All tests of the suite."""

    @pytest.fixture
    def resource(self, instance: Instance, monkeypatch: pytest.MonkeyPatch) -> Iterator[Instance]:
        """An empty instance; ledgers that the suite leaves open are closed afterwards."""
        opened: list[LedgerWriter] = []
        original = TargetServiceNow.__init__

        def init(target: TargetServiceNow, **options: t.Any) -> None:
            config = {
                **options.pop("config"),
                "instance_url": instance.config["instance_url"],
                "ledger_path": instance.config["ledger_path"],
            }
            original(target, config=config, **options)
            opened.append(target._ledger)

        monkeypatch.setattr(TargetServiceNow, "__init__", init)
        yield instance
        for ledger in opened:
            ledger.close()


def test_the_whole_suite_runs() -> None:
    names = {template.name for template in (*target_tests.tests, EveryState)}
    assert len(names) == 17
    assert {f"test_target_{name}" for name in names} <= set(dir(TestStandard))


@pytest.fixture
def load(instance: Instance, tables: None) -> t.Any:  # noqa: ARG001
    """Loads one of the suite's inputs; returns the rows by table and key."""

    def run(name: str, **settings: t.Any) -> dict[str, dict[str, str]]:
        instance.run(messages(name), unmapped_streams="passthrough", **settings)
        streams = {m["stream"] for m in messages(name) if m["type"] == "SCHEMA"}
        return {
            f"{servicenow_name(stream)}/{source}": row
            for stream in sorted(streams)
            for source, row in instance.by_source(servicenow_name(stream)).items()
        }

    return run


def test_each_row_arrives_once_with_the_last_values(load: t.Any) -> None:
    rows = load("duplicate_records")
    assert {key: row["metric"] for key, row in rows.items()} == {
        "test_duplicate_records/1": "100",
        "test_duplicate_records/2": "20",
    }


def test_lists_and_objects_arrive_as_json(load: t.Any) -> None:
    rows = load("array_data")
    assert {key[-1]: json.loads(row["fruits"]) for key, row in rows.items()} == {
        "1": ["apple", "orange", "pear"],
        "2": ["banana", "apple"],
        "3": ["pear"],
        "4": ["orange", "banana", "apple", "pear"],
    }
    [special] = load("special_chars_in_attributes").values()
    assert special["_id"] == "a2e98886"
    assert json.loads(special["d"])["agent:os:version"] == "10.13.1"


def test_texts_arrive_unchanged(load: t.Any) -> None:
    rows = load("encoded_string_data")
    for message in messages("encoded_string_data"):
        if message["type"] == "RECORD":
            row = rows[f"{message['stream']}/{message['record']['id']}"]
            sent = message["record"]
            if message["stream"] == "test_strings":
                assert row["info"] == sent["info"]
            else:
                name = "info" if "info" in sent else "strings"
                assert json.loads(row[name]) == sent[name]


def test_records_without_keys_are_identified_by_their_content(
    load: t.Any, instance: Instance
) -> None:
    for _ in range(2):
        rows = load("no_primary_keys")
        assert sorted((row["id"], row["metric"]) for row in rows.values()) == [
            ("1", "11"),
            ("2", "22"),
            ("3", "33"),
        ]
    assert instance.counts("test_no_pk") == {"unchanged": 3}


def test_columns_follow_schema_changes(load: t.Any) -> None:
    rows = load("schema_updates")
    assert [rows[f"test_schema_updates/{n}"]["a3"] for n in range(1, 7)] == [
        "false",
        "true",
        "false",
        "true",
        "false",
        "true",
    ]
    last = rows["test_schema_updates/6"]
    assert (last["a1"], last["a6"], json.loads(last["a4"])) == (
        "106",
        "341",
        {"id": 4, "value": 444},
    )


def test_absent_properties_leave_their_columns_alone(load: t.Any, instance: Instance) -> None:
    key = "record_missing_fields/1"
    assert load("record_missing_fields")[key]["optional"] == "now you see me"
    without = [
        {**m, "record": {"id": 1}} if m["type"] == "RECORD" else m
        for m in messages("record_missing_fields")
    ]
    assert instance.run(without, unmapped_streams="passthrough").code == 0
    assert instance.by_source("record_missing_fields")["1"]["optional"] == "now you see me"


def test_a_second_load_updates_what_differs(load: t.Any, instance: Instance) -> None:
    load("user_location_data")
    rows = load("user_location_upsert_data")
    users = {key.split("/")[1]: row for key, row in rows.items() if key.startswith("test_users/")}
    assert {number: row["name"] for number, row in users.items()} == {
        "1": "Johny",
        "2": "George",
        "3": "Jacob",
        "4": "Josh",
        "5": "Jim",
        "8": "Thomas",
        "12": "Paul",
        "13": "Mary",
    }
    assert instance.counts("test_users") == {"created": 3, "updated": 3}
