"""Every fault of the sandbox, on lookups, writes and tokens: each row exists once."""

from __future__ import annotations

import time
import typing as t

import pytest

from sage300_servicenow_sandbox.faults import Fault

if t.TYPE_CHECKING:
    from conftest import Instance, Singer

ROWS = 12
LOOKUP, WRITE = 3, 6
"""Numbers of Batch calls: two of the preflight, two lookups, the first row, the others."""

FAULTS: dict[str, dict[str, t.Any]] = {
    "delay": {"fault": "delay", "seconds": 0.1},
    "hang": {"fault": "hang", "seconds": 0.1},
    "hang after the commit": {"fault": "hang", "seconds": 0.1, "commit": True},
    "reset": {"fault": "reset"},
    "drop": {"fault": "drop"},
    "cut": {"fault": "cut"},
    "trickle": {"fault": "trickle", "seconds": 0.2},
    "500": {"fault": "error", "status": 500},
    "500 after the commit": {"fault": "error", "status": 500, "commit": True},
    "502 as a page": {"fault": "error", "status": 502, "body": "html"},
    "503": {"fault": "error", "status": 503, "retry_after": 1},
    "429": {"fault": "error", "status": 429, "retry_after": 1},
    "html": {"fault": "html"},
    "html after the commit": {"fault": "html", "commit": True},
    "unparsable": {"fault": "unparsable"},
    "partial": {"fault": "partial"},
    "expire_token": {"fault": "expire_token"},
}


def test_every_kind_of_fault_is_tested() -> None:
    assert {fault["fault"] for fault in FAULTS.values()} == set(t.get_args(Fault))


def plan_fault(instance: Instance, **rule: t.Any) -> None:
    instance.control.follow_faults({"rules": [{"side": "servicenow", **rule}]})


def strikes(instance: Instance) -> int:
    [rule] = instance.control.call("GET", "faults")["rules"]
    return int(rule["struck"])


def load_vendors(instance: Instance, singer: Singer, **settings: t.Any) -> None:
    """Load the vendors; every row must exist once and be recorded once."""
    vendors = [singer.vendor(n, City="Delft") for n in range(ROWS)]
    messages = [*singer.vendors(*vendors), singer.state(1)]
    settings = {"workers": 1, "max_retries": 2, **settings}
    result = instance.run(messages, **settings)
    assert (result.code, result.states, result.errors) == (0, [1], [])
    rows = instance.by_source("proc_vendor")
    assert rows.keys() == {str(n) for n in range(ROWS)}
    assert {(row["city"], row["sys_mod_count"]) for row in rows.values()} == {("Delft", "0")}
    assert instance.counts("proc_vendor") == {"created": ROWS}
    assert sorted(instance.outcomes()) == sorted((str(n), "created") for n in range(ROWS))
    assert instance.query("SELECT status FROM runs") == [("finished",)]
    assert strikes(instance) == 1


@pytest.mark.parametrize("place", [LOOKUP, WRITE], ids=["lookup", "write"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_on_a_batch_call(
    instance: Instance, singer: Singer, fault: str, place: int
) -> None:
    plan_fault(instance, **FAULTS[fault], path="/batch", nth=place)
    load_vendors(instance, singer)


@pytest.mark.parametrize(
    "fault", [name for name in FAULTS if name not in {"expire_token", "partial"}]
)
def test_a_fault_on_the_token(instance: Instance, singer: Singer, fault: str) -> None:
    plan_fault(instance, **FAULTS[fault], path="oauth_token", nth=1)
    load_vendors(instance, singer)


def test_a_lookup_that_times_out(instance: Instance, singer: Singer) -> None:
    plan_fault(instance, fault="delay", seconds=1.5, path="/batch", nth=LOOKUP)
    load_vendors(instance, singer, read_timeout_seconds=1)


def test_a_write_that_times_out(instance: Instance, singer: Singer) -> None:
    plan_fault(instance, fault="delay", seconds=1.5, path="/batch", nth=WRITE)
    load_vendors(instance, singer, read_timeout_seconds=1)
    # The timed-out call is still committed, now or before: one of the two is refused.
    deadline = time.monotonic() + 20
    refused = 0
    while refused < ROWS - 1 and time.monotonic() < deadline:
        time.sleep(0.05)
        counters = instance.control.counters()["servicenow"]
        refused = counters["batch_items_by_status"].get("403", 0)
    assert refused == ROWS - 1
    assert len(instance.by_source("proc_vendor")) == ROWS


def test_random_faults(instance: Instance, singer: Singer) -> None:
    kinds = ("reset", "drop", "cut", "unparsable", "html")
    rules = [
        {"fault": kind, "side": "servicenow", "path": "/batch", "probability": 0.04}
        for kind in kinds
    ]
    # Let the first row through: until then, each lost answer costs a long wait.
    assert instance.run(singer.vendors(singer.vendor(0))).code == 0
    instance.control.follow_faults({"seed": 7, "rules": rules})
    messages = singer.vendors(*(singer.vendor(n) for n in range(1, 700)))
    result = instance.run([*messages, singer.state(1)], batch_size_rows=70, max_retries=4)
    assert (result.code, result.states) == (0, [1])
    instance.control.clear_faults()
    assert instance.by_source("proc_vendor").keys() == {str(n) for n in range(700)}
    assert instance.counts("proc_vendor") == {"created": 699}
