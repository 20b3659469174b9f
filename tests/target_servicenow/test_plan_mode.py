"""Mode plan: reports exactly what a run would do, and does nothing."""

from __future__ import annotations

import json
import typing as t

import pytest

from target_servicenow.upsert import references

if t.TYPE_CHECKING:
    from conftest import Instance, Singer

METHODS = ("POST", "PATCH", "PUT", "DELETE")


def line(number: int, account: str) -> dict[str, t.Any]:
    return {"LineNumber": number, "GLAccount": account, "DistributedAmount": 5}


def company(singer: Singer, **vendor: t.Any) -> list[dict[str, t.Any]]:
    """Records of every stream, some of which are held or rejected."""
    lines = [line(1, "6000"), line(2, "9999")]
    return [
        *singer.batches(
            singer.batch(
                1,
                {"VendorNumber": "1", "InvoiceDetails": lines},
                {"VendorNumber": "none", "InvoiceDetails": []},
            )
        ),
        *singer.accounts(
            *(singer.account(str(n), AccountSegmentCode2=str(n % 3)) for n in range(6000, 6020))
        ),
        *singer.vendors(
            *(singer.vendor(n, GLAccount="6000", **vendor) for n in range(30)),
            singer.vendor("bad", StartDate="soon"),
            singer.vendor("long", City="x" * 61),
            singer.vendor("typed", VendorName="Typed In"),
            singer.vendor("twice", VendorName="Twice"),
        ),
        singer.state({"n": 1}),
    ]


def writes(instance: Instance) -> dict[str, int]:
    """Requests that write, inside Batch calls or outside, since the counters were last taken."""
    counters = instance.take_counters()
    items = {m: counters["batch_items"].get(m, 0) for m in METHODS}
    return {m: items[m] + counters["by_method"].get(m, 0) * (m != "POST") for m in items}


def counts(instance: Instance) -> dict[str, dict[str, int]]:
    """The last run's rows by table and outcome, without tables that had none."""
    found = {table: instance.counts(table) for table in instance.tables}
    return {table: outcomes for table, outcomes in found.items() if outcomes}


def plan_then_apply(instance: Instance, messages: list[dict[str, t.Any]]) -> dict[str, t.Any]:
    """Plan, check that nothing was done, apply, and compare; the rows by table and outcome."""
    before = {table: instance.rows(table) for table in instance.tables}
    queries = "SELECT * FROM records", "SELECT * FROM rejects"
    recorded = [instance.query(sql) for sql in queries] if instance.ledger.exists() else [[], []]
    instance.take_counters()
    planned = instance.run(messages, mode="plan")
    assert (planned.code, planned.states, planned.errors) == (0, [], [])
    assert writes(instance) == dict.fromkeys(METHODS, 0)
    assert {table: instance.rows(table) for table in instance.tables} == before
    assert [instance.query(sql) for sql in queries] == recorded
    expected = counts(instance)
    assert instance.run(messages).code == 0
    assert counts(instance) == expected
    return expected


@pytest.mark.parametrize("cache", [references.CACHE_SIZE, 2])
def test_a_plan_predicts_the_first_load_and_later_ones(
    instance: Instance, singer: Singer, monkeypatch: pytest.MonkeyPatch, cache: int
) -> None:
    monkeypatch.setattr(references, "CACHE_SIZE", cache)
    instance.insert_row("proc_vendor", name="typed in")
    for city in ("Delft", "Gouda"):
        instance.insert_row("proc_vendor", name="TWICE", city=city)
    first = plan_then_apply(instance, company(singer))
    assert first == {
        "cmn_cost_center": {"created": 3},
        "itfm_gl_accounts": {"created": 20},
        "proc_vendor": {"created": 30, "adopted": 1, "held": 1, "rejected": 2},
        "sn_apo_invoice": {"created": 1, "held": 1},
        "sn_apo_invoice_line": {"created": 1, "held": 1},
    }
    second = plan_then_apply(instance, company(singer, City="Delft"))
    assert second["proc_vendor"] == {"updated": 30, "unchanged": 1, "held": 1, "rejected": 2}
    assert second["sn_apo_invoice"] == {"unchanged": 1, "held": 1}
    gone = plan_then_apply(instance, singer.batches(singer.batch(1)))
    assert gone["sn_apo_invoice"] == {"updated": 1}
    assert gone["sn_apo_invoice_line"] == {"updated": 1}
    assert plan_then_apply(instance, []) == {"proc_vendor": {"held": 1, "rejected": 2}}
    modes = instance.query("SELECT mode, status FROM runs ORDER BY run")
    assert modes == [("plan", "finished"), ("apply", "finished")] * 4


def test_a_plan_shows_old_and_new_values(instance: Instance, singer: Singer) -> None:
    sys_id = instance.insert_row("proc_vendor", name="vendor 2", city="Gouda")
    assert instance.run(singer.vendors(singer.vendor("1", City="Delft", Email="a@b"))).code == 0
    messages = singer.vendors(
        singer.vendor("1", City="Hoorn", Email="a@b"),
        singer.vendor("2", City="Gouda"),
        singer.vendor("3"),
        singer.vendor("4", StartDate="soon"),
    )
    assert instance.run(messages, mode="plan").code == 0
    planned = [line for line in instance.logged("INFO") if "would be" in line]
    assert planned == [
        "proc_vendor sage300:SAMINC:Vendor:1 would be updated: city 'Delft' -> 'Hoorn'",
        "proc_vendor sage300:SAMINC:Vendor:3 would be created",
        (
            "proc_vendor sage300:SAMINC:Vendor:2 would be adopted: name 'vendor 2' -> 'Vendor 2', "
            "vendor_number '' -> '2', company_code '' -> 'SAMINC', correlation_id '' -> "
            "'sage300:SAMINC:Vendor:2'"
        ),
    ]
    updated = instance.query(
        "SELECT outcome, sys_id, changes FROM outcomes WHERE run = 2 AND outcome = 'updated'"
    )
    [(outcome, _, changes)] = updated
    assert outcome == "updated"
    assert json.loads(changes) == {"city": {"old": "Delft", "new": "Hoorn"}}
    adopted = instance.query("SELECT sys_id FROM outcomes WHERE run = 2 AND outcome = 'adopted'")
    assert adopted == [(sys_id,)]
    assert any(
        line.startswith("Plan 2: ") and line.endswith(f"; the ledger is {instance.ledger}")
        for line in instance.logged("INFO")
    )


def test_a_plan_leaves_held_rows_held(instance: Instance, singer: Singer) -> None:
    held = singer.batches(singer.batch(1, {"VendorNumber": "5"}))
    assert instance.run(held).code == 0
    waiting = instance.rejects()
    assert instance.run(singer.vendors(singer.vendor("5")), mode="plan").code == 0
    assert instance.counts("sn_apo_invoice") == {"created": 1}  # it would be
    assert instance.rejects() == waiting
    assert instance.rows("sn_apo_invoice") == []
    assert instance.run(singer.vendors(singer.vendor("5"))).code == 0
    assert instance.rejects() == {}
    assert len(instance.rows("sn_apo_invoice")) == 1


def test_a_plan_emits_no_state_at_checkpoints(instance: Instance, singer: Singer) -> None:
    messages = [m for n in range(3) for m in (singer.vendor(n), singer.state({"n": n}))]
    result = instance.run(
        [singer.schema("APVendors"), *messages], mode="plan", checkpoint_seconds=0
    )
    assert (result.code, result.states) == (0, [])
    assert instance.counts("proc_vendor") == {"created": 3}
    assert instance.rows("proc_vendor") == []


def test_a_plan_of_a_complete_read(instance: Instance, singer: Singer) -> None:
    def read(version: int, count: int) -> list[dict[str, t.Any]]:
        vendors = [{**singer.vendor(n), "version": version} for n in range(count)]
        end = {"type": "ACTIVATE_VERSION", "stream": "APVendors", "version": version}
        return [*singer.vendors(*vendors), end]

    assert instance.run(read(1, 20)).code == 0
    assert instance.run(read(2, 19), mode="plan").code == 0
    assert instance.counts("proc_vendor") == {"unchanged": 19, "updated": 1}
    assert {row["active"] for row in instance.rows("proc_vendor")} == {"true"}
    assert instance.query("SELECT DISTINCT version FROM records") == [(1,)]
    assert instance.run(read(2, 19)).code == 0
    assert instance.by_source("proc_vendor")["19"]["active"] == "false"


@pytest.mark.parametrize("limit", [1, 2])
def test_a_plan_respects_max_rejects(instance: Instance, singer: Singer, limit: int) -> None:
    bad = [singer.vendor(n, StartDate="soon") for n in range(2)]
    assert instance.run(singer.vendors(*bad), mode="plan", max_rejects=limit).code == (limit < 2)
