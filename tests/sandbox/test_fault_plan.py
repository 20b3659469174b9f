"""The fault plan, pure: which requests a rule strikes."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
import yaml

from sage300_servicenow_sandbox.faults import Fault, Faults, read_plan

GET = ("sage300", "GET", "/Sage300WebApi/v1.0/-/SAMINC/AP/APVendors")
POST = ("servicenow", "POST", "/api/now/table/proc_vendor")


def struck(rules, requests, seed=0):
    faults = Faults(read_plan({"seed": seed, "rules": rules}))
    met = [faults.meet(*request) for request in requests]
    return [place for place, rule in enumerate(met, 1) if rule]


@pytest.mark.parametrize(
    ("choice", "places"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"nth": 2}, [2]),
        ({"every": 2}, [2, 4, 6]),
        ({"first": 3}, [1, 2, 3]),
        ({"times": 2}, [1, 2]),
        ({"every": 2, "times": 1}, [2]),
        ({"probability": 1.0}, [1, 2, 3, 4, 5, 6]),
    ],
)
def test_a_rule_strikes_the_requests_it_names(choice, places):
    assert struck([{"fault": "drop", **choice}], [GET] * 6) == places


@pytest.mark.parametrize(
    ("concern", "places"),
    [
        ({"side": "sage300"}, [1, 3]),
        ({"side": "servicenow"}, [2, 4]),
        ({"method": "post"}, [2, 4]),
        ({"path": "AP/APVendors$"}, [1, 3]),
        ({"path": "^/api/now/"}, [2, 4]),
        ({"side": "sage300", "method": "POST"}, []),
        ({"path": "proc_vendor", "nth": 2}, [4]),
    ],
)
def test_a_rule_counts_only_the_requests_it_is_for(concern, places):
    assert struck([{"fault": "drop", **concern}], [GET, POST, GET, POST]) == places


def test_probabilities_are_met_and_repeat_for_a_seed():
    rules = [{"fault": "drop", "probability": 0.1}]
    first, again, other = (struck(rules, [GET] * 5000, seed) for seed in (1, 1, 2))
    assert first == again != other
    assert 400 < len(first) < 600


def test_other_requests_do_not_change_the_odds():
    rules = [{"fault": "drop", "probability": 0.2, "side": "sage300"}]
    alone = struck(rules, [GET] * 50)
    between = struck(rules, [POST, GET] * 50)
    assert [place // 2 for place in between] == alone


def test_the_first_rule_that_strikes_is_the_fault():
    faults = Faults(
        read_plan({"rules": [{"fault": "drop", "nth": 2}, {"fault": "reset"}, {"fault": "cut"}]})
    )
    met = [faults.meet(*GET) for _ in range(3)]
    assert [rule.fault for rule in met if rule] == ["reset", "drop", "reset"]
    assert [rule["met"] for rule in faults.report()["rules"]] == [3, 3, 3]
    assert [rule["struck"] for rule in faults.report()["rules"]] == [1, 2, 0]


def test_the_example_has_every_fault():
    example = Path(__file__).parents[2] / "examples" / "faults.yml"
    plan = read_plan(yaml.safe_load(example.read_text(encoding="utf-8")))
    assert {rule.fault for rule in plan.rules} == set(t.get_args(Fault))
