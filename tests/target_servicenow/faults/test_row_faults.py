"""One row's fault is that row's: it is rejected with ServiceNow's words, and the run goes on."""

from __future__ import annotations

import time
import typing as t

import pytest

if t.TYPE_CHECKING:
    from conftest import Instance, Singer

ROWS = 60
CLOSED = {"fault": "error", "side": "servicenow", "path": "/batch", "status": 403}
DENIED = "ServiceNow refused the row: "
NULL = "java.lang.NullPointerException"
FAILED = f"ServiceNow failed while writing proc_vendor ({NULL}) (attempts: 3)"
REASONS = {
    (403, "ACL Exception Update Failed due to security constraints"): (
        f"{DENIED}ACL Exception Update Failed due to security constraints"
    ),
    (403, "Not on Fridays"): f"{DENIED}Not on Fridays",
    (404, "Nowhere to be seen"): f"{DENIED}Nowhere to be seen",
    (418, "A teapot"): f"{DENIED}A teapot",
    (500, NULL): FAILED,
}


def fail_on(instance: Instance, status: int, message: str, when: str = "city=Delft") -> None:
    """Let a rule of the instance fail on some vendors."""
    rule = {"table": "proc_vendor", "action": "fail", "when": when}
    instance.behave(business_rules=[{**rule, "status": status, "message": message}])


def assert_settled_without_notes(instance: Instance) -> None:
    assert instance.query("SELECT * FROM sending") == []


@pytest.mark.parametrize(("status", "message"), REASONS)
@pytest.mark.parametrize("closed", [False, True], ids=["batch", "single"])
@pytest.mark.parametrize("at", [0, 30])
def test_a_row_that_is_refused_or_fails(
    instance: Instance, singer: Singer, status: int, message: str, at: int, *, closed: bool
) -> None:
    """A row rule, its own words, a script that fails: on the first row, or in the middle."""
    if closed:
        instance.control.follow_faults({"rules": [CLOSED]})
    fail_on(instance, status, message)
    vendors = [singer.vendor(n, City="Delft" if n == at else "Gouda") for n in range(ROWS)]
    started = time.monotonic()
    result = instance.run(
        [*singer.vendors(*vendors), *singer.accounts(singer.account("1")), singer.state(1)]
    )
    assert time.monotonic() - started < 20
    assert (result.code, result.states, result.errors) == (0, [1], [])
    others = {str(n) for n in range(ROWS)} - {str(at)}
    assert instance.by_source("proc_vendor").keys() == others
    assert instance.by_source("itfm_gl_accounts").keys() == {"1"}
    assert instance.rejects() == {str(at): ("rejected", REASONS[status, message])}
    assert instance.counts("proc_vendor") == {"created": ROWS - 1, "rejected": 1}
    assert_settled_without_notes(instance)
    instance.behave(business_rules=[])
    assert instance.run([]).code == 0
    assert len(instance.by_source("proc_vendor")) == ROWS
    assert instance.rejects() == {}


@pytest.mark.parametrize(("status", "message"), REASONS)
@pytest.mark.parametrize("count", [1, 2])
def test_the_only_rows(
    instance: Instance, singer: Singer, status: int, message: str, count: int
) -> None:
    """Fewer than three refused rows say nothing about the table, also when there is no other."""
    numbers = [str(n) for n in range(count)]
    assert instance.run(singer.vendors(*(singer.vendor(n) for n in numbers))).code == 0
    fail_on(instance, status, message)
    moved = singer.vendors(*(singer.vendor(n, City="Delft") for n in numbers))
    later = singer.accounts(singer.account("1"))
    result = instance.run([*moved, *later, singer.state(1)])
    assert (result.code, result.states) == (0, [1])
    expected = ("rejected", REASONS[status, message])
    assert instance.rejects() == dict.fromkeys(numbers, expected)
    assert len(instance.rows("itfm_gl_accounts")) == 1
    assert_settled_without_notes(instance)


@pytest.mark.parametrize(
    ("status", "message", "sentence"),
    [
        (
            403,
            "Not for you",
            (
                "ServiceNow denied access while writing proc_vendor (Not for you): give the "
                "integration user the role or access rule it needs"
            ),
        ),
        (500, NULL, FAILED),
    ],
)
def test_every_write_to_a_table_refused_stops_the_run(
    instance: Instance, singer: Singer, status: int, message: str, sentence: str
) -> None:
    fail_on(instance, status, message, when="")
    vendors = singer.vendors(*(singer.vendor(n) for n in range(ROWS)))
    result = instance.run([*vendors, singer.state(1)])
    assert (result.code, result.states, result.errors) == (1, [], [sentence])
    assert instance.rejects() == {}
    assert_settled_without_notes(instance)
    instance.behave(business_rules=[])
    started = time.monotonic()
    assert instance.run([*vendors, singer.state(1)]).states == [1]
    assert time.monotonic() - started < 20
    assert instance.counts("proc_vendor") == {"created": ROWS}


def test_a_company_whose_rows_come_first_and_are_refused(
    instance: Instance, singer: Singer
) -> None:
    """A row rule on one company does not stop the other."""
    fail_on(instance, 403, "Not yours", when="company_code=OTHER")
    other = [singer.vendor(n, CompanyID="OTHER") for n in range(20)]
    mine = [singer.vendor(n) for n in range(20, 40)]
    result = instance.run([*singer.vendors(*other, *mine), singer.state(1)])
    assert (result.code, result.states) == (0, [1])
    assert instance.counts("proc_vendor") == {"created": 20, "rejected": 20}


@pytest.mark.parametrize("status", [409, 423])
def test_a_row_that_is_locked_for_a_moment(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer, status: int
) -> None:
    """A conflict or a lock is transient."""

    def lock_one(call: t.Any) -> t.Any:
        answer = call.forward(call.items[1:])
        locked = call.failed(call.items[0]["id"], status, "Locked")
        return {**answer, "serviced_requests": [*answer["serviced_requests"], locked]}

    proxy.plan = {("write", 2): lock_one}
    load([singer.vendor(n) for n in range(10)])
    assert instance.counts("proc_vendor") == {"created": 10}
    assert instance.rejects() == {}
    assert load.waits == [2]


def test_a_row_that_stays_locked(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer
) -> None:
    fail_on(instance, 423, "Locked by Ann")
    load([singer.vendor(n, City="Delft" if n == 5 else "Gouda") for n in range(10)])
    assert instance.counts("proc_vendor") == {"created": 9, "rejected": 1}
    reason = "ServiceNow was busy with the same row or table while writing proc_vendor (Locked by"
    assert instance.rejects() == {"5": ("rejected", f"{reason} Ann) (attempts: 3)")}
    assert load.waits == [2, 4]
    assert proxy.seen["write"] == 4


@pytest.mark.parametrize("status", [408, 425, 499])
@pytest.mark.parametrize("where", ["call", "item"])
@pytest.mark.parametrize("committed", [False, True])
def test_statuses_that_leave_the_outcome_unknown(  # noqa: PLR0917
    proxy: t.Any,
    load: t.Any,
    instance: Instance,
    singer: Singer,
    status: int,
    where: str,
    *,
    committed: bool,
) -> None:
    """A proxy that gives a request up does not know whether it was done."""

    def give_up(call: t.Any) -> t.Any:
        whole = call.forward(call.items if committed else call.items[1:])
        if where == "call":
            return call.answer({}, status)
        given_up = call.failed(call.items[0]["id"], status, "Timeout")
        others = [a for a in whole["serviced_requests"] if a["id"] != given_up["id"]]
        return {**whole, "serviced_requests": [*others, given_up]}

    proxy.plan = {("write", 2): give_up}
    load([singer.vendor(n) for n in range(10)])
    assert len(instance.by_source("proc_vendor")) == 10
    assert instance.counts("proc_vendor") == {"created": 10}
    assert instance.rejects() == {}


@pytest.mark.parametrize("status", [408, 409, 423, 425, 499])
@pytest.mark.parametrize("where", ["call", "item"])
def test_transient_statuses_of_lookups(  # noqa: PLR0917
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer, status: int, where: str
) -> None:
    vendors = [singer.vendor(n) for n in range(10)]
    load(vendors)

    def fail(call: t.Any) -> t.Any:
        if where == "call":
            return call.answer({}, status)
        items = [call.failed(item["id"], status, "Later") for item in call.items]
        return {"serviced_requests": items, "unserviced_requests": []}

    proxy.plan = {("lookup", proxy.seen["lookup"] + n): fail for n in (1, 2)}
    load(vendors)
    assert instance.counts("proc_vendor") == {"unchanged": 10}
    assert len(load.waits) == 2


@pytest.mark.parametrize("where", ["call", "item"])
def test_rate_limits_are_no_rows_fault(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer, where: str
) -> None:
    def limit(call: t.Any) -> t.Any:
        if where == "call":
            return call.answer({}, 429)
        items = [call.failed(item["id"], 429, "Too many") for item in call.items]
        return {"serviced_requests": items, "unserviced_requests": []}

    proxy.plan = {("write", n): limit for n in (2, 3, 4, 5)}
    load([singer.vendor(n) for n in range(4)], retries=5)
    assert instance.counts("proc_vendor") == {"created": 4}
    assert instance.rejects() == {}
