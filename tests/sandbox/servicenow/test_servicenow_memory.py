"""What the instance keeps in memory does not grow with what it is asked."""

import gc
import tracemalloc
from pathlib import Path

from werkzeug.test import Client

from sage300_servicenow_sandbox import servicenow

PATTERN = str(Path(servicenow.__file__).parent / "*")
REQUESTS = 1_200
LEAST = 60  # bytes: what keeping a short text of every request would take


def held():
    gc.collect()
    snapshot = tracemalloc.take_snapshot().filter_traces(
        [tracemalloc.Filter(inclusive=True, filename_pattern=PATTERN)]
    )
    return sum(trace.size for trace in snapshot.traces)


def test_memory_does_not_grow_with_the_number_of_requests(instance):
    client = Client(instance.app, use_cookies=False)
    instance.app.behave(
        rate_rules=[{"resource": "all", "per_hour": 1_000_000}],
        access=[{"table": "proc_vendor", "operation": "read", "when": "on_hold=true"}],
    )

    def ask(count):
        for number in range(count):
            item = instance.item("1", "POST", "/api/now/table/proc_vendor", {"name": str(number)})
            for method, path, content in (
                ("POST", "/api/now/v1/batch", {"rest_requests": [item]}),
                ("GET", "/api/now/table/proc_vendor?sysparm_limit=1", None),
                ("GET", "/api/now/stats/proc_vendor?sysparm_count=true", None),
                ("GET", f"/api/now/table/no_such_{number}", None),
            ):
                cookie = {"Cookie": f"JSESSIONID={method}{path}{number}"}
                response = client.open(
                    path,
                    method=method,
                    json=content,
                    headers={"Accept": "application/json", **cookie},
                    auth=("integration", "sandbox"),
                )
                assert response.status_code in {200, 400}

    ask(50)
    tracemalloc.start()
    try:
        ask(50)
        before = held()
        ask(REQUESTS // 4)
        assert held() - before < REQUESTS * LEAST
    finally:
        tracemalloc.stop()
