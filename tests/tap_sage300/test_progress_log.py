"""The lines and metrics an operator watches."""

from __future__ import annotations

import datetime as dt
import json
import logging
import re

from tap_sage300 import progress_log
from tap_sage300.reading.reader import Step
from tap_sage300.reading.state import SWEEP, Progress, Window


def step(received, expected, *, is_last=False):
    progress = Progress(window=None if is_last else Window(SWEEP))
    return Step([], progress, dt.datetime.now(dt.UTC), received, expected)


def test_a_line_every_few_seconds():
    now = [100.0]
    speed = progress_log.ProgressLog(lambda: now[0])
    now[0] += 4.9
    assert speed.line(step(400, 2000), 4, 96) is None
    now[0] += 5.1
    assert speed.line(step(1000, 2000), 10, 90) == (
        "1000 of 2000 rows, 10 calls, 100 rows/s, about 10 s left; 90 calls left in the budget"
    )
    now[0] += 1
    assert speed.line(step(1100, 2000), 11, 89) is None
    now[0] += 9
    assert speed.line(step(2000, None), 20, 80) == (
        "2000 rows, 20 calls, 100 rows/s; 80 calls left in the budget"
    )
    now[0] += 9
    assert speed.line(step(2000, 2000, is_last=True), 20, 80) is None


def test_calls_and_budget_are_metrics(site, helpers, caplog):
    caplog.set_level(logging.INFO)
    config = {**site.config, "page_size": 10, "max_calls_per_run": 30}
    helpers.sync(config, catalog=helpers.only("APVendors"))
    points = [json.loads(text) for text in re.findall(r"METRIC: ({.*})", caplog.text)]
    values = {point["metric"]: point["value"] for point in points}
    calls = site.calls()
    assert values["http_request_count"] == calls
    assert values["call_budget_left"] == 30 - calls
    assert values["record_count"] == 50


def test_a_long_read_logs_its_progress(site, helpers, caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(progress_log, "EVERY_SECONDS", 0.0)
    helpers.sync({**site.config, "page_size": 20}, catalog=helpers.only("APVendors"))
    lines = [r.getMessage() for r in caplog.records if "calls left in the budget" in r.getMessage()]
    assert [line.split(" rows")[0] for line in lines] == [
        "APVendors of SAMINC: 20 of 50",
        "APVendors of SAMINC: 40 of 50",
    ]
