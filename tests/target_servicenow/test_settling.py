"""Unchanged data sends nothing, whatever ServiceNow makes of the values that it is sent."""

from __future__ import annotations

import json
import typing as t
from contextlib import suppress

import pytest
from click.testing import CliRunner

from target_servicenow.commands.group import ledger
from target_servicenow.ledger.file import LedgerError
from target_servicenow.mapping.types import ColumnType

if t.TYPE_CHECKING:
    from conftest import Instance, Singer

VENDOR = "proc_vendor"
NOWHERE = "0" * 32
HIDDEN = {"table": "sys_dictionary", "operation": "read", "column": "*"}


def mapped(**columns: t.Any) -> dict[str, t.Any]:
    return {"tables": {VENDOR: {"columns": columns}}}


def rule(column: str, value: str, when: str = "") -> dict[str, t.Any]:
    """A business rule that sets a column, of rows that match a query."""
    switch = {"table": VENDOR, "action": "set", "column": column, "value": value, "when": when}
    return {"business_rules": [switch]}


def remembered(instance: Instance) -> dict[str, dict[str, dict[str, str]]]:
    """By the last part of the identifier, the columns stored otherwise than sent."""
    rows = instance.query("SELECT identifier, columns FROM altered")
    return {name.rpartition(":")[2]: json.loads(columns) for name, columns in rows}


CASES: dict[str, tuple[dict[str, t.Any], dict[str, t.Any], dict[str, str]]] = {
    # what ServiceNow does, the mapping, and the column as it is stored of City "Delft"
    "a business rule": (rule("city", "Gouda"), {}, {"city": "Gouda"}),
    "a business rule for an empty column": (rule("fax", "0800"), {}, {"fax": "0800"}),
    "a business rule that clears": (rule("city", ""), {}, {"city": ""}),
    "a read-only column": (
        {"columns": [{"table": VENDOR, "column": "city", "read_only": True}]},
        {},
        {"city": ""},
    ),
    "a column that may not be written": (
        {
            "access": [
                {"table": VENDOR, "operation": operation, "column": "city"}
                for operation in ("create", "write")
            ]
        },
        {},
        {"city": ""},
    ),
    "a column that may only be written in new rows": (
        {"access": [{"table": VENDOR, "operation": "write", "column": "city"}]},
        {},
        {"city": "Delft"},
    ),
    "an unknown choice": (
        {"columns": [{"table": VENDOR, "column": "city", "choices": {"big": "Big"}}]},
        {},
        {"city": ""},
    ),
    "a dangling reference": (
        {},
        mapped(gl_account={"reference": None, "key": None, "value": f"'{NOWHERE}'"}),
        {"gl_account": ""},
    ),
    "a value of the wrong type": ({}, mapped(start_date="City"), {"start_date": ""}),
    "a text that is cut": (
        {"columns": [{"table": VENDOR, "column": "city", "max_length": 3}], "access": [HIDDEN]},
        {},
        {"city": "Del"},
    ),
    "a column that does not exist": ({}, mapped(u_absent="City"), {}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_second_run_sends_nothing(instance: Instance, singer: Singer, case: str) -> None:
    """The fault: what ServiceNow stores otherwise was sent in every run, and kept as a change."""
    switches, overrides, stored = CASES[case]
    instance.behave(**switches)
    messages = singer.vendors(*(singer.vendor(n, City="Delft", FaxNumber="") for n in range(3)))
    assert instance.run(messages, mapping_overrides=overrides).code == 0
    before = instance.rows(VENDOR)
    assert all(row.items() >= stored.items() for row in before)
    instance.take_counters()
    for mode in ("plan", "apply"):
        assert instance.run(messages, mapping_overrides=overrides, mode=mode).code == 0
        assert instance.counts(VENDOR) == {"unchanged": 3}
        assert (instance.written(), instance.outcomes()) == ((0, 0), [])
    assert instance.rows(VENDOR) == before


def test_what_is_stored_otherwise_is_told_once_and_counted(
    instance: Instance, singer: Singer
) -> None:
    """The fault: a line and a row of the ledger for each vendor, every night."""
    instance.behave(**rule("country", "Canada", "countrySTARTSWITHCA"))
    vendors = [singer.vendor(n, Country="CA" if n < 9 else "NL") for n in range(12)]
    assert instance.run(singer.vendors(*vendors)).code == 0
    assert [line.split(";")[0] for line in instance.logged("WARNING")] == [
        "ServiceNow altered proc_vendor.country (rows: 9)"
    ]
    told = remembered(instance)
    assert told == {str(n): {"country": {"old": "Canada", "new": "CA"}} for n in range(9)}
    assert instance.run(singer.vendors(*vendors)).code == 0
    assert instance.logged("WARNING") == []
    assert [line for line in instance.logged("INFO") if "as before" in line] == [
        (
            "proc_vendor.country is stored otherwise than sent, as before (rows: 9): it is not "
            "sent again until one of the two changes"
        )
    ]
    assert remembered(instance) == told


def test_the_ledger_shows_what_is_stored_otherwise(instance: Instance, singer: Singer) -> None:
    def printed(*words: str) -> str:
        result = CliRunner().invoke(ledger, ["--ledger", str(instance.ledger), *words])
        assert result.exit_code == 0
        return result.stdout

    instance.behave(**rule("country", "Canada", "country=CA"))
    vendors = [singer.vendor(n, Country="CA" if n else "NL") for n in range(4)]
    assert instance.run(singer.vendors(*vendors)).code == 0
    change = {"country": {"old": "Canada", "new": "CA"}}
    [story] = json.loads(printed("explain", "Vendor:3", "--json"))
    assert story["altered"] == change
    assert "  country: sent CA, still stored Canada" in printed("explain", "Vendor:3")
    assert [line.split() for line in printed("altered").splitlines()] == [
        ["table", "column", "rows"],
        ["proc_vendor", "country", "3"],
    ]
    listed = json.loads(printed("altered", "--json"))
    assert [row["identifier"].rpartition(":")[2] for row in listed] == ["1", "2", "3"]
    assert all((row["table"], row["columns"]) == (VENDOR, change) for row in listed)


def test_another_column_goes_without_the_altered_one(instance: Instance, singer: Singer) -> None:
    instance.behave(**rule("country", "Canada", "country=CA"))
    run = instance.run
    assert run(singer.vendors(singer.vendor("1", Country="CA", City="Delft"))).code == 0
    assert run(singer.vendors(singer.vendor("1", Country="CA", City="Gouda"))).code == 0
    [(changes,)] = instance.query("SELECT changes FROM outcomes WHERE outcome = 'updated'")
    assert json.loads(changes) == {"city": {"old": "Delft", "new": "Gouda"}}
    assert remembered(instance) == {"1": {"country": {"old": "Canada", "new": "CA"}}}


def test_a_new_value_is_sent_and_remembered(instance: Instance, singer: Singer) -> None:
    instance.behave(**rule("country", "Canada", "countrySTARTSWITHCA"))
    for value, stored in (("CA", "Canada"), ("CAN", "Canada"), ("NL", "NL"), ("CA", "Canada")):
        assert instance.run(singer.vendors(singer.vendor("1", Country=value))).code == 0
        assert instance.by_source(VENDOR)["1"]["country"] == stored
        expected = {"1": {"country": {"old": stored, "new": value}}} if stored != value else {}
        assert remembered(instance) == expected


def test_what_a_person_edits_is_sent_again(instance: Instance, singer: Singer) -> None:
    """The fault to avoid: an edit taken for what ServiceNow makes of the value."""
    instance.behave(**rule("country", "Canada", "country=CA"))
    messages = singer.vendors(singer.vendor("1", Country="CA", City="Delft"))
    assert instance.run(messages).code == 0
    sys_id = instance.by_source(VENDOR)["1"]["sys_id"]
    for edit in ({"country": "Kanada"}, {"city": "Gouda"}, {"country": "CAN", "city": "Gouda"}):
        instance.update_row(VENDOR, sys_id, **edit)
        instance.take_counters()
        assert instance.run(messages).code == 0
        assert instance.written() == (0, 1)
        row = instance.by_source(VENDOR)["1"]
        assert (row["country"], row["city"]) == ("Canada", "Delft")
        assert instance.run(messages).code == 0
        assert instance.written() == (0, 0)


def test_what_agrees_again_is_forgotten(instance: Instance, singer: Singer) -> None:
    instance.behave(**rule("country", "Canada", "country=CA"))
    messages = singer.vendors(singer.vendor("1", Country="CA"))
    assert instance.run(messages).code == 0
    instance.behave(business_rules=[])
    sys_id = instance.by_source(VENDOR)["1"]["sys_id"]
    instance.update_row(VENDOR, sys_id, country="CA")
    assert instance.run(messages).code == 0
    assert remembered(instance) == {}
    instance.update_row(VENDOR, sys_id, country="Canada")
    assert instance.run(messages).code == 0
    assert instance.by_source(VENDOR)["1"]["country"] == "CA"


def test_a_rule_that_sets_another_column(instance: Instance, singer: Singer) -> None:
    """The fault: a column that a rule sets beside the one sent was sent in the next run."""
    instance.behave(**rule("fax", "0800", "city=Delft"))
    for city in ("Gouda", "Delft"):
        messages = singer.vendors(singer.vendor("1", City=city, FaxNumber="1"))
        assert instance.run(messages).code == 0
    instance.take_counters()
    assert instance.run(messages).code == 0
    assert instance.written() == (0, 0)
    assert instance.by_source(VENDOR)["1"]["fax"] == "0800"


def test_a_long_text_is_remembered_by_its_digest(instance: Instance, singer: Singer) -> None:
    instance.behave(columns=[{"table": VENDOR, "column": "legal_name", "max_length": 150}])
    instance.behave(access=[HIDDEN])
    for name in ("x" * 200, "x" * 150 + "y" * 50):
        messages = singer.vendors(singer.vendor("1", LegalName=name))
        assert instance.run(messages).code == 0
        [change] = remembered(instance)["1"].values()
        assert all(len(value) == len("sha256:") + 64 for value in change.values())
        instance.take_counters()
        assert instance.run(messages).code == 0
        assert instance.written() == (0, 0)
    outcomes = instance.query("SELECT outcome FROM outcomes ORDER BY number")
    assert outcomes == [("created",), ("updated",)]  # the text that was cut is another one


def test_rows_that_are_gone_settle_too(instance: Instance, singer: Singer) -> None:
    """The fault: a cancellation that a rule undoes was sent in every run."""
    instance.behave(
        business_rules=[
            {
                "table": "sn_apo_invoice",
                "action": "set",
                "column": "state",
                "value": "posted",
                "when": "state=cancelled",
            }
        ]
    )
    assert instance.run(singer.batches(singer.batch(1, {}, {}))).code == 0
    messages = singer.batches(singer.batch(1, {}))
    assert instance.run(messages).code == 0
    assert instance.counts("sn_apo_invoice") == {"unchanged": 1, "updated": 1}
    instance.take_counters()
    assert instance.run(messages).code == 0
    assert instance.written() == (0, 0)
    assert instance.counts("sn_apo_invoice") == {"unchanged": 2}


def test_a_run_that_ended_before_it_recorded_settles(
    instance: Instance, singer: Singer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fault: killed between write and record, what was stored was never learned."""
    instance.behave(**rule("country", "Canada", "country=CA"))
    messages = singer.vendors(singer.vendor("1", Country="CA"), singer.vendor("2", Country="CA"))
    with monkeypatch.context() as patch:

        def killed(*_: t.Any) -> None:
            raise LedgerError("The disk is full")

        patch.setattr("target_servicenow.recorder.LedgerRecorder.settled", killed)
        assert instance.run(messages).code == 1
    assert remembered(instance) == {}
    instance.age_sending()
    assert instance.run(messages).code == 0
    instance.take_counters()
    assert instance.run(messages).code == 0
    assert instance.written() == (0, 0)
    assert remembered(instance).keys() == {"1", "2"}


def test_a_lost_ledger_is_learned_again(instance: Instance, singer: Singer) -> None:
    instance.behave(**rule("country", "Canada", "country=CA"))
    messages = singer.vendors(*(singer.vendor(n, Country="CA") for n in range(3)))
    assert instance.run(messages).code == 0
    for name in instance.folder.glob("ledger.sqlite*"):
        name.unlink()
    assert instance.run(messages).code == 0
    instance.take_counters()
    assert instance.run(messages).code == 0
    assert instance.written() == (0, 0)


EVERY_TYPE = (
    *("string", "integer", "decimal", "boolean", "glide_date", "glide_date_time"),
    *("currency", "price", "currency2"),
)
TEXTS = [" padded\ttwice  ", "first\nsecond", "10.005", "0010", "yes", "2026-03-01", "", "Ünï 纸"]


@pytest.fixture
def every_pair(instance: Instance) -> dict[str, t.Any]:
    """A mapping of one table, with a column of each type for each type that can be mapped."""
    columns = {
        f"{kind}_in_{stored}": {
            "value": "text" if kind is ColumnType.STRING else f"a_{kind}",
            "type": kind.value,
            **({"currency": "code"} if kind is ColumnType.CURRENCY else {}),
        }
        for kind in ColumnType
        for stored in EVERY_TYPE
    }
    types = {name: name.partition("_in_")[2] for name in columns}
    with suppress(ValueError):  # it stays in the sandbox, which all tests share
        instance.sandbox.servicenow.define_table(
            "u_every_pair", {"correlation_id": "string", **types}
        )
    identity = {"entity": "Pair", "company": "company", "key": ["number"]}
    table = {"stream": "pairs", "identity": identity, "columns": columns}
    return {"tables": dict.fromkeys(instance.tables) | {"u_every_pair": table}}


@pytest.mark.parametrize("text", ["as_sent", "trimmed", "crlf"])
@pytest.mark.parametrize("session", ["EUR", "USD"])
def test_every_type_of_column_settles(
    instance: Instance, singer: Singer, every_pair: dict[str, t.Any], text: str, session: str
) -> None:
    """Each type of value, in each type of column, however the instance stores text and money."""
    instance.behave(access=[HIDDEN], stored_text=text, currencies={"session": session, "digits": 2})
    for outcome in ("created", "updated"):
        records = [
            {
                "company": "A",
                "number": number,
                "text": value,
                "a_integer": number,
                "a_decimal": "0.0091234567",
                "a_boolean": (number % 2 == 0) is (outcome == "created"),
                "a_date": "2026-03-01T00:00:00Z",
                "a_datetime": "2026-03-01T12:30:00.5Z",
                "a_currency": "1234.5678",
                "code": "CAD" if (number % 2 == 0) is (outcome == "created") else "EUR",
            }
            for number, value in enumerate(TEXTS)
        ]
        schema = singer.stream_schema("pairs", {name: {} for name in records[0]}, ["number"])
        messages = [schema, *(singer.record("pairs", record) for record in records)]
        assert instance.run(messages, mapping_overrides=every_pair).code == 0
        assert instance.counts("u_every_pair") == {outcome: len(TEXTS)}
        instance.take_counters()
        for mode in ("plan", "apply"):
            assert instance.run(messages, mapping_overrides=every_pair, mode=mode).code == 0
            assert instance.counts("u_every_pair") == {"unchanged": len(TEXTS)}
        assert instance.written() == (0, 0)
