"""Identifiers that come back with blanks at their end, as from a column of fixed width."""

from __future__ import annotations

import base64
import json
import typing as t

import pytest

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Instance, Singer

VENDOR, INVOICE = "proc_vendor", "sn_apo_invoice"

Rows = list[dict[str, t.Any]]


def change_answers(proxy: t.Any, change: Callable[[Rows], None]) -> None:
    """Let every answer to an item show what `change` makes of its rows."""

    def edit(call: t.Any) -> t.Any:
        answer = call.forward()
        for item in answer["serviced_requests"]:
            body = json.loads(base64.b64decode(item["body"]))
            result = body.get("result", [])
            change([result] if isinstance(result, dict) else result)
            item["body"] = base64.b64encode(json.dumps(body).encode()).decode()
        return answer

    proxy.plan = {(kind, number): edit for kind in proxy.seen for number in range(500)}


def padded(rows: Rows) -> None:
    for row in rows:
        if "correlation_id" in row:
            row["correlation_id"] = row["correlation_id"].ljust(100)


def test_one_row_does_not_end_the_run(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer
) -> None:
    """Kind: one stored value that is not quite as sent, and "ServiceNow ignores the column"."""

    def pad_one(rows: Rows) -> None:
        for row in rows:
            if row.get("correlation_id", "").endswith(":1"):
                row["correlation_id"] += " "

    load([singer.vendor(n) for n in range(3)])
    change_answers(proxy, pad_one)
    load([singer.vendor(n, City="Delft") for n in range(3)])
    assert instance.counts(VENDOR) == {"updated": 3}
    assert {row["city"] for row in instance.by_source(VENDOR).values()} == {"Delft"}
    assert instance.rejects() == {}


@pytest.mark.parametrize("keeps_sys_ids", [True, False])
def test_a_server_that_pads(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer, *, keeps_sys_ids: bool
) -> None:
    """Kind: rows created, adopted, pointed at, taken out and found again under padded names."""
    proxy.keeps_sys_ids = keeps_sys_ids
    change_answers(proxy, padded)
    typed = instance.insert_row(VENDOR, name="Vendor 2")
    vendors = [singer.vendor(n) for n in range(3)]
    invoices = [{"VendorNumber": n} for n in range(3)]
    for outcome in ("created", "unchanged"):
        load([*vendors, singer.batch(1, *invoices)])
        assert instance.counts(INVOICE) == {outcome: 3}
    assert instance.counts(VENDOR) == {"unchanged": 3}
    by_number = instance.by_source(VENDOR)
    assert by_number["2"]["sys_id"] == typed
    assert {row["vendor"] for row in instance.rows(INVOICE)} == {
        row["sys_id"] for row in by_number.values()
    }
    load([singer.batch(1, *invoices[:2])])
    states = {name: row["state"] for name, row in instance.by_key(INVOICE).items()}
    assert sorted(states.values()) == ["cancelled", "open", "open"]
    code, printed = instance.check(instance_url=proxy.url)
    assert (code, [line for line in printed if line.startswith("error")]) == (0, [])


def test_a_row_that_carries_the_identifier_exactly_goes_first(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer
) -> None:
    """The fault to avoid: two rows whose identifiers differ by a blank, taken for one."""
    load([singer.vendor("1")])
    [row] = instance.rows(VENDOR)
    other = {**row, "sys_id": "f" * 32, "correlation_id": f"{row['correlation_id']} "}

    def show_another(rows: Rows) -> None:
        if any(shown.get("correlation_id") == row["correlation_id"] for shown in rows):
            rows.insert(0, {name: other[name] for name in rows[0] if name in other})

    change_answers(proxy, show_another)
    load([singer.vendor("1", City="Delft")])
    assert instance.counts(VENDOR) == {"updated": 1}
    assert instance.by_source(VENDOR)["1"]["city"] == "Delft"


def test_two_padded_rows_are_two(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer
) -> None:
    """The fault to avoid: of two rows with one identifier, one is changed at random."""
    load([singer.vendor("1")])
    [row] = instance.rows(VENDOR)
    copied = {name: value for name, value in row.items() if not name.startswith("sys_")}
    instance.insert_row(VENDOR, **copied)
    change_answers(proxy, padded)
    load([singer.vendor("1", City="Delft")])
    [(outcome, reason)] = instance.rejects().values()
    assert (outcome, reason.partition(" (")[0]) == (
        "rejected",
        f"2 rows of proc_vendor carry correlation_id {row['correlation_id']}",
    )
