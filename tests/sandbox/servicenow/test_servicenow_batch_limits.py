"""Where a batch ends before its items do: time and sizes."""

import base64
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

TABLE = "/api/now/table/cmn_cost_center"
CANCELLED = {
    "error": {
        "message": "Transaction cancelled: maximum execution time exceeded",
        "detail": "Transaction cancelled: maximum execution time exceeded Check logs for error"
        " trace or enable glide.rest.debug property to verify REST request processing",
    },
    "status": "failure",
}
MEGABYTE = 1024 * 1024


def names(instance):
    return sorted(row["name"] for row in instance.app.rows("cmn_cost_center"))


def posts(instance, prefix, count):
    return [
        instance.item(f"{prefix}{n}", "POST", TABLE, {"name": f"{prefix}{n}"}) for n in range(count)
    ]


def cut(instance, prefix, **behaviours):
    """Send five rows of 200 ms each into a batch that may take 500 ms."""
    instance.app.behave(row_cost_ms=200, batch_limit_seconds=0.5, **behaviours)
    answer = instance.batch(*posts(instance, prefix, 5))
    statuses = [(item["id"], item["status_code"]) for item in answer["serviced_requests"]]
    assert statuses == [(f"{prefix}0", 201), (f"{prefix}1", 201), (f"{prefix}2", 500)]
    assert answer["unserviced_requests"] == [f"{prefix}3", f"{prefix}4"]
    assert [item["execution_time"] for item in answer["serviced_requests"]] == [200, 200, 100]
    last = answer["serviced_requests"][-1]
    assert last["status_text"] == "Internal Server Error"
    assert instance.opened(last) == CANCELLED
    return [name for name in names(instance) if name.startswith(prefix)]


@pytest.mark.parametrize(
    ("cut_off_item", "stored"),
    [("committed", ["a0", "a1", "a2"]), ("not_committed", ["a0", "a1"])],
)
def test_the_item_that_was_running_when_time_ran_out(
    instance, stopping, counters, cut_off_item, stored
):
    assert cut(instance, "a", cut_off_item=cut_off_item) == stored
    counts = counters.snapshot()["servicenow"]["batch_items_by_status"]
    assert counts == {"201": 2, "500": 1}
    # A stock instance gives 30 s; after the stop nothing is waited for, and the costs count on.
    instance.app.reset()
    instance.app.behave(row_cost_ms=10_000, cut_off_item=cut_off_item)
    stopping.set()
    answer = instance.batch(*posts(instance, "b", 5))
    assert [item["status_code"] for item in answer["serviced_requests"]] == [201, 201, 201, 500]
    assert answer["unserviced_requests"] == ["b4"]


def test_items_cut_off_are_committed_alternately(instance):
    found = [cut(instance, prefix) for prefix in "abc"]
    assert [len(rows) for rows in found] == [3, 2, 3]
    instance.app.reset()
    assert len(cut(instance, "d")) == 3


def test_only_writing_takes_time(instance):
    instance.app.behave(row_cost_ms=100, batch_limit_seconds=0.25)
    reads = [instance.item(str(n), "GET", TABLE) for n in range(50)]
    answer = instance.batch(*reads)
    assert {item["status_code"] for item in answer["serviced_requests"]} == {200}
    assert len(answer["serviced_requests"]) == 50
    assert {item["execution_time"] for item in answer["serviced_requests"]} == {1}


def test_nothing_is_served_after_the_time_limit_and_reads_are_cut_off_too(instance):
    instance.app.behave(row_cost_ms=100, batch_limit_seconds=0)
    answer = instance.batch(
        instance.item("read", "GET", TABLE), instance.item("write", "POST", TABLE, {"name": "x"})
    )
    [read] = answer["serviced_requests"]
    assert (read["id"], read["status_code"]) == ("read", 500)
    assert answer["unserviced_requests"] == ["write"]
    assert names(instance) == []


def test_unserviced_items_as_objects(instance):
    instance.app.behave(unserviced_items="objects")
    first, last = (instance.item(name, "POST", TABLE, {"name": name}) for name in ("a", "z"))
    large = {**last, "id": "large", "body": base64.b64encode(b" " * (5 * MEGABYTE + 1)).decode()}
    answer = instance.batch(first, large, last)
    assert answer["unserviced_requests"] == [{"id": "large"}, {"id": "z"}]


def test_a_client_measures_the_cost_of_rows(instance):
    free = instance.batch(*posts(instance, "free", 2))
    assert [item["execution_time"] for item in free["serviced_requests"]] == [1, 1]
    instance.app.behave(row_cost_ms=40)
    start = time.monotonic()
    answer = instance.batch(*posts(instance, "a", 5))
    assert time.monotonic() - start >= 0.2
    assert [item["execution_time"] for item in answer["serviced_requests"]] == [40] * 5
    instance.app.behave(row_cost_ms=400)
    start = time.monotonic()
    instance.send("POST", "cmn_cost_center", {"name": "alone"})
    assert time.monotonic() - start >= 0.4


def test_four_slots_wait_side_by_side(instance):
    instance.app.behave(row_cost_ms=150)

    def send(prefix):
        with instance.another_session() as other:
            return other.batch(*posts(instance, prefix, 3))

    start = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(send, "abcd"))
    assert time.monotonic() - start < 1.3  # 1.8 s one after the other
    assert all(not answer["unserviced_requests"] for answer in answers)
    assert len(names(instance)) == 12


def test_an_item_over_five_megabytes_ends_the_batch(instance):
    def sized(identifier, size):
        shell = len(b'{"name":""}')
        content = b'{"name":"%s"}' % (b"x" * (size - shell))
        item = instance.item(identifier, "POST", f"{TABLE}?sysparm_fields=sys_id")
        return {**item, "body": base64.b64encode(content).decode()}

    fits = instance.batch(sized("fits", 5 * MEGABYTE))
    assert [item["status_code"] for item in fits["serviced_requests"]] == [201]
    first, last = (instance.item(name, "POST", TABLE, {"name": name}) for name in ("a", "z"))
    answer = instance.batch(first, sized("large", 5 * MEGABYTE + 1), last)
    assert [item["id"] for item in answer["serviced_requests"]] == ["a"]
    assert answer["unserviced_requests"] == ["large", "z"]
    assert names(instance) == ["a", "x" * 100]


def test_an_answer_over_the_output_limit_ends_the_batch(instance):
    for number in range(20):
        instance.app.insert("cmn_cost_center", {"name": f"C{number}"})
    items = [
        instance.item("small", "GET", f"{TABLE}?sysparm_limit=1&sysparm_fields=name"),
        instance.item("large", "GET", TABLE),
        instance.item("behind", "GET", f"{TABLE}?sysparm_limit=1&sysparm_fields=name"),
    ]
    answer = instance.batch(*items, headers={"X-BATCHREQUEST-MAX-OUTPUT-SIZE": "2000"})
    assert [item["id"] for item in answer["serviced_requests"]] == ["small"]
    assert answer["unserviced_requests"] == ["large", "behind"]
    assert instance.batch(*items)["unserviced_requests"] == []


def test_the_output_limit_cannot_be_raised(instance):
    # Ten megabytes and more: 10,000 rows of more than 1,100 bytes.
    fields = ",".join(f"vendor.{name}" for name in ("name", "legal_name", "street", "website"))
    vendor = instance.app.insert(
        "proc_vendor",
        {
            "name": "n" * 100,
            "legal_name": "l" * 100,
            "street": "s" * 255,
            "website": "w" * 700,
        },
    )
    rows = [
        instance.item(str(n), "POST", "/api/now/table/sn_apo_invoice", values)
        for n, values in enumerate([{"invoice_number": "I", "vendor": vendor["sys_id"]}] * 2_500)
    ]
    for _ in range(4):
        assert instance.batch(*rows)["unserviced_requests"] == []
    item = instance.item("all", "GET", f"/api/now/table/sn_apo_invoice?sysparm_fields={fields}")
    for limit in ("999999999", "many"):
        answer = instance.batch(item, headers={"X-BATCHREQUEST-MAX-OUTPUT-SIZE": limit})
        assert answer["serviced_requests"] == []
        assert answer["unserviced_requests"] == ["all"]
