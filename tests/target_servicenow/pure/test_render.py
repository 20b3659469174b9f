"""Rendering a record as rows, or as reasons why it cannot be."""

from __future__ import annotations

import typing as t
from decimal import Decimal

import pytest

from target_servicenow.mapping.parse import parse
from target_servicenow.mapping.render import Row, Unrendered, render_record
from target_servicenow.outcomes import Cause

KEY = {"entity": "Vendor", "company": "Company", "key": ["Number"]}
VENDOR = {
    "stream": "Vendors",
    "identity": KEY,
    "columns": {
        "name": "Name",
        "active": {"value": "Status == 'Active'", "type": "boolean"},
        "kind": {"value": "Kind", "choices": {"A": "alpha", "1": "one"}},
        "limit": {"value": "Limit", "type": "currency", "currency": "Currency"},
        "account": {"reference": "account", "key": ["Account"]},
    },
}
ACCOUNT = {
    "stream": "Accounts",
    "identity": {"entity": "Account", "company": "Company", "key": ["Account"]},
    "columns": {"name": "Name"},
}
RECORD = {
    "Company": "SAMINC",
    "Number": "1200",
    "Name": "Acme",
    "Status": "Active",
    "Kind": "A",
    "Limit": Decimal("12.90"),
    "Currency": "USD",
    "Account": "6000",
}


def rows(record: dict[str, t.Any], *, drop: str = "", **changes: t.Any) -> list[Row | Unrendered]:
    profile = parse(
        {"source": "sage300", "tables": {"vendor": {**VENDOR, **changes}, "account": ACCOUNT}}, "m"
    )
    sent = {name: value for name, value in record.items() if name != drop}
    return list(render_record(profile, profile.table("vendor"), sent))


def only_row(record: dict[str, t.Any], **options: t.Any) -> Row:
    [row] = rows(record, **options)
    assert isinstance(row, Row), row
    return row


def test_a_row() -> None:
    assert only_row(RECORD) == Row(
        table="vendor",
        identifier="sage300:SAMINC:Vendor:1200",
        values={"name": "Acme", "active": "true", "kind": "alpha", "limit": "USD;12.90"},
        references={"account": "sage300:SAMINC:Account:6000"},
        creatable=True,
        payload=RECORD,
    )


@pytest.mark.parametrize(
    ("key", "part"),
    [
        ("1200  ", "1200"),
        ("a:b", "a%3Ab"),
        ("a^b,c@d", "a%5Eb%2Cc%40d"),
        ("~x", "%7Ex"),
        ("50%", "50%25"),
        ("A-1_b.c", "A-1_b.c"),
        ("é", "%C3%A9"),
        (" 7", "%207"),
        (28, "28"),
        (Decimal("28.0"), "28"),
        (Decimal("1E+2"), "100"),
        (Decimal("2.50"), "2.50"),
        (0, "0"),
        ("javascript", "javascrip%74"),  # ServiceNow evaluates what follows "javascript:"
        ("é JavaScript", "%C3%A9%20JavaScrip%74"),
    ],
)
def test_the_key_is_escaped_in_the_identifier(key: object, part: str) -> None:
    assert only_row({**RECORD, "Number": key}).identifier == f"sage300:SAMINC:Vendor:{part}"


def test_an_identifier_that_is_too_long_becomes_a_digest() -> None:
    longest = "x" * (60 - len("sage300:SAMINC:Vendor:"))
    assert only_row({**RECORD, "Number": longest}, source_length=60).identifier.endswith(
        f":{longest}"
    )
    names = {
        only_row({**RECORD, "Number": f"{longest}{end}"}, source_length=60).identifier
        for end in "ab"
    }
    assert len(names) == 2
    assert {len(name) for name in names} == {len("sage300:SAMINC:Vendor:~") + 32}
    assert all(name.startswith("sage300:SAMINC:Vendor:~") for name in names)
    short = only_row(
        {**RECORD, "Company": "C" * 50, "Number": longest}, source_length=60
    ).identifier
    assert len(short) == 60


@pytest.mark.parametrize("value", [None, "", "   "])
@pytest.mark.parametrize("name", ["Company", "Number"])
def test_a_record_with_an_empty_key(name: str, value: str | None) -> None:
    record = {**RECORD, name: value}
    [row] = rows(record)
    assert isinstance(row, Unrendered)
    assert row.reason == "part of its key (Company, Number) is empty"
    assert row.payload == record
    [other] = rows({**record, "Name": "Other"})
    assert row.identifier.startswith("(no key) ")
    assert row.identifier != other.identifier


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("Kind", "Z", "column kind: 'Z' is not one of its choices (A, 1)"),
        ("Limit", "many", "column limit: 'USD;many' is not a valid currency"),
        ("Name", float("nan"), "column name: nan is not a valid string"),
        ("Name", {"a": [float("inf")]}, "column name: {'a': [inf]} is not a valid string"),
        ("Name", Decimal("1E+99999999"), "column name: 1E+99999999 is not a valid string"),
        (
            "Name",
            "Acme \ud83d",
            r"column name: 'Acme \ud83d' holds half of a surrogate pair, which is no character",
        ),
        ("Account", float("nan"), "column account: nan cannot be a part of a key"),
        ("Account", "\udc00", r"column account: '\udc00' cannot be a part of a key"),
    ],
)
def test_a_record_with_an_invalid_value(name: str, value: object, reason: str) -> None:
    """Kind: values of other taps that no column can hold, NaN and halves of characters too."""
    record = {**RECORD, name: value}
    assert rows(record) == [
        Unrendered("vendor", "sage300:SAMINC:Vendor:1200", Cause.RECORD, reason, record)
    ]


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        ("A\ud83d", r"'A\ud83d'"),
        (Decimal("1E+999999999"), "1E+999999999"),
        (Decimal("1E-999999999"), "1E-999999999"),
    ],
)
def test_a_record_with_an_impossible_key(key: object, shown: str) -> None:
    """Kind: keys that cannot be written down, or only with a billion digits."""
    [row] = rows({**RECORD, "Number": key})
    assert isinstance(row, Unrendered)
    assert row.reason == f"{shown} cannot be a part of a key"
    assert row.identifier.startswith("(no key) ")


@pytest.mark.parametrize(
    ("name", "value", "column", "text"),
    [
        ("Kind", 1, "kind", "one"),
        ("Kind", "", "kind", ""),
        ("Kind", None, "kind", ""),
        ("Name", None, "name", ""),
        ("Limit", None, "limit", ""),
        ("Status", None, "active", "false"),
        ("Account", "", "account", ""),
        ("Account", None, "account", ""),
        ("Account", "   ", "account", ""),
    ],
)
def test_an_empty_property_clears_its_column(
    name: str, value: object, column: str, text: str
) -> None:
    row = only_row({**RECORD, name: value})
    assert row.values[column] == text
    assert column not in row.references


@pytest.mark.parametrize(
    ("absent", "column"),
    [("Name", "name"), ("Status", "active"), ("Kind", "kind"), ("Account", "account")],
)
def test_an_absent_property_leaves_its_column_alone(absent: str, column: str) -> None:
    row = only_row(RECORD, drop=absent)
    assert column not in row.values
    assert column not in row.references


@pytest.mark.parametrize(
    ("record", "kept"),
    [
        ({"Kind": "A"}, True),
        ({"Kind": "1"}, False),
        ({"Kind": None}, False),
        ({}, False),
    ],
)
def test_where_filters_records(record: dict[str, t.Any], *, kept: bool) -> None:
    base = {name: value for name, value in RECORD.items() if name != "Kind"}
    assert bool(rows({**base, **record}, where="Kind == 'A'")) is kept


BATCH = {
    "Company": "SAMINC",
    "Batch": Decimal("28.0"),
    "Status": "Open",
    "Invoices": [
        {"Number": 1, "Name": "first", "Lines": [{"Line": 1}, {"Line": 2}]},
        {"Number": 2, "Name": "second", "Lines": []},
        {"Number": 3, "Status": "own", "Lines": [{"Line": 1}]},
    ],
}


def render(record: dict[str, t.Any], **table: t.Any) -> list[Row | Unrendered]:
    profile = parse({"source": "sage300", "tables": {"t": {"stream": "Batches", **table}}}, "m")
    return list(render_record(profile, profile.table("t"), record))


INVOICES = {
    "each": ["Invoices"],
    "identity": {"entity": "Invoice", "company": "Company", "key": ["Batch", "Number"]},
    "columns": {"name": "Name", "state": "parent.Status", "near": "Status"},
}


def test_each_entry_becomes_a_row_with_its_own_payload() -> None:
    rendered = render(BATCH, **INVOICES)
    assert [row.identifier for row in rendered] == [
        "sage300:SAMINC:Invoice:28:1",
        "sage300:SAMINC:Invoice:28:2",
        "sage300:SAMINC:Invoice:28:3",
    ]
    assert [row.values for row in rendered] == [
        {"name": "first", "state": "Open", "near": "Open"},
        {"name": "second", "state": "Open", "near": "Open"},
        {"state": "Open", "near": "own"},
    ]
    for row, entry in zip(rendered, BATCH["Invoices"], strict=True):
        assert row.payload == {**BATCH, "Invoices": [entry]}
        assert render(dict(row.payload), **INVOICES) == [row]


def test_nested_entries() -> None:
    lines = {
        "each": ["Invoices", "Lines"],
        "identity": {"entity": "Line", "company": "Company", "key": ["Batch", "Number", "Line"]},
        "columns": {"name": "parent.Number", "invoice": "Name"},
    }
    rendered = render(BATCH, **lines)
    assert [row.identifier.removeprefix("sage300:SAMINC:Line:28:") for row in rendered] == [
        "1:1",
        "1:2",
        "3:1",
    ]
    assert [row.values.get("invoice") for row in rendered] == ["first", "first", None]
    assert [row.values["name"] for row in rendered] == ["1", "1", "3"]
    first = BATCH["Invoices"][0]
    assert rendered[1].payload == {**BATCH, "Invoices": [{**first, "Lines": [{"Line": 2}]}]}


@pytest.mark.parametrize("entries", [None, []])
def test_no_rows_without_entries(entries: object) -> None:
    assert render({**BATCH, "Invoices": entries}, **INVOICES) == []


@pytest.mark.parametrize("entries", ["text", {"Number": 1}, [1], [None]])
def test_entries_that_are_not_a_list_of_objects(entries: object) -> None:
    record = {**BATCH, "Invoices": entries}
    [row] = render(record, **INVOICES)
    assert isinstance(row, Unrendered)
    assert (row.reason, row.payload) == ("Invoices is not a list of objects", record)


@pytest.mark.parametrize(("status", "creatable"), [("Open", True), ("Deleted", False)])
def test_create_when(status: str, *, creatable: bool) -> None:
    rendered = render(
        {**BATCH, "Status": status}, create_when="parent.Status != 'Deleted'", **INVOICES
    )
    assert [row.creatable for row in rendered] == [creatable] * 3
