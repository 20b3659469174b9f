"""A stream of another tap, written as tap-csv would, into a table of its own."""

from __future__ import annotations

import json
import typing as t

import pytest

if t.TYPE_CHECKING:
    from conftest import Instance

TABLE = "orders_2026"
COLUMNS = {
    "order_no": "string",
    "placed": "glide_date_time",
    "due": "glide_date",
    "total": "decimal",
    "lines": "integer",
    "paid": "boolean",
    "note": "string",
    "tags": "string",
    "correlation_id": "string",
}
SCHEMA = {
    "type": "SCHEMA",
    "stream": "Orders-2026",
    "schema": {
        "type": "object",
        "properties": {
            "Order No": {"type": ["string", "null"]},
            "placed": {"type": ["string", "null"], "format": "date-time"},
            "due": {"type": ["null", "string"], "format": "date"},
            "total": {"type": ["number", "null"]},
            "lines": {"type": "integer"},
            "paid": {"type": ["null", "boolean"]},
            "note": {"type": ["null", "string"]},
            "tags": {"type": ["array", "null"], "items": {"type": "string"}},
        },
    },
    "key_properties": ["Order No"],
}


@pytest.fixture
def orders(instance: Instance) -> Instance:
    """An instance with a table for the orders, which it keeps between tests."""
    if TABLE not in {row["name"] for row in instance.rows("sys_db_object")}:
        instance.sandbox.servicenow.define_table(TABLE, COLUMNS)
    return instance


def record(number: str, **changes: t.Any) -> str:
    """A line as a tap writes it, amounts with all their digits."""
    values = {
        "Order No": number,
        "placed": "2026-11-20T10:00:00+02:00",
        "due": "2026-12-31",
        "total": "AMOUNT",
        "lines": 3,
        "paid": False,
        "note": 'grüße, "quoted"\n2nd line',
        "tags": ["a", "b"],
        **changes,
    }
    message = {"type": "RECORD", "stream": "Orders-2026", "record": values}
    return json.dumps(message).replace('"AMOUNT"', "1234567890123.4500001") + "\n"


def run(instance: Instance, *lines: dict[str, t.Any] | str, **settings: t.Any) -> t.Any:
    state = {"type": "STATE", "value": {"seen": 1.10}}
    return instance.run([*lines, state], unmapped_streams="passthrough", **settings)


def test_types_and_updates(orders: Instance) -> None:
    result = run(orders, SCHEMA, record("A/1"), record("A 2", paid=True, due=None, note=None))
    assert (result.code, result.states) == (0, [{"seen": 1.1}])
    rows = orders.by_key(TABLE)
    first = {name: value for name, value in rows["A%2F1"].items() if not name.startswith("sys_")}
    assert first == {
        "order_no": "A/1",
        "placed": "2026-11-20 08:00:00",
        "due": "2026-12-31",
        "total": "1234567890123.4500001",
        "lines": "3",
        "paid": "false",
        "note": 'grüße, "quoted"\n2nd line',
        "tags": '["a", "b"]',
        "correlation_id": "singer:Orders-2026:A%2F1",
    }
    assert (rows["A%202"]["paid"], rows["A%202"]["due"], rows["A%202"]["note"]) == ("true", "", "")
    assert orders.logged("WARNING") == []
    orders.take_counters()

    assert (
        run(orders, SCHEMA, record("A/1"), record("A 2", paid=True, due=None, note=None)).code == 0
    )
    assert orders.written() == (0, 0)
    assert orders.counts(TABLE) == {"unchanged": 2}

    assert run(orders, SCHEMA, record("A/1", lines=4, total=7, due=None)).code == 0
    assert orders.written() == (0, 1)
    row = orders.by_key(TABLE)["A%2F1"]
    assert (row["lines"], row["total"], row["due"], row["note"]) == (
        *("4", "7", ""),
        'grüße, "quoted"\n2nd line',
    )


def test_invalid_values(orders: Instance) -> None:
    bad = [record("1", lines=2.5), record("2", paid="perhaps"), record("3", placed="soon")]
    assert run(orders, SCHEMA, *bad, record("4")).code == 0
    assert orders.by_key(TABLE).keys() == {"4"}
    assert {key: reason for key, (_, reason) in orders.rejects().items()} == {
        "1": "column lines: 2.5 is not a valid integer",
        "2": "column paid: 'perhaps' is not a valid boolean",
        "3": "column placed: 'soon' is not a valid datetime",
    }


def test_a_schema_that_changes_mid_stream(orders: Instance) -> None:
    properties = SCHEMA["schema"]["properties"]
    narrow = {name: properties[name] for name in ("Order No", "lines")}
    wide = {**SCHEMA, "schema": {"type": "object", "properties": {**properties, "Extra": {}}}}
    lines = [
        {**SCHEMA, "schema": {"type": "object", "properties": narrow}},
        record("1"),
        wide,
        record("1", note="later", Extra="x"),
        record("2", Extra="y"),
    ]
    result = run(orders, *lines)
    assert (result.code, result.states) == (0, [{"seen": 1.1}])
    rows = orders.by_key(TABLE)
    assert (rows["1"]["note"], rows["1"]["lines"], rows["2"]["paid"]) == ("later", "3", "false")
    assert orders.outcomes() == [("1", "created"), ("1", "updated"), ("2", "created")]
    assert (
        f"{TABLE} has no column extra: the mapped values will not be stored; add the columns, or "
        "remove them with mapping_overrides"
    ) in orders.logged("WARNING")


def test_a_missing_table(orders: Instance) -> None:
    schema = {**SCHEMA, "stream": "nowhere"}
    result = run(orders, schema)
    assert (result.code, result.states) == (1, [])
    assert result.errors == [
        (
            "ServiceNow failed while reading nowhere (Invalid table nowhere): correct the table's "
            "name in the mapping, or install the application it belongs to"
        )
    ]


def test_validation(orders: Instance) -> None:
    """A record that does not match its schema is rejected, and the run continues."""
    bad = record("1", lines="three"), record("2", tags=[7])
    result = run(orders, SCHEMA, *bad, record("3"), validate_records=True)
    assert (result.code, result.states) == (0, [{"seen": 1.1}])
    assert orders.by_key(TABLE).keys() == {"3"}
    reason = "it does not match its schema: data."
    assert orders.rejects() == {
        "1": ("rejected", f"{reason}lines must be integer"),
        "2": ("rejected", f"{reason}tags[0] must be string"),
    }
    [(payload,)] = orders.query("SELECT payload FROM rejects WHERE identifier LIKE '%:1'")
    assert json.loads(payload)["lines"] == "three"
    assert '"total":1234567890123.4500001' in payload
    assert orders.counts(TABLE) == {"created": 1, "rejected": 2}

    # It is not retried as it is; its next version replaces it.
    assert run(orders, SCHEMA, validate_records=True).code == 0
    assert orders.rejects().keys() == {"1", "2"}
    assert run(orders, SCHEMA, record("1", lines=3), validate_records=True).code == 0
    assert orders.by_key(TABLE).keys() == {"1", "3"}
    assert orders.rejects().keys() == {"2"}
    # Without validation, its values only have to fit the columns.
    assert run(orders, SCHEMA).code == 0
    assert orders.by_key(TABLE)["2"]["tags"] == "[7]"
    assert orders.rejects() == {}


def test_an_invalid_json_schema(orders: Instance) -> None:
    schema = {**SCHEMA["schema"], "properties": {"Order No": {"type": "text"}}}
    message = {**SCHEMA, "schema": schema}
    result = run(orders, message, record("1"), validate_records=True)
    assert (result.code, result.states) == (1, [])
    [sentence] = result.errors
    assert sentence.startswith(
        "Line 1 of the input has a schema of stream Orders-2026 that no record can be validated "
        "against ("
    )
    assert sentence.endswith(
        "; correct it in the tap, or set validate_records to false): check that what is piped in "
        "is a Singer tap's output"
    )
