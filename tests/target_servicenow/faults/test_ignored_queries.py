"""Lookups whose answer is not what was asked for: other rows, or not all of them."""

from __future__ import annotations

import typing as t

from target_servicenow.api import table

if t.TYPE_CHECKING:
    import pytest
    from conftest import Instance, Singer


def without_query(call: t.Any) -> t.Any:
    """Answer lookups as an instance does that takes no notice of their conditions."""
    urls = [item["url"] for item in call.items]
    asked = [u.partition("&sysparm_query=")[0] if "/proc_vendor?" in u else u for u in urls]
    return call.forward([{**i, "url": url} for i, url in zip(call.items, asked, strict=True)])


def test_rows_that_nobody_asked_for_stop_the_run(
    proxy: t.Any, instance: Instance, singer: Singer
) -> None:
    """Kind: a query that is ignored, so that a row that is there need not be among the answers."""
    first = singer.vendors(singer.vendor(1), singer.vendor(2))
    instance.run(first, instance_url=proxy.url)
    state, before = singer.state({"n": 2}), proxy.seen["write"]
    proxy.plan = {("lookup", n): without_query for n in range(1, 99)}
    result = instance.run([*singer.vendors(singer.vendor(3)), state], instance_url=proxy.url)
    assert proxy.seen["write"] == before
    assert (result.code, result.states) == (1, [])
    assert result.errors[0].startswith("ServiceNow ignores the column correlation_id of proc_vend")
    assert instance.by_source("proc_vendor").keys() == {"1", "2"}


def test_an_identifier_that_differs_in_case_is_of_another_record(
    instance: Instance, singer: Singer
) -> None:
    """Kind: ServiceNow compares without regard to case, so it finds more than was asked for."""
    other = "sage300:saminc:Invoice:1:9"
    values = {"correlation_id": other, "invoice_number": "9", "state": "open"}
    instance.insert_row("sn_apo_invoice", **values)
    vendor = "sage300:SAMINC:Vendor:abc"
    instance.insert_row("proc_vendor", correlation_id=vendor, name="Other")
    messages = [*singer.vendors(singer.vendor("ABC")), *singer.batches(singer.batch(1, {}))]
    assert instance.run(messages).code == 0
    names = {row["correlation_id"]: row["name"] for row in instance.rows("proc_vendor")}
    assert names == {vendor: "Other", "sage300:SAMINC:Vendor:ABC": "Vendor ABC"}
    states = {row["correlation_id"]: row["state"] for row in instance.rows("sn_apo_invoice")}
    assert states == {"sage300:SAMINC:Invoice:1:1": "open", other: "open"}


def test_a_list_that_takes_several_pages(
    instance: Instance, singer: Singer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: an answer cut at the limit of one page."""
    monkeypatch.setattr(table, "MAX_ROWS", 2)
    instance.run(singer.batches(singer.batch(1, *[{}] * 6)))
    assert instance.run(singer.batches(singer.batch(1, {}))).code == 0
    states = {key: row["state"] for key, row in instance.by_source("sn_apo_invoice").items()}
    assert states == {"1": "open", **dict.fromkeys("23456", "cancelled")}
