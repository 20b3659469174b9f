"""Rows are created, updated where they differ, and otherwise left alone."""

from __future__ import annotations

import json
import typing as t

import pytest

if t.TYPE_CHECKING:
    from conftest import Instance, Singer


def test_rows_are_created_as_mapped(instance: Instance, singer: Singer) -> None:
    result = instance.run(
        [
            *singer.accounts(singer.account("6000", Status="Active", NormalBalanceDRCR="Debit")),
            *singer.vendors(
                singer.vendor(
                    "1200 ",
                    GLAccount="6000",
                    AddressLine1="1 Road",
                    AddressLine2="",
                    AddressLine3="Unit 3",
                    AddressLine4=None,
                    StartDate="2020-02-29T00:00:00Z",
                    OnHold="Normal",
                )
            ),
            *singer.batches(
                singer.batch(
                    28,
                    {
                        "VendorNumber": "1200",
                        "DocumentType": "Invoice",
                        "DocumentTotalIncludingTax": 1234567890.123,
                        "ExchangeRate": 1.0000001,
                        "DocumentDate": "2026-11-20T00:00:00Z",
                    },
                    BatchStatus="ReadyToPost",
                )
            ),
            singer.state({"seen": 1}),
        ]
    )
    assert (result.code, result.errors, result.states[-1]) == (0, [], {"seen": 1})
    [account] = instance.rows("itfm_gl_accounts")
    [vendor] = instance.rows("proc_vendor")
    [invoice] = instance.rows("sn_apo_invoice")
    assert account["correlation_id"] == "sage300:SAMINC:GLAccount:6000"
    assert (account["name"], account["active"]) == ("Account 6000", "true")
    assert account["normal_balance"] == "debit"
    assert vendor["correlation_id"] == "sage300:SAMINC:Vendor:1200"
    assert (vendor["vendor_number"], vendor["street"]) == ("1200", "1 Road\nUnit 3")
    assert (vendor["start_date"], vendor["on_hold"]) == ("2020-02-29", "false")
    assert vendor["gl_account"] == account["sys_id"]
    assert invoice["correlation_id"] == "sage300:SAMINC:Invoice:28:1"
    assert (invoice["vendor"], invoice["state"]) == (vendor["sys_id"], "ready_to_post")
    assert (invoice["total_amount"], invoice["exchange_rate"]) == ("1234567890.123", "1.0000001")
    assert invoice["invoice_date"] == "2026-11-20"
    assert instance.outcomes() == [("6000", "created"), ("1", "created"), ("1200", "created")]


def test_only_what_differs_is_sent(instance: Instance, singer: Singer) -> None:
    vendors = [singer.vendor(n, City="Delft", OnHold=None, CurrencyCode="CAD") for n in range(30)]
    assert instance.run(singer.vendors(*vendors)).code == 0
    assert instance.written() == (30, 0)
    before = instance.by_source("proc_vendor")

    vendors[7] = singer.vendor(7, City="Gouda", OnHold=None, CurrencyCode="CAD")
    vendors[8] = singer.vendor(8, City="", OnHold=None)
    result = instance.run([*singer.vendors(*vendors, singer.vendor("new")), singer.state(2)])
    assert (result.code, result.states) == (0, [2])
    assert instance.written() == (1, 2)
    after = instance.by_source("proc_vendor")
    assert after.keys() - before.keys() == {"new"}
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"7", "8"}
    assert {after[name]["sys_mod_count"] for name in changed} == {"1"}
    assert (after["7"]["city"], after["8"]["city"]) == ("Gouda", "")
    assert after["8"]["currency"] == "CAD"
    assert instance.counts("proc_vendor") == {"created": 1, "updated": 2, "unchanged": 28}
    [changes] = instance.query("SELECT changes FROM outcomes WHERE outcome = 'updated' LIMIT 1")
    assert json.loads(changes[0]) == {"city": {"old": "Delft", "new": "Gouda"}}


def test_nothing_is_sent_for_unchanged_rows(instance: Instance, singer: Singer) -> None:
    messages = [
        *singer.accounts(*(singer.account(str(n)) for n in range(300))),
        *singer.vendors(*(singer.vendor(n, GLAccount="7", OnHold=None) for n in range(300))),
        *singer.batches(
            *(
                singer.batch(n, {"VendorNumber": "5", "TaxTotal": 12.9, "ExchangeRate": 1})
                for n in range(300)
            )
        ),
    ]
    assert instance.run(messages).code == 0
    tables = ("itfm_gl_accounts", "proc_vendor", "sn_apo_invoice")
    before = {table: instance.rows(table) for table in tables}
    assert [len(rows) for rows in before.values()] == [300] * 3
    instance.take_counters()
    assert instance.run(messages[:1]).code == 0
    preflight = instance.take_counters()["batch_items"]["GET"]
    assert instance.run(messages).code == 0
    counters = instance.take_counters()
    assert (counters["batch_items"]["POST"], counters["batch_items"]["PATCH"]) == (0, 0)
    # Besides the preflight: the keys of each table, and for removed entries the prefixes of 300
    # batches' identifiers, 200 per request. The rows referenced were just seen.
    assert counters["by_path"].keys() == {"oauth_token.do", "batch"}
    assert counters["batch_items"]["GET"] - preflight == 3 + 2
    assert {table: instance.rows(table) for table in tables} == before
    assert {name: instance.counts(name) for name in tables} == {
        name: {"unchanged": 300} for name in tables
    }


def test_the_last_version_wins(instance: Instance, singer: Singer) -> None:
    versions = [singer.vendor("1", City=city) for city in ("Delft", "Gouda", "Hoorn")]
    assert instance.run(singer.vendors(*versions)).code == 0
    assert instance.written() == (1, 0)
    assert instance.by_source("proc_vendor")["1"]["city"] == "Hoorn"
    assert instance.outcomes() == [("1", "created")]


def test_keys_that_differ_only_in_case(instance: Instance, singer: Singer) -> None:
    vendors = singer.vendors(singer.vendor("abc", City="Delft"), singer.vendor("ABC", City="Gouda"))
    assert instance.run(vendors).code == 0
    assert instance.run(vendors).code == 0
    assert {k: r["city"] for k, r in instance.by_source("proc_vendor").items()} == {
        "abc": "Delft",
        "ABC": "Gouda",
    }


def test_keys_with_special_characters(instance: Instance, singer: Singer) -> None:
    keys = ["A^B", "A,B", "x@y", "50%", "a:b", "ü" * 12, "q&a=1", "~1", "#", "a b"]
    vendors = singer.vendors(*(singer.vendor(key) for key in keys))
    assert instance.run(vendors).code == 0
    instance.take_counters()
    assert instance.run(vendors).code == 0
    assert instance.written() == (0, 0)
    assert sorted(row["vendor_number"] for row in instance.rows("proc_vendor")) == sorted(keys)


def test_a_manual_row_is_adopted(instance: Instance, singer: Singer) -> None:
    sys_id = instance.insert_row("proc_vendor", name="ACME Tools", city="Delft", phone="123")
    acme = singer.vendor("1", VendorName=" Acme TOOLS", City="Gouda")
    assert instance.run(singer.vendors(acme, singer.vendor("2"))).code == 0
    rows = instance.by_source("proc_vendor")
    assert rows.keys() == {"1", "2"}
    row = rows["1"]
    assert (row["sys_id"], row["sys_mod_count"]) == (sys_id, "1")
    assert (row["city"], row["phone"], row["name"]) == ("Gouda", "123", " Acme TOOLS")
    assert instance.outcomes() == [("1", "adopted"), ("2", "created")]
    assert instance.counts("proc_vendor") == {"created": 1, "adopted": 1}
    assert instance.logged("WARNING") == []
    assert instance.run(singer.vendors(acme)).code == 0
    assert instance.counts("proc_vendor") == {"unchanged": 1}


def test_a_manual_row_with_an_unsearchable_name_is_adopted(
    instance: Instance, singer: Singer
) -> None:
    sys_id = instance.insert_row("proc_vendor", name="Smith, Sons^Co")
    instance.insert_row("proc_vendor", name="Smith, Other")
    vendor = singer.vendor("1", VendorName="smith, sons^co")
    assert instance.run(singer.vendors(vendor)).code == 0
    claimed = [row for row in instance.rows("proc_vendor") if row["correlation_id"]]
    assert [row["sys_id"] for row in claimed] == [sys_id]


def test_a_row_of_another_source_is_not_adopted(instance: Instance, singer: Singer) -> None:
    instance.insert_row("proc_vendor", name="Vendor 1", correlation_id="other-system:1")
    assert instance.run(singer.vendors(singer.vendor("1"))).code == 0
    assert len(instance.rows("proc_vendor")) == 2
    assert instance.outcomes() == [("1", "created")]


def test_a_record_with_two_candidates_is_held(instance: Instance, singer: Singer) -> None:
    sys_ids = sorted(instance.insert_row("proc_vendor", name=name) for name in ("Acme", "acme"))
    before = instance.rows("proc_vendor")
    vendor = singer.vendor("1", VendorName="ACME", City="Delft")
    result = instance.run([*singer.vendors(vendor), singer.state(1)])
    assert (result.code, result.states) == (0, [1])
    assert instance.rows("proc_vendor") == before
    assert instance.rejects() == {
        "1": (
            "held",
            (
                "2 rows of proc_vendor have name 'ACME' and no correlation_id "
                f"({', '.join(sys_ids)}): set correlation_id to sage300:SAMINC:Vendor:1 on the "
                "right one"
            ),
        )
    }
    assert instance.written() == (0, 0)


def test_two_records_with_one_candidate_are_held(instance: Instance, singer: Singer) -> None:
    sys_id = instance.insert_row("proc_vendor", name="Acme")
    before = instance.rows("proc_vendor")
    vendors = [singer.vendor(n, VendorName="Acme") for n in ("1", "2")]
    assert instance.run(singer.vendors(*vendors)).code == 0
    assert instance.rows("proc_vendor") == before
    held = instance.rejects()
    assert {outcome for outcome, _ in held.values()} == {"held"}
    assert held["2"][1] == (
        f"2 records have name 'Acme' and could claim the row {sys_id} of proc_vendor: set its "
        "correlation_id to sage300:SAMINC:Vendor:2 if it belongs to this one"
    )


def test_two_rows_with_the_same_identifier(instance: Instance, singer: Singer) -> None:
    name = "sage300:SAMINC:Vendor:1"
    sys_ids = sorted(
        instance.insert_row("proc_vendor", name=city, city=city, correlation_id=name)
        for city in ("Delft", "Gouda")
    )
    before = instance.rows("proc_vendor")
    result = instance.run(singer.vendors(singer.vendor("1", City="Hoorn"), singer.vendor("2")))
    assert result.code == 0
    after = instance.rows("proc_vendor")
    assert [row for row in after if row["correlation_id"] == name] == before
    assert len(after) == 3
    assert instance.rejects() == {
        "1": (
            "rejected",
            (
                f"2 rows of proc_vendor carry correlation_id {name} ({', '.join(sys_ids)}): delete "
                f"or clear all but one; none was changed"
            ),
        )
    }


@pytest.mark.parametrize("status", ["Deleted", "Open"])
def test_an_invoice_of_a_deleted_batch_is_not_created(
    instance: Instance, singer: Singer, status: str
) -> None:
    assert instance.run(singer.batches(singer.batch(1, {}, BatchStatus=status))).code == 0
    assert len(instance.rows("sn_apo_invoice")) == (status == "Open")
    assert instance.run(singer.batches(singer.batch(1, {}, BatchStatus="Deleted"))).code == 0
    states = [row["state"] for row in instance.rows("sn_apo_invoice")]
    assert states == (["cancelled"] if status == "Open" else [])


def test_many_rows_by_several_workers(instance: Instance, singer: Singer) -> None:
    messages = singer.vendors(*(singer.vendor(n, City="Delft") for n in range(2500)))
    assert instance.run([*messages, singer.state(1)], workers=3).code == 0
    assert instance.by_source("proc_vendor").keys() == {str(n) for n in range(2500)}
    assert instance.written() == (2500, 0)
    assert instance.counts("proc_vendor") == {"created": 2500}
    assert len(instance.outcomes()) == len(set(instance.outcomes())) == 2500
    changed = singer.vendors(*(singer.vendor(n, City="Gouda") for n in range(0, 2500, 2)))
    assert instance.run(changed, workers=4).code == 0
    assert instance.written() == (0, 1250)
    rows = instance.by_source("proc_vendor")
    cities = {name: row["city"] for name, row in rows.items()}
    assert cities == {str(n): "Delft" if n % 2 else "Gouda" for n in range(2500)}
    assert {row["sys_mod_count"] for row in rows.values()} == {"0", "1"}
