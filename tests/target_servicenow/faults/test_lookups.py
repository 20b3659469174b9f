"""Lookups are few and large, compare every row all the same, and shrink where they do not pass."""

from __future__ import annotations

import typing as t

import pytest

from sage300_servicenow_sandbox.servicenow import batch_api

if t.TYPE_CHECKING:
    from conftest import Instance, Singer

MEASURED_URL_BYTES = 8_192
"""What a whole address may have outside a Batch call."""
LONGEST_QUERY_BYTES = 23_000
"""What was measured to be read to its end inside one."""


def long_keys(singer: Singer, rows: int) -> list[dict[str, t.Any]]:
    """Vendors whose identifiers take about 100 bytes each in an address."""
    return [singer.vendor(f"{n:03}{'ü' * 8}") for n in range(rows)]


def watch(proxy: t.Any, kind: str = "lookup") -> list[list[str]]:
    """Return what will hold the addresses of each further call of a kind."""
    calls: list[list[str]] = []

    def see(call: t.Any) -> t.Any:
        calls.append([item["url"] for item in call.items])
        return call.forward()

    proxy.plan = {(kind, number): see for number in range(proxy.seen[kind] + 1, 500)}
    return calls


def test_a_thousand_rows_in_few_large_queries(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer
) -> None:
    """Kind: many small lookups of what one larger one finds."""
    rows = 1_100
    load([singer.vendor(n) for n in range(rows)])
    [first, *_] = instance.rows("proc_vendor")
    instance.update_row("proc_vendor", first["sys_id"], city="Elsewhere")
    calls = watch(proxy)
    load([singer.vendor(n, City="") for n in range(rows)])
    [urls] = calls
    assert len(urls) == 3
    assert MEASURED_URL_BYTES < max(map(len, urls)) <= LONGEST_QUERY_BYTES
    assert instance.counts("proc_vendor") == {"unchanged": rows - 1, "updated": 1}


@pytest.mark.parametrize("limit", [100_000, 4_000])
def test_an_answer_over_the_limit_of_an_item(
    load: t.Any,
    instance: Instance,
    singer: Singer,
    monkeypatch: pytest.MonkeyPatch,
    limit: int,
) -> None:
    """Kind: more rows at once than ServiceNow answers with, so that it never comes to the item."""
    vendors = [singer.vendor(n, ShortName="x" * 10) for n in range(150)]
    load(vendors)
    monkeypatch.setattr(batch_api, "_MAX_OUT", limit)
    load([*vendors, singer.vendor("new")])
    assert instance.counts("proc_vendor") == {"unchanged": 150, "created": 1}
    assert sum(load.waits) < 60


def test_an_answer_that_is_too_large_for_one_row(
    load: t.Any, instance: Instance, singer: Singer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: a lookup that no smaller one can replace ends the run, and makes no twin."""
    load([singer.vendor(1)])
    monkeypatch.setattr(batch_api, "_MAX_OUT", 10)
    with pytest.raises(Exception, match="ServiceNow did not answer while looking up proc_vendor"):
        load([singer.vendor(1)])
    assert len(instance.rows("proc_vendor")) == 1


@pytest.mark.parametrize("status", [414, 400, 413])
def test_an_instance_that_takes_no_long_query_inside_a_call(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer, status: int
) -> None:
    """Kind: a limit of an address that holds inside a Batch call too."""
    load(long_keys(singer, 200))

    def refuse(call: t.Any) -> t.Any:
        long = [item for item in call.items if len(item["url"]) > MEASURED_URL_BYTES]
        short = [item for item in call.items if item not in long]
        answer = call.forward(short) if short else {"serviced_requests": []}
        refused = [call.failed(item["id"], status, "Bad request") for item in long]
        return {**answer, "serviced_requests": answer["serviced_requests"] + refused}

    proxy.plan = {("lookup", number): refuse for number in range(proxy.seen["lookup"] + 1, 50)}
    load(long_keys(singer, 200))
    assert instance.counts("proc_vendor") == {"unchanged": 200}


def test_single_calls_have_short_addresses(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer
) -> None:
    """Kind: a query made for the inside of a Batch call, sent as a call of its own."""
    load(long_keys(singer, 200))
    proxy.close_batch()
    calls = watch(proxy)
    load(long_keys(singer, 200))
    assert instance.counts("proc_vendor") == {"unchanged": 200}
    assert 3 <= len(calls) <= 5
    assert all(len(url) < MEASURED_URL_BYTES - 100 for [url] in calls)


@pytest.mark.parametrize("shape", ["ids", "objects"])
def test_unserviced_rows_in_both_shapes(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer, shape: str
) -> None:
    """Kind: rows that never had their turn, taken for rows whose fate is unknown."""

    def serve_half(call: t.Any) -> t.Any:
        half = len(call.items) // 2
        left = [item["id"] for item in call.items[half:]]
        named = left if shape == "ids" else [{"id": name, "method": "POST"} for name in left]
        return {**call.forward(call.items[:half]), "unserviced_requests": named}

    proxy.plan = {("write", 2): serve_half}
    load([singer.vendor(n) for n in range(41)])
    assert instance.counts("proc_vendor") == {"created": 41}
    assert proxy.sizes == [1, 40, 20]
    assert proxy.seen["lookup"] == 2  # by identifier and by name, and not once more
    assert load.waits == []


def test_batches_fill_a_lookup_as_their_invoices_do(instance: Instance, singer: Singer) -> None:
    """Kind: memory that grows with what a record holds, since records alone were counted."""
    invoices = [{"VendorNumber": "1"} for _ in range(20)]
    batches = [singer.batch(number, *invoices) for number in range(1, 9)]
    messages = [*singer.vendors(singer.vendor("1")), *singer.batches(*batches)]
    assert instance.run(messages).code == 0
    calls: list[int] = []
    for size in (40, 1_000):
        instance.take_counters()
        assert instance.run(messages, batch_size_rows=size).code == 0
        assert instance.counts("sn_apo_invoice") == {"unchanged": 160}
        calls.append(instance.take_counters()["calls"])
    assert calls[0] == calls[1] + 3 * 2  # four times 40 invoices, instead of all at once
