"""The table of failures."""

from __future__ import annotations

import string

import pytest

from tap_sage300.api import errors

VERDICTS = [verdict for verdict in vars(errors).values() if isinstance(verdict, errors.Verdict)]
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


@pytest.mark.parametrize("verdict", VERDICTS, ids=lambda verdict: verdict.sentence[:40])
def test_every_sentence_is_a_single_one_and_can_be_filled(verdict):
    named = {name for _, name, _, _ in string.Formatter().parse(verdict.sentence) if name}
    assert named <= FIELDS
    assert verdict.sentence[0].isupper()
    assert not verdict.sentence.endswith(".")
    assert verdict.sentence.count(". ") == 0


@pytest.mark.parametrize(
    ("status", "code", "verdict"),
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
def test_the_code_decides_before_the_status(status, code, verdict):
    assert errors.judge(status, code) is verdict


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
