"""The table of failures."""

from __future__ import annotations

import string

import pytest

from tap_sage300 import errors

RULES = [rule for rule in vars(errors).values() if isinstance(rule, errors.Rule)]
FIELDS = {
    "api_url",
    "username",
    "company",
    "module",
    "resource",
    "status",
    "code",
    "message",
    "tries",
    "max_calls_per_run",
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.sentence[:40])
def test_every_sentence_is_one_and_can_be_filled(rule):
    named = {name for _, name, _, _ in string.Formatter().parse(rule.sentence) if name}
    assert named <= FIELDS
    assert rule.sentence.endswith(".")
    assert rule.sentence.count(". ") == 0


@pytest.mark.parametrize(
    ("status", "code", "rule"),
    [
        (401, "", errors.CREDENTIALS),
        (400, "Unauthorized", errors.CREDENTIALS),
        (403, "", errors.RIGHTS),
        (500, "Forbidden", errors.RIGHTS),
        (404, "ResourceNotFound", errors.UNKNOWN),
        (404, "", errors.NO_WEB_API),
        (400, "InvalidParameters", errors.QUERY),
        (400, "", errors.QUERY),
        (409, "RecordDuplicate", errors.BUSY),
        (429, "TooManyRequests", errors.BUSY),
        (502, "", errors.OVERLOADED),
        (503, "", errors.EXHAUSTED),
        (503, "SessionError", errors.BUSY),
        (504, "", errors.OVERLOADED),
        (500, "General", errors.BUSY),
        (599, "", errors.BUSY),
        (200, "", errors.GARBLED),
        (405, "MethodNotAllowed", errors.UNEXPECTED),
    ],
)
def test_the_code_decides_before_the_status(status, code, rule):
    assert errors.judge_answer(status, code) is rule


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            b'{"error": {"code": "Forbidden", "message": {"lang": "en-US", "value": "No"}}}',
            errors.SageMessage("Forbidden", "No"),
        ),
        (
            b'{"error": {"code": "Forbidden", "message": "No"}}',
            errors.SageMessage("Forbidden", "No"),
        ),
        (b'{"error": {"code": "Forbidden"}}', errors.SageMessage("Forbidden")),
        (b"<html>401</html>", errors.SageMessage()),
        (b"", errors.SageMessage()),
        (b'{"error": "x"}', errors.SageMessage()),
        (b"[1]", errors.SageMessage()),
    ],
)
def test_error_bodies(body, expected):
    assert errors.read_message(body) == expected
