"""If the Batch API is refused, single calls write the same rows, even when answers are lost."""

from __future__ import annotations

import typing as t

import pytest

if t.TYPE_CHECKING:
    from conftest import Instance, Singer

CLOSED = {"fault": "error", "side": "servicenow", "path": "/batch", "status": 403}


REFUSED = {
    status: (
        f"ServiceNow refuses the Batch API ({text}), so each row takes a request of its own: allow "
        "the integration user POST /api/now/v1/batch to need fewer"
    )
    for status, text in ((403, "Forbidden"), (404, "Not Found"))
}


def follow_faults(instance: Instance, *rules: dict[str, t.Any]) -> None:
    """Start a fault plan."""
    instance.control.follow_faults({"rules": list(rules)})


def strikes(instance: Instance) -> list[int]:
    """How often each rule of the fault plan struck."""
    return [rule["struck"] for rule in instance.control.call("GET", "faults")["rules"]]


def company(singer: Singer, city: str = "Delft") -> list[dict[str, t.Any]]:
    lines = [{"LineNumber": n, "GLAccount": "6000", "DistributedAmount": 5} for n in (1, 2)]
    return [
        *singer.accounts(singer.account("6000"), singer.account("7000")),
        *singer.vendors(*(singer.vendor(n, City=city, GLAccount="6000") for n in range(12))),
        *singer.batches(singer.batch(1, {"VendorNumber": "3", "InvoiceDetails": lines})),
        singer.state({"n": 1}),
    ]


def contents(instance: Instance) -> dict[str, t.Any]:
    """All rows, without the columns that ServiceNow sets itself."""
    return {
        table: {
            key: {name: value for name, value in row.items() if not name.startswith("sys_")}
            for key, row in instance.by_key(table).items()
        }
        for table in instance.tables
    }


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("workers", [1, 3])
def test_the_same_rows(instance: Instance, singer: Singer, status: int, workers: int) -> None:
    assert instance.run(company(singer)).code == 0
    expected = contents(instance)
    instance.sandbox.reset()
    instance.ledger.unlink()

    follow_faults(instance, {**CLOSED, "status": status})
    result = instance.run(company(singer), workers=workers)
    assert (result.code, result.states) == (0, [{"n": 1}])
    assert contents(instance) == expected
    counters = instance.take_counters()
    assert counters["batch_items"] == {"GET": 0, "POST": 0, "PATCH": 0}
    created = sum(len(rows) for rows in expected.values())
    assert counters["by_method"]["POST"] == 1 + strikes(instance)[0] + created  # with the token
    sessions = len([line for line in instance.logged("WARNING") if line == REFUSED[status]])
    assert 1 <= sessions <= workers
    assert strikes(instance)[0] == 2 * sessions  # a Batch call, and one that settles it

    assert instance.run(company(singer, "Gouda")).code == 0
    assert instance.take_counters()["by_method"]["PATCH"] == 12
    assert {row["city"] for row in instance.rows("proc_vendor")} == {"Gouda"}
    assert instance.run(company(singer, "Gouda")).code == 0
    counters = instance.take_counters()["by_method"]
    assert ("PATCH" in counters, counters["POST"]) == (
        False,
        3,
    )  # the token, and the Batch call twice


def test_removed_entries_and_the_preflight(instance: Instance, singer: Singer) -> None:
    follow_faults(instance, CLOSED)
    assert instance.run(company(singer)).code == 0
    assert instance.check()[0] == 0
    assert instance.run(singer.batches(singer.batch(1))).code == 0
    assert instance.by_key("sn_apo_invoice")["1:1"]["state"] == "cancelled"
    instance.behave(access=[{"table": "proc_vendor", "operation": "read", "column": "*"}])
    code, printed = instance.check()
    assert code == 1
    assert (
        "error    The integration user cannot read proc_vendor (visible rows: 0 of 12): give it a "
        "role that can read the table"
    ) in printed


@pytest.mark.parametrize("fault", ["drop", "cut", "unparsable", "html", "error"])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_lost_answer(instance: Instance, singer: Singer, fault: str, method: str) -> None:
    """The write was committed; it is found and not repeated."""
    if method == "PATCH":
        assert instance.run(singer.vendors(*(singer.vendor(n) for n in range(4)))).code == 0
    lost = {"fault": fault, "method": method, "path": "table/proc_vendor", "nth": 3}
    if fault in {"html", "error"}:
        lost["commit"] = True
    follow_faults(instance, CLOSED, lost)
    vendors = [singer.vendor(n, City="Delft") for n in range(4)]
    assert instance.run([*singer.vendors(*vendors), singer.state(1)], workers=1).states == [1]
    assert strikes(instance) == [2, 1]
    rows = instance.by_source("proc_vendor")
    assert {name: row["city"] for name, row in rows.items()} == {str(n): "Delft" for n in range(4)}
    outcome = "created" if method == "POST" else "updated"
    assert instance.counts("proc_vendor") == {outcome: 4}
    modifications = {row["sys_mod_count"] for row in rows.values()}
    assert modifications == ({"0"} if method == "POST" else {"1"})
    lost_answers = instance.query(
        "SELECT identifier FROM outcomes WHERE reason = 'the answer was lost; the row was found "
        "afterwards'"
    )
    assert lost_answers == [("sage300:SAMINC:Vendor:2",)]


def test_create_not_allowed_stops_the_run(instance: Instance, singer: Singer) -> None:
    follow_faults(instance, CLOSED)
    instance.behave(access=[{"table": "proc_vendor", "operation": "create", "column": "*"}])
    result = instance.run([*singer.vendors(*(singer.vendor(n) for n in range(9))), singer.state(1)])
    assert (result.code, result.states) == (1, [])
    assert result.errors == [
        (
            "ServiceNow denied access while writing proc_vendor (Operation Failed: ACL Exception "
            "Insert Failed due to security constraints): give the integration user the role or "
            "access rule it needs"
        )
    ]
    assert instance.rows("proc_vendor") == []


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("place", [3, 6], ids=["lookup", "write"])
def test_a_stray_refusal_of_a_batch_call(
    instance: Instance, singer: Singer, status: int, place: int
) -> None:
    """A page about one call, from something before ServiceNow, says nothing about the next."""
    stray = {**CLOSED, "status": status, "body": "html", "nth": place}
    follow_faults(instance, stray)
    vendors = [singer.vendor(n) for n in range(60)]
    result = instance.run([*singer.vendors(*vendors), singer.state(1)], workers=1)
    assert (result.code, result.states) == (0, [1])
    assert strikes(instance) == [1]
    assert instance.counts("proc_vendor") == {"created": 60}
    assert len(instance.by_source("proc_vendor")) == 60
    assert instance.take_counters()["by_path"].keys() == {"oauth_token.do", "batch"}
    what = "looking up" if place == 3 else "writing"
    assert instance.logged("WARNING") == [
        (
            f"ServiceNow refused one Batch call while {what} proc_vendor (HTTP {status}) and "
            "answered the next: sending it again"
        )
    ]


def test_batch_is_used_again_when_it_answers(instance: Instance, singer: Singer) -> None:
    """Refused for a while, in the middle of a load."""
    follow_faults(instance, {**CLOSED, "first": 3})
    vendors = [singer.vendor(n) for n in range(700)]
    result = instance.run([*singer.vendors(*vendors), singer.state(1)], workers=1)
    assert (result.code, result.states) == (0, [1])
    assert strikes(instance) == [3]
    assert instance.counts("proc_vendor") == {"created": 700}
    assert len(instance.by_source("proc_vendor")) == 700
    assert instance.take_counters()["batch_items"]["POST"] > 100
    assert "ServiceNow answers the Batch API again: rows are sent together again" in (
        instance.logged("INFO")
    )


@pytest.mark.parametrize("closed", [False, True], ids=["batch", "single"])
def test_a_row_that_is_too_large_is_rejected(
    instance: Instance, singer: Singer, *, closed: bool
) -> None:
    instance.behave(access=[{"table": "sys_dictionary", "operation": "read", "column": "*"}])
    follow_faults(instance, *([CLOSED] if closed else []))
    vendors = [singer.vendor(n, City="x" * (11_000_000 if n == 2 else 5)) for n in range(4)]
    result = instance.run([*singer.vendors(*vendors), singer.state(1)])
    assert (result.code, result.states) == (0, [1])
    assert instance.by_source("proc_vendor").keys() == {"0", "1", "3"}
    assert instance.rejects() == {"2": ("rejected", "the row is too large for the instance")}
