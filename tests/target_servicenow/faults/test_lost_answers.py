"""Whatever happens to an answer, every row exists once and is recorded once."""

from __future__ import annotations

import json
import typing as t

import pytest
from werkzeug.wrappers import Response

if t.TYPE_CHECKING:
    from conftest import Instance, Singer

ROWS = 24
CANCELLED = "Transaction cancelled: maximum execution time exceeded"
JSON = "application/json"


def drop_before_commit(call: t.Any) -> t.Any:
    call.drop()


def drop_after_commit(call: t.Any) -> t.Any:
    call.forward()
    call.drop()


def fail_after_commit(call: t.Any) -> t.Any:
    call.forward()
    return call.answer({"error": {"message": CANCELLED, "detail": None}}, 500)


def bad_gateway(_: t.Any) -> t.Any:
    return Response("<html>Bad gateway</html>", 502, content_type="text/html")


def html_after_commit(call: t.Any) -> t.Any:
    call.forward()
    return Response("<html>Your instance is hibernating</html>", content_type="text/html")


def truncate_after_commit(call: t.Any) -> t.Any:
    text = json.dumps(call.forward())
    return Response(text[: len(text) // 2], content_type=JSON)


def half_unserviced(call: t.Any) -> t.Any:
    half = len(call.items) // 2
    answer = call.forward(call.items[:half])
    return {**answer, "unserviced_requests": [item["id"] for item in call.items[half:]]}


def unserviced_after_commit(call: t.Any) -> t.Any:
    answer = call.forward()
    half = len(call.items) // 2
    return {
        **answer,
        "serviced_requests": answer["serviced_requests"][:half],
        "unserviced_requests": [item["id"] for item in call.items[half:]],
    }


def omit_items(call: t.Any) -> t.Any:
    answer = call.forward()
    return {**answer, "serviced_requests": answer["serviced_requests"][::2]}


def cancel_item_after_commit(call: t.Any) -> t.Any:
    """The current item is cancelled although committed; those after it are not started."""
    half = len(call.items) // 2
    answer = call.forward(call.items[: half + 1])
    cancelled = call.failed(call.items[half]["id"], 500, CANCELLED)
    return {
        **answer,
        "serviced_requests": [*answer["serviced_requests"][:half], cancelled],
        "unserviced_requests": [item["id"] for item in call.items[half + 1 :]],
    }


def cancel_item_before_commit(call: t.Any) -> t.Any:
    """The current item is cancelled before its commit; those after it are not started."""
    half = len(call.items) // 2
    answer = call.forward(call.items[:half])
    cancelled = call.failed(call.items[half]["id"], 500, CANCELLED)
    return {
        **answer,
        "serviced_requests": [*answer["serviced_requests"], cancelled],
        "unserviced_requests": [item["id"] for item in call.items[half + 1 :]],
    }


def unreadable_items(call: t.Any) -> t.Any:
    answer = call.forward()
    broken = [{**item, "body": "bm8ganNvbg=="} for item in answer["serviced_requests"]]
    return {**answer, "serviced_requests": broken}


def limit_call(call: t.Any) -> t.Any:
    return call.answer({"error": {"message": "Rate limit exceeded"}}, 429, Retry_After="7")


def limit_items(call: t.Any) -> t.Any:
    half = len(call.items) // 2
    answer = call.forward(call.items[:half])
    limited = [call.failed(item["id"], 429, "Rate limit exceeded") for item in call.items[half:]]
    return {**answer, "serviced_requests": [*answer["serviced_requests"], *limited]}


def too_large(call: t.Any) -> t.Any:
    detail = "Rejected large REST payload with content-length = 1 bytes. Max allowed: 0 bytes."
    error = {"message": "Exception while reading request", "detail": detail}
    return call.answer({"error": error, "status": "failure"}, 400)


FAULTS = [
    drop_before_commit,
    drop_after_commit,
    fail_after_commit,
    bad_gateway,
    html_after_commit,
    truncate_after_commit,
    half_unserviced,
    unserviced_after_commit,
    omit_items,
    cancel_item_after_commit,
    cancel_item_before_commit,
    unreadable_items,
    limit_call,
    limit_items,
    too_large,
]


def name_of(fault: t.Any) -> str:
    return fault.__name__


def assert_each_once(
    instance: Instance, outcome: str, count: int = ROWS
) -> dict[str, dict[str, str]]:
    """Check that each row exists once and is recorded once; the rows."""
    rows = instance.by_source("proc_vendor")
    assert rows.keys() == {str(n) for n in range(count)}
    assert sorted(instance.outcomes()) == sorted((str(n), outcome) for n in range(count))
    assert instance.counts("proc_vendor") == {outcome: count}
    return rows


@pytest.mark.parametrize("fault", FAULTS, ids=name_of)
def test_rows_created(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer, fault: t.Any
) -> None:
    proxy.plan = {("write", 2): fault}
    load([singer.vendor(n) for n in range(ROWS)])
    assert {row["sys_mod_count"] for row in assert_each_once(instance, "created").values()} == {"0"}
    assert max(load.waits, default=0) <= 7  # our own sys_ids make longer waits unnecessary


def test_rows_created_that_cannot_be_read(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer
) -> None:
    """Kind: the answer to a create is lost, and the lookup after it does not show the row."""
    hidden = {"table": "proc_vendor", "operation": "read", "when": "vendor_numberIN7,9"}
    hardened = {"glide.rest.table_api.admin_only_sys_fields": True}
    instance.behave(access=[hidden], properties=hardened)
    proxy.plan = {("write", 2): drop_after_commit}
    vendors = [singer.vendor(n) for n in range(ROWS)]
    load(vendors)
    assert_each_once(instance, "created")
    load(vendors)
    assert instance.by_source("proc_vendor").keys() == {str(n) for n in range(ROWS)}
    assert instance.rejects().keys() == {"7", "9"}


# Without our own sys_ids, ServiceNow has to be believed about what it did not commit.
@pytest.mark.parametrize(
    "fault", [f for f in FAULTS if f is not unserviced_after_commit], ids=name_of
)
def test_rows_created_with_sys_ids_chosen_by_the_instance(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer, fault: t.Any
) -> None:
    proxy.keeps_sys_ids = False
    proxy.plan = {("write", 2): fault}
    load([singer.vendor(n) for n in range(ROWS)])
    assert_each_once(instance, "created")


@pytest.mark.parametrize("fault", FAULTS, ids=name_of)
def test_the_first_row_created(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer, fault: t.Any
) -> None:
    proxy.plan = {("write", 1): fault}
    load([singer.vendor(n) for n in range(3)], retries=1)
    if fault is too_large:
        assert instance.rejects()["0"] == ("rejected", "the row is too large for the instance")
    else:
        assert_each_once(instance, "created", 3)


def test_a_row_unserviced_twice_on_its_own_is_too_large(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer
) -> None:
    """ServiceNow does not service an item that is too large, as if time had run out."""
    proxy.plan = {("write", 1): half_unserviced, ("write", 2): half_unserviced}
    load([singer.vendor(n) for n in range(3)])
    assert instance.by_source("proc_vendor").keys() == {"1", "2"}
    assert instance.rejects() == {"0": ("rejected", "the row is too large for the instance")}


@pytest.mark.parametrize("fault", FAULTS, ids=name_of)
def test_rows_changed(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer, fault: t.Any
) -> None:
    load([singer.vendor(n, City="Delft") for n in range(ROWS)])
    proxy.plan = {("write", proxy.seen["write"] + 1): fault}
    load([singer.vendor(n, City="Gouda") for n in range(ROWS)])
    rows = assert_each_once(instance, "updated")
    assert {(row["city"], row["sys_mod_count"]) for row in rows.values()} == {("Gouda", "1")}


@pytest.mark.parametrize("fault", FAULTS, ids=name_of)
def test_rows_adopted(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer, fault: t.Any
) -> None:
    for n in range(10):
        instance.insert_row("proc_vendor", name=f"vendor {n}")
    proxy.plan = {("write", 2): fault}
    load([singer.vendor(n) for n in range(10)])
    rows = assert_each_once(instance, "adopted", 10)
    assert {row["sys_mod_count"] for row in rows.values()} == {"1"}


@pytest.mark.parametrize(
    "fault",
    [f for f in FAULTS if f not in {too_large, unserviced_after_commit}],
    ids=name_of,
)
def test_lookups(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer, fault: t.Any
) -> None:
    vendors = [singer.vendor(f"{n}{'ü' * 8}") for n in range(260)]  # more than one query holds
    load(vendors)
    before = instance.rows("proc_vendor")
    seen = proxy.seen["lookup"]
    proxy.plan = {("lookup", seen + 1): fault}
    load(vendors)
    assert proxy.seen["lookup"] > seen + 1
    assert instance.rows("proc_vendor") == before
    assert instance.counts("proc_vendor") == {"unchanged": 260}


def test_several_workers_with_many_faults(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer
) -> None:
    several = [fault for fault in FAULTS if fault is not too_large]
    proxy.plan = {("write", 2 + 2 * at): fault for at, fault in enumerate(several)}
    load([singer.vendor(n) for n in range(1500)], workers=4)
    assert proxy.seen["write"] > 2 * len(several)
    assert_each_once(instance, "created", 1500)
    assert len(proxy.sizes) == proxy.seen["write"]
