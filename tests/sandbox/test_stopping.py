"""Stopping the sandbox while requests wait."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import requests

from sage300_servicenow_sandbox.control_client import ControlClient

TABLE = "/api/now/table/proc_vendor"


def test_slow_rows_do_not_delay_stopping(start):
    items = [
        {
            "id": method,
            "method": method,
            "url": TABLE,
            "headers": [
                {"name": name, "value": "application/json"} for name in ("Accept", "Content-Type")
            ],
            "body": "e30=",
        }
        for method in ("GET", "POST", "POST")
    ]
    with ThreadPoolExecutor(1) as pool:
        with start(vendors=1, accounts=1, batches=0) as sandbox:
            sandbox.servicenow.behave(row_cost_ms=14_000)
            call = pool.submit(
                requests.post,
                sandbox.servicenow_url + "/api/now/v1/batch",
                json={"batch_request_id": "1", "rest_requests": items},
                headers={"Accept": "application/json"},
                auth=("integration", "sandbox"),
            )
            while not sandbox.counters.snapshot()["servicenow"]["batch_items_by_status"]:
                time.sleep(0.01)
            begun = time.monotonic()
        assert time.monotonic() - begun < 7
        assert call.exception() or call.result().status_code == 200


def test_stopping_ends_every_wait(start):
    with start(vendors=1, accounts=1, batches=0) as sandbox:
        url = sandbox.sage_url
        ControlClient(url).follow_faults({"rules": [{"fault": "hang", "seconds": 600}]})
        ended = []

        def hang():
            try:
                requests.get(url)
            except requests.ConnectionError:
                ended.append(True)

        client = threading.Thread(target=hang)
        client.start()
        while not sandbox.faults.report()["rules"][0]["struck"]:
            time.sleep(0.01)
        begun = time.monotonic()
    client.join()
    assert time.monotonic() - begun < 10
    assert ended == [True]
