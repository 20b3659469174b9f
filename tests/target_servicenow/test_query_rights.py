"""An account that may read rows, and may query them only in some ways."""

from __future__ import annotations

import typing as t

import pytest

from target_servicenow.api import table as table_api

if t.TYPE_CHECKING:
    from conftest import Instance, Singer

VENDOR, INVOICE = "proc_vendor", "sn_apo_invoice"
BY_VALUE = {
    VENDOR: "correlation_id and name",
    INVOICE: "correlation_id",
    "itfm_gl_accounts": "correlation_id and account_number",
}


def without(right: str, *tables: str, column: str = "*") -> dict[str, t.Any]:
    rule = {"operation": right, "column": column}
    return {"access": [{**rule, "table": table} for table in tables]}


def missing(table: str, right: str, names: str) -> str:
    return (
        f"ServiceNow does not let the integration user query {table} by {names} (Insufficient "
        "rights to query records: Field(s) present in the query do not have permission to be "
        "read), so its rows cannot be found: give it an access rule of the operation "
        f"{right} for the table and for {names}"
    )


@pytest.mark.parametrize("column", ["*", "correlation_id", "sys_id"])
def test_rows_are_found_by_their_values_alone(
    instance: Instance, singer: Singer, column: str
) -> None:
    """Kind: a lookup for certain values, refused because it asked for an order too."""
    instance.behave(**without("query_range", *instance.tables, column=column))
    sys_id = instance.insert_row(VENDOR, name="Vendor 2")
    messages = [
        *singer.vendors(*(singer.vendor(n, GLAccount="1000") for n in range(3))),
        *singer.accounts(singer.account("1000")),
    ]
    instance.check()
    outcomes = []
    for _ in range(2):
        result = instance.run([*messages, singer.state(1)])
        assert (result.code, result.states, result.errors) == (0, [1], [])
        outcomes.append(instance.counts(VENDOR))
    assert outcomes == [{"created": 2, "adopted": 1}, {"unchanged": 3}]
    assert instance.by_source(VENDOR)["2"]["sys_id"] == sys_id


def test_the_check_names_the_right_to_search_a_range(instance: Instance, singer: Singer) -> None:
    """Kind: a right that only invoices need, found missing when some had been written."""
    instance.behave(**without("query_range", INVOICE))
    sentence = missing(INVOICE, "query_range", "correlation_id")
    code, printed = instance.check()
    assert code == 1
    assert [line for line in printed if line.startswith("error")] == [f"error    {sentence}"]
    messages = [
        *singer.vendors(singer.vendor("1")),
        *singer.batches(singer.batch(1, {"VendorNumber": "1"})),
    ]
    result = instance.run(messages)
    assert (result.code, result.errors) == (1, [sentence])
    assert instance.rows(INVOICE) == []


@pytest.mark.parametrize("seen", [False, True])
@pytest.mark.parametrize("right", ["query_match", "query"])
def test_the_check_names_the_right_to_search_values(
    instance: Instance, singer: Singer, right: str, *, seen: bool
) -> None:
    """Kind: a check that passes, and a run that stops at its first lookup."""
    if seen:
        assert instance.run(singer.vendors(singer.vendor("1"))).code == 0
    instance.behave(**without(right, *BY_VALUE))
    code, printed = instance.check()
    assert code == 1
    errors = [line.removeprefix("error").strip() for line in printed if line.startswith("error")]
    expected = {missing(table, "query_match", names) for table, names in BY_VALUE.items()}
    assert expected <= {*errors}
    result = instance.run(singer.vendors(singer.vendor("1")))
    assert result.code == 1
    [error] = result.errors  # of the table, or of one that it points at
    assert error in expected


def test_the_check_names_the_columns(instance: Instance) -> None:
    rules = [*without("query_match", VENDOR, column="name")["access"]]
    instance.behave(access=[*rules, *without("query", INVOICE, column="correlation_id")["access"]])
    code, printed = instance.check()
    assert code == 1
    assert [line for line in printed if line.startswith("error")] == [
        f"error    {missing(VENDOR, 'query_match', 'name')}",
        f"error    {missing(INVOICE, 'query_match', 'correlation_id')}",
        f"error    {missing(INVOICE, 'query_range', 'correlation_id')}",
    ]


@pytest.mark.parametrize("rows", [4, 5, 11])
def test_what_is_more_than_a_page_is_read_in_order(
    instance: Instance, singer: Singer, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    """The fault to avoid: pages of rows in no order, of which some are never seen."""
    monkeypatch.setattr(table_api, "MAX_ROWS", 5)
    invoices = [{"VendorNumber": "1"} for _ in range(rows)]
    vendors = singer.vendors(*(singer.vendor(n) for n in range(rows)))
    for batch in (singer.batch(1, *invoices), singer.batch(1, *invoices)):
        assert instance.run([*vendors, *singer.batches(batch)]).code == 0
    assert instance.counts(VENDOR) == instance.counts(INVOICE) == {"unchanged": rows}
    messages = singer.batches(singer.batch(1, *invoices[1:]))
    assert instance.run(messages).code == 0
    assert instance.counts(INVOICE) == {"unchanged": rows - 1, "updated": 1}
