"""The table of failures."""

from __future__ import annotations

import string

import pytest

from tap_sage300.api import errors, verdicts
from tap_sage300.api.answers import MESSAGE_LIMIT, Answer, SageMessage, read_message
from tap_sage300.api.judge import judge

VERDICTS = {n: made for n, made in vars(verdicts).items() if isinstance(made, errors.Verdict)}
FIELDS = {
    "api_url",
    "username",
    "company",
    "module",
    "resource",
    "status",
    "code",
    "tries",
    "credential_case",
    "offered",
    "elsewhere",
    "max_calls_per_run",
}


@pytest.mark.parametrize("verdict", VERDICTS.values(), ids=VERDICTS)
def test_every_sentence_is_a_single_one_and_can_be_filled(verdict):
    named = {name for _, name, _, _ in string.Formatter().parse(verdict.sentence) if name}
    assert named <= FIELDS
    assert verdict.sentence[0].isupper()
    assert not verdict.sentence.endswith(".")
    assert verdict.sentence.count(". ") == 0


@pytest.mark.parametrize(
    ("status", "code", "verdict"),
    [
        (401, "", verdicts.CREDENTIALS),
        (400, "Unauthorized", verdicts.CREDENTIALS),
        (403, "", verdicts.RIGHTS),
        (500, "Forbidden", verdicts.RIGHTS),
        (404, "ResourceNotFound", verdicts.UNKNOWN),
        (404, "", verdicts.NO_WEB_API),
        (400, "InvalidParameters", verdicts.QUERY),
        (400, "", verdicts.QUERY),
        (409, "RecordDuplicate", verdicts.LOCKED),
        (429, "TooManyRequests", verdicts.LIMITED),
        (502, "", verdicts.OVERLOADED),
        (503, "", verdicts.EXHAUSTED),
        (503, "SessionError", verdicts.BUSY),
        (504, "", verdicts.OVERLOADED),
        (500, "General", verdicts.FAILING),
        (599, "", verdicts.FAILING),
        (200, "", verdicts.GARBLED),
        (405, "MethodNotAllowed", verdicts.UNEXPECTED),
    ],
)
def test_the_code_decides_before_the_status(status, code, verdict):
    assert judge(Answer(status, SageMessage(code))) is verdict


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            b'{"error": {"code": "Forbidden", "message": {"lang": "en-US", "value": "No"}}}',
            SageMessage("Forbidden", "No"),
        ),
        (
            b'{"error": {"code": "Forbidden", "message": "No"}}',
            SageMessage("Forbidden", "No"),
        ),
        (b'{"error": {"code": "Forbidden"}}', SageMessage("Forbidden")),
        (b"<html>401</html>", SageMessage()),
        (b"", SageMessage()),
        (b'{"error": "x"}', SageMessage()),
        (b"[1]", SageMessage()),
    ],
)
def test_error_bodies(body, expected):
    assert read_message(body) == expected


def refused(status, message="", *, code="", **more):
    return Answer(status, SageMessage(code, message), **more)


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (
            refused(403, "The maximum number of users (LanPak) has been reached."),
            verdicts.NO_SEATS,
        ),
        (refused(500, "No LanPak is available", code="General"), verdicts.NO_SEATS),
        (refused(409, "Limit of concurrent users reached"), verdicts.NO_SEATS),
        (refused(403, "The company database is locked.", code="Forbidden"), verdicts.LOCKED),
        (refused(500, "Company SAMLTD is in use by DAYEND", code="General"), verdicts.LOCKED),
        (refused(401, "Your password has expired.", code="Unauthorized"), verdicts.EXPIRED),
        (refused(403, "The password must be changed at the next sign-on"), verdicts.EXPIRED),
        (refused(401, "The user account is locked out", code="Unauthorized"), verdicts.USER_LOCKED),
        (refused(401, "The user ID or the password is wrong."), verdicts.CREDENTIALS),
        (refused(403, "Insufficient security rights for user."), verdicts.RIGHTS),
        (refused(400, "Property Password expired is unknown"), verdicts.QUERY),
        (refused(401, offered="Negotiate, NTLM"), verdicts.NO_BASIC),
        (refused(401, offered='Negotiate, Basic realm="x"'), verdicts.CREDENTIALS),
        (refused(401, offered="", was_accepted=True), verdicts.SIGN_ON_LOST),
        (refused(401, elsewhere="http://other:81"), verdicts.REDIRECTED),
        (refused(200, elsewhere="http://other:81"), verdicts.REDIRECTED),
        (refused(403, page="403 - Forbidden: Access is denied."), verdicts.RIGHTS_PAGE),
        (refused(403, page="403 - Forbidden", was_served=True), verdicts.LIMITED),
        (refused(403, page="HTTP Error 403.502 - Forbidden"), verdicts.LIMITED),
        (refused(404, page="HTTP Error 404.15 - Not Found"), verdicts.TOO_LONG),
        (refused(404, page="HTTP Error 404.0 - Not Found"), verdicts.NO_WEB_API),
        (refused(414), verdicts.TOO_LONG),
        (refused(407), verdicts.PROXY_SIGN_ON),
        (refused(429, page="Too many requests"), verdicts.LIMITED),
        (refused(400, page="Bad Request"), verdicts.QUERY_PAGE),
        (refused(503, page="Service Unavailable"), verdicts.EXHAUSTED),
    ],
    ids=str,
)
def test_what_is_recognized(answer, verdict):
    """Kind: one status that means several things."""
    assert judge(answer) is verdict


@pytest.mark.parametrize(
    ("body", "quoted"),
    [
        (
            (
                b'{"error":{"code":"","message":"The query is not valid.","innererror":{"message":'
                b"\"The limit of '100' for Top query has been exceeded.\"}}}"
            ),
            "\"The query is not valid. The limit of '100' for Top query has been exceeded.\"",
        ),
        (b'{"Message":"An error has occurred.","ExceptionMessage":"Locked"}', (
            '"An error has occurred. Locked"'
        )),
        (b'{"error":{"code":"A","message":"x","innererror":{"message":"x"}}}', '"x"'),
        (
            b'{"error":{"code":"A","message":"say \\"no\\"\\r\\n\\u001b[31m twice\\u202e"}}',
            "\"say 'no' [31m twice\"",
        ),
        (b'{"error":{"code":"A","message":5}}', ""),
        (b"[" * 100_000, ""),
        (b"<h2>no</h2>", ""),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_how_sages_message_is_quoted(body, quoted):
    """Kind: a message with line breaks, control characters, quotes or an inner error."""
    assert read_message(body).quoted == quoted


def test_a_long_message_is_cut():
    quoted = SageMessage("A", "long " * 100).quoted
    assert len(quoted) <= MESSAGE_LIMIT + 2
    assert quoted.endswith('..."')
