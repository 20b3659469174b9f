"""What ServiceNow's answers mean, and how long to wait."""

from __future__ import annotations

import datetime as dt
import typing as t
from email.utils import format_datetime

import pytest

from target_servicenow.api.errors import Action, error_text, judge
from target_servicenow.api.session import MAX_WAIT_SECONDS, retry_after

FAILED = "Operation Failed"


def error(message: str, detail: str | None = None) -> dict[str, t.Any]:
    return {"error": {"message": message, "detail": detail}, "status": "failure"}


@pytest.mark.parametrize(
    ("status", "body", "action"),
    [
        (200, {"result": []}, Action.OK),
        (201, {"result": {}}, Action.OK),
        (200, None, Action.UNKNOWN),
        (302, None, Action.STOP),
        (400, error("Invalid table x_y"), Action.STOP),
        (400, error("Exception while reading request", "Rejected large REST"), Action.SPLIT),
        (400, error("Invalid query parameter", "no"), Action.ROW),
        (401, error("User Not Authenticated"), Action.RENEW),
        (401, None, Action.RENEW),
        (403, error(FAILED, "Error during insert of proc_vendor (Acme)"), Action.TAKEN),
        (403, error(FAILED, "Data Policy Exception: mandatory: Name"), Action.ROW),
        (403, error(FAILED, "Operation against file 'x' was aborted by Business Rule"), Action.ROW),
        (403, error(FAILED, "ACL Exception Insert Failed"), Action.STOP),
        (403, error("Failed API level ACL Validation"), Action.STOP),
        (403, None, Action.STOP),
        (404, error("No Record found", "Record doesn't exist or ACL restricts"), Action.GONE),
        (404, None, Action.STOP),
        (405, None, Action.STOP),
        (409, error("Conflict"), Action.ROW),
        (413, None, Action.SPLIT),
        (414, None, Action.SPLIT),
        (429, error("Rate limit exceeded"), Action.WAIT),
        (429, None, Action.WAIT),
        (500, error("Transaction cancelled: maximum execution time exceeded"), Action.UNKNOWN),
        (500, None, Action.UNKNOWN),
        (502, None, Action.UNKNOWN),
        (503, None, Action.UNKNOWN),
    ],
)
def test_what_an_answer_means(status: int, body: t.Any, action: Action) -> None:
    verdict = judge(status, body, what="writing proc_vendor")
    assert verdict.action is action
    assert bool(verdict.sentence) is (action is not Action.OK)
    assert "{" not in verdict.sentence


def test_a_sentence_says_what_and_why() -> None:
    assert judge(403, error(FAILED, "ACL Exception"), what="writing proc_vendor").sentence == (
        "ServiceNow refuses writing proc_vendor (Operation Failed: ACL Exception): give the "
        "integration user the role or access rule it needs"
    )
    assert (
        judge(503, None, what="reading x").sentence == "ServiceNow failed at reading x (HTTP 503)"
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
def test_the_text_of_an_error(body: t.Any, text: str) -> None:
    assert error_text(body) == text


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("7", 7.0),
        (" 0 ", 0.0),
        ("999999", MAX_WAIT_SECONDS),
        ("9" * 400, MAX_WAIT_SECONDS),
        ("-3", None),
        ("soon", None),
        ("Fri, 20 Nov 2026 09:00:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 10:00:00 GMT", MAX_WAIT_SECONDS),
        ("Fri, 31 Dec 99999999 10:00:00 GMT", None),
    ],
)
def test_how_long_to_wait(header: str | None, seconds: float | None) -> None:
    assert retry_after({} if header is None else {"Retry-After": header}) == seconds


def test_how_long_to_wait_until_a_date() -> None:
    soon = format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=60), usegmt=True)
    assert 50 < (retry_after({"Retry-After": soon}) or 0) <= 60
