"""The meaning of ServiceNow's answers."""

from __future__ import annotations

import typing as t

import pytest

from target_servicenow.api.errors import Action, error_text, judge

FAILED = "Operation Failed"


def error(message: str, detail: str | None = None) -> dict[str, t.Any]:
    return {"error": {"message": message, "detail": detail}, "status": "failure"}


@pytest.mark.parametrize(
    ("status", "body", "action"),
    [
        (200, {"result": []}, Action.OK),
        (201, {"result": {}}, Action.OK),
        (200, None, Action.UNKNOWN),
        (200, {"result": [{}], "error": {"message": "Transaction cancelled"}}, Action.UNKNOWN),
        (302, None, Action.STOP),
        (400, error("Invalid table x_y"), Action.STOP),
        (400, error("Exception while reading request", "Rejected large REST"), Action.SPLIT),
        (400, error("Invalid query parameter", "no"), Action.ROW),
        (401, error("User Not Authenticated"), Action.RENEW),
        (401, None, Action.RENEW),
        (403, error(FAILED, "Error during insert of proc_vendor (Acme)"), Action.TAKEN),
        (403, error(FAILED, "Data Policy Exception: mandatory: Name"), Action.ROW),
        (403, error(FAILED, "Operation against file 'x' was aborted by Business Rule"), Action.ROW),
        (403, error(FAILED, "ACL Exception Insert Failed"), Action.DENIED),
        (403, error("Failed API level ACL Validation"), Action.DENIED),
        (403, error("Not on Fridays"), Action.DENIED),
        (403, None, Action.DENIED),
        (404, error("No Record found", "Record doesn't exist or ACL restricts"), Action.GONE),
        (404, None, Action.DENIED),
        (405, None, Action.STOP),
        (406, error("Not acceptable"), Action.ROW),
        (408, None, Action.UNKNOWN),
        (409, error("Conflict"), Action.WAIT),
        (413, None, Action.SPLIT),
        (414, None, Action.SPLIT),
        (423, error("Locked"), Action.WAIT),
        (425, None, Action.UNKNOWN),
        (429, error("Rate limit exceeded"), Action.WAIT),
        (429, None, Action.WAIT),
        (500, error("Transaction cancelled: maximum execution time exceeded"), Action.UNKNOWN),
        (499, None, Action.UNKNOWN),
        (500, None, Action.UNKNOWN),
        (502, None, Action.UNKNOWN),
        (503, None, Action.UNKNOWN),
    ],
)
def test_judge(status: int, body: t.Any, action: Action) -> None:
    verdict = judge(status, body, what="writing proc_vendor")
    assert verdict.action is action
    assert bool(verdict.sentence) is (action is not Action.OK)
    assert "{" not in verdict.sentence


@pytest.mark.parametrize(
    ("status", "body", "ended"),
    [
        (500, error("java.lang.NullPointerException"), True),
        (500, error("Transaction cancelled: maximum execution time exceeded"), False),
        (500, None, False),
        (502, error("Bad gateway"), False),
        (408, None, False),
        (200, None, False),
    ],
)
def test_whether_a_write_may_still_be_under_way(status: int, body: t.Any, *, ended: bool) -> None:
    assert judge(status, body, what="writing proc_vendor").ended is ended


def test_sentences() -> None:
    assert judge(403, error(FAILED, "ACL Exception"), what="writing proc_vendor").sentence == (
        "ServiceNow denied access while writing proc_vendor (Operation Failed: ACL Exception): "
        "give the integration user the role or access rule it needs"
    )
    assert (
        judge(503, None, what="reading x").sentence
        == "ServiceNow failed while reading x (HTTP 503)"
    )


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (error("A", "B"), "A: B"),
        (error("A"), "A"),
        ({"error": "invalid_client", "error_description": "no"}, "invalid_client: no"),
        (error("x" * 400), "x" * 300),
        ({"result": []}, ""),
        (["a"], ""),
        (None, ""),
    ],
)
def test_error_text(body: t.Any, text: str) -> None:
    assert error_text(body) == text
