"""Rows whose entry or line is gone from Sage 300: set to the mapping's when_gone, and only that."""

from __future__ import annotations

import json
import typing as t

import pytest

if t.TYPE_CHECKING:
    from conftest import Instance, Singer

INVOICES, LINES = "sn_apo_invoice", "sn_apo_invoice_line"
AMOUNTS = {"DistributedAmount": 10.5, "TaxTotal": 1, "Quantity": 2}


def invoice(entry: int, *lines: int, **properties: t.Any) -> dict[str, t.Any]:
    details = [{"LineNumber": number, **AMOUNTS} for number in lines]
    defaults = {"EntryNumber": entry, "DocumentNumber": f"IN-{entry}"}
    return {**defaults, **properties, "InvoiceDetails": details}


def without(rows: dict[str, dict[str, str]], *keys: str) -> dict[str, dict[str, str]]:
    """The rows without some of them."""
    return {key: row for key, row in rows.items() if key not in keys}


@pytest.fixture
def loaded(instance: Instance, singer: Singer) -> Instance:
    """Two batches: the first with three invoices of two lines each."""
    first = singer.batch(1, invoice(1, 1, 2), invoice(2, 1, 2), invoice(3, 1, 2))
    other = singer.batch(11, invoice(2, 1))
    assert instance.run(singer.batches(first, other)).code == 0
    assert len(instance.rows(INVOICES)) == 4
    assert len(instance.rows(LINES)) == 7
    instance.take_counters()
    return instance


def test_an_entry_removed_from_an_open_batch(loaded: Instance, singer: Singer) -> None:
    before = {table: loaded.by_key(table) for table in (INVOICES, LINES)}
    smaller = singer.batches(singer.batch(1, invoice(1, 1, 2), invoice(3, 1, 2)))
    result = loaded.run([*smaller, singer.state({"n": 1})])
    assert (result.code, result.states) == (0, [{"n": 1}])
    after = {table: loaded.by_key(table) for table in (INVOICES, LINES)}
    assert after[INVOICES]["1:2"]["state"] == "cancelled"
    for line in ("1:2:1", "1:2:2"):
        row = after[LINES][line]
        assert (row["amount"], row["tax_amount"], row["quantity"]) == ("0", "0", "0")
        assert row["invoice"] == after[INVOICES]["1:2"]["sys_id"]
    assert without(after[INVOICES], "1:2") == without(before[INVOICES], "1:2")
    lines = ("1:2:1", "1:2:2")
    assert without(after[LINES], *lines) == without(before[LINES], *lines)
    changed = {n for n, v in after[INVOICES]["1:2"].items() if v != before[INVOICES]["1:2"][n]}
    assert changed <= {"state", "sys_mod_count", "sys_updated_on"}
    assert loaded.written() == (0, 3)
    assert loaded.counts(INVOICES) == {"updated": 1, "unchanged": 2}
    [(changes,)] = loaded.query(
        "SELECT changes FROM outcomes WHERE run = 2 AND identifier = 'sage300:SAMINC:Invoice:1:2'"
    )
    assert json.loads(changes) == {"state": {"old": "open", "new": "cancelled"}}

    assert loaded.run(smaller).code == 0
    assert loaded.written() == (0, 0)
    assert loaded.counts(INVOICES) == {"unchanged": 3}


def test_a_line_removed_from_an_entry(loaded: Instance, singer: Singer) -> None:
    fewer = singer.batch(1, invoice(1, 2), invoice(2, 1, 2), invoice(3, 1, 2))
    assert loaded.run(singer.batches(fewer)).code == 0
    amounts = {key: row["amount"] for key, row in loaded.by_key(LINES).items()}
    assert {key for key, amount in amounts.items() if amount == "0"} == {"1:1:1"}
    assert {row["state"] for row in loaded.rows(INVOICES)} == {"open"}
    assert loaded.written() == (0, 1)


@pytest.mark.parametrize("kept", [True, False])
def test_a_batch_deleted_later(loaded: Instance, singer: Singer, *, kept: bool) -> None:
    """Sage 300 may keep the invoices of a deleted batch, or return an empty list."""
    entries = [invoice(n, 1, 2) for n in (1, 2, 3)] if kept else []
    deleted = singer.batch(1, *entries, BatchStatus="Deleted")
    assert loaded.run(singer.batches(deleted)).code == 0
    states = {key: row["state"] for key, row in loaded.by_key(INVOICES).items()}
    assert states == dict.fromkeys(("1:1", "1:2", "1:3"), "cancelled") | {"11:2": "open"}
    amounts = {key: row["amount"] for key, row in loaded.by_key(LINES).items()}
    # Lines that still exist keep their amounts: their invoice is cancelled.
    assert {a for key, a in amounts.items() if key.startswith("1:")} == {"10.5" if kept else "0"}
    assert amounts["11:2:1"] == "10.5"
    loaded.take_counters()
    assert loaded.run(singer.batches(deleted)).code == 0
    assert loaded.written() == (0, 0)


def test_an_entry_that_comes_back_is_open_again(loaded: Instance, singer: Singer) -> None:
    every = [invoice(n, 1, 2) for n in (1, 2, 3)]
    assert loaded.run(singer.batches(singer.batch(1, *every[:2]))).code == 0
    assert loaded.by_key(INVOICES)["1:3"]["state"] == "cancelled"
    assert loaded.run(singer.batches(singer.batch(1, *every))).code == 0
    assert {row["state"] for row in loaded.rows(INVOICES)} == {"open"}
    assert {row["amount"] for row in loaded.rows(LINES)} == {"10.5"}


@pytest.mark.parametrize(
    "changes",
    [
        {"Invoices": None},
        {"Invoices": "none"},
        {"Invoices": [invoice(1), 7]},
        {"Invoices": [{**invoice(1, 1), "EntryNumber": None}]},
    ],
    ids=["null", "not a list", "not an object", "no entry number"],
)
def test_an_invalid_batch_cancels_nothing(
    loaded: Instance, singer: Singer, changes: dict[str, t.Any]
) -> None:
    before = {table: loaded.rows(table) for table in (INVOICES, LINES)}
    assert loaded.run(singer.batches(singer.batch(1, **changes))).code == 0
    assert {table: loaded.rows(table) for table in (INVOICES, LINES)} == before
    assert loaded.written() == (0, 0)


def test_a_batch_without_its_invoices_cancels_nothing(loaded: Instance, singer: Singer) -> None:
    """An absent list is not an empty list."""
    before = {table: loaded.rows(table) for table in (INVOICES, LINES)}
    batch = singer.batch(1)
    del batch["record"]["Invoices"]
    assert loaded.run(singer.batches(batch)).code == 0
    assert {table: loaded.rows(table) for table in (INVOICES, LINES)} == before

    without_lines = invoice(1)
    del without_lines["InvoiceDetails"]
    batch = singer.batch(1, without_lines, invoice(2, 1, 2), invoice(3, 1, 2))
    assert loaded.run(singer.batches(batch)).code == 0
    assert {table: loaded.rows(table) for table in (INVOICES, LINES)} == before
    assert loaded.written() == (0, 0)


def test_the_last_version_of_a_batch_decides(loaded: Instance, singer: Singer) -> None:
    versions = [
        singer.batch(1, invoice(1, 1, 2)),
        singer.batch(1, *(invoice(n, 1, 2) for n in (1, 2, 3))),
    ]
    assert loaded.run(singer.batches(*versions)).code == 0
    assert loaded.written() == (0, 0)
    assert {row["state"] for row in loaded.rows(INVOICES)} == {"open"}


def test_removed_entries_are_found_without_reading_the_whole_table(
    instance: Instance, singer: Singer
) -> None:
    batches = [singer.batch(n, invoice(1, 1), invoice(2, 1)) for n in range(1, 141)]
    assert instance.run(singer.batches(*batches)).code == 0
    instance.take_counters()
    batches[70] = singer.batch(71, invoice(1, 1))
    assert instance.run(singer.batches(*batches)).code == 0
    counters = instance.take_counters()["batch_items"]
    # The preflight: each table, 3 requests for the dictionary, 10 for rights to query, and 2 for
    # known rows of each of two tables. Then, for each of these, a request for 140 prefixes, one for
    # the 279 keys, and one for those that are gone.
    preflight = len(instance.tables) + 3 + 10 + 2 * 2
    assert counters["GET"] == preflight + 2 * (1 + 1 + 1)
    assert counters["PATCH"] == 2
    cancelled = {k for k, row in instance.by_key(INVOICES).items() if row["state"] == "cancelled"}
    assert cancelled == {"71:2"}
    one = singer.batches(singer.batch(71, invoice(1, 1)))
    assert instance.run(one).code == 0
    assert instance.take_counters()["batch_items"]["GET"] == preflight + 2 * (1 + 1 + 1)


def test_a_held_entry_that_is_gone_is_no_longer_held(instance: Instance, singer: Singer) -> None:
    held = [invoice(1, 1), invoice(2, 1, VendorNumber="5"), invoice(3, 1, VendorNumber="5")]
    assert instance.run(singer.batches(singer.batch(1, *held))).code == 0
    held_rows = instance.query('SELECT "table", identifier FROM rejects ORDER BY identifier')
    assert [name.split(":", 3)[-1] for _, name in held_rows] == ["1:2", "1:3", "1:2:1", "1:3:1"]
    assert instance.run(singer.batches(singer.batch(1, held[0], held[2]))).code == 0
    held_rows = instance.query("SELECT identifier FROM rejects ORDER BY identifier")
    assert [name.split(":", 3)[-1] for (name,) in held_rows] == ["1:3", "1:3:1"]
    assert instance.by_key(INVOICES).keys() == {"1:1"}
    assert instance.run(singer.vendors(singer.vendor("5"))).code == 0
    assert instance.by_key(INVOICES).keys() == {"1:1", "1:3"}
    assert instance.by_key(LINES).keys() == {"1:1:1", "1:3:1"}
    assert instance.rejects() == {}


def test_an_invoice_is_not_created_to_be_cancelled(instance: Instance, singer: Singer) -> None:
    deleted = singer.batch(1, invoice(1, 1), BatchStatus="Deleted")
    assert instance.run(singer.batches(deleted, singer.batch(2))).code == 0
    assert instance.rows(INVOICES) == instance.rows(LINES) == []
    assert instance.counts(INVOICES) == {}


def large(singer: Singer, count: int) -> list[dict[str, t.Any]]:
    """A batch of so many invoices, beside another batch."""
    first = singer.batch(1, *(invoice(n) for n in range(1, count + 1)))
    return singer.batches(first, singer.batch(11, invoice(1), invoice(2)))


CUT = (
    "22 of 25 rows (88%) are no longer in sage300:SAMINC:Invoice:1, more than max_inactive_percent "
    "(10) allows, so none of them was changed: if they are really gone, raise the setting and run "
    "again"
)


def test_a_list_of_invoices_cut_short_cancels_none(instance: Instance, singer: Singer) -> None:
    """A server that pages a nested list shows the first few entries only."""
    assert instance.run(large(singer, 25)).code == 0
    smaller = large(singer, 3)
    del smaller[-1]["record"]["Invoices"][1]  # one entry of the other batch is gone, too
    result = instance.run([*smaller, singer.state(1)])
    assert (result.code, result.states, result.errors) == (0, [1], [])
    rows = instance.by_key(INVOICES)
    assert {key for key, row in rows.items() if row["state"] == "cancelled"} == {"11:2"}
    assert instance.rejects() == {str(n): ("held", CUT) for n in range(4, 26)}
    assert instance.logged("WARNING") == [f"{INVOICES}: {CUT}"]

    assert instance.run([], max_inactive_percent=90).code == 0
    rows = instance.by_key(INVOICES)
    cancelled = {f"1:{n}" for n in range(4, 26)} | {"11:2"}
    assert {key for key, row in rows.items() if row["state"] == "cancelled"} == cancelled
    assert instance.rejects() == {}


def test_invoices_held_back_that_return(instance: Instance, singer: Singer) -> None:
    assert instance.run(large(singer, 25)).code == 0
    assert instance.run(large(singer, 3)).code == 0
    assert len(instance.rejects()) == 22
    assert instance.run(large(singer, 25)).code == 0
    assert instance.rejects() == {}
    assert "cancelled" not in {row["state"] for row in instance.rows(INVOICES)}


def test_invoices_cancelled_before_do_not_count(instance: Instance, singer: Singer) -> None:
    """What went earlier, five at a time, does not add up."""
    for count in (25, 20, 15):
        assert instance.run(large(singer, count)).code == 0
    assert instance.run(large(singer, 11)).code == 0
    rows = instance.by_key(INVOICES)
    assert sum(row["state"] == "cancelled" for row in rows.values()) == 14
    assert instance.rejects() == {}


def test_a_large_batch_that_was_deleted_is_cancelled(instance: Instance, singer: Singer) -> None:
    """Its record says so; no list was cut short."""
    assert instance.run(large(singer, 25)).code == 0
    deleted = singer.batches(singer.batch(1, BatchStatus="Deleted"))
    assert instance.run(deleted).code == 0
    rows = instance.by_key(INVOICES)
    cancelled = {f"1:{n}" for n in range(1, 26)}
    assert {key for key, row in rows.items() if row["state"] == "cancelled"} == cancelled
    assert instance.rejects() == {}
