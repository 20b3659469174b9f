"""What an answer of ServiceNow means: a table from status and error text to what to do about it.

Statuses and texts are those of ServiceNow's REST documentation and of recorded answers; the body
is always ``{"error": {"message", "detail"}, "status": "failure"}`` when it is JSON at all.
"""

from __future__ import annotations

import enum
import re
import typing as t
from dataclasses import dataclass


class StopRun(Exception):  # noqa: N818 - it is how a run ends, not only an error
    """The run cannot go on. The message is one sentence for the user: what, and what to do."""


class Refused(StopRun):
    """ServiceNow answered, and will not do this: a table that is not there, a right that is not."""


class UnknownOutcomeError(Exception):
    """A write was sent and its effect is not known: look before sending anything again."""


class Action(enum.Enum):
    """What the caller does about an answer."""

    OK = "ok"
    RENEW = "renew the credentials once, then send again"
    WAIT = "nothing was done; wait and send again"
    SPLIT = "nothing was done; send less at once"
    GONE = "the row is not there (any more): look it up"
    TAKEN = "the row is there already: look it up"
    ROW = "this row's own fault; the next one may pass"
    UNKNOWN = "it may have been done: look before sending again"
    STOP = "the same for every row: stop the run"


@dataclass(frozen=True)
class Verdict:
    """What an answer means, with the sentence the user reads when it ends a row or the run."""

    action: Action
    sentence: str = ""


@dataclass(frozen=True)
class _Rule:
    status: int | None
    text: str  # a regular expression searched in "message detail"; "" matches all
    action: Action
    sentence: str


_PERMISSION = (
    "ServiceNow refuses {what} ({text}): give the integration user the role or access rule it needs"
)

_RULES = (
    _Rule(400, r"Invalid table", Action.STOP,
          "ServiceNow fails on {what} ({text}): correct the table's name in the "
          "mapping, or install the application it belongs to"),
    _Rule(400, r"Rejected large REST payload|Exception while reading request", Action.SPLIT,
          "ServiceNow finds the request for {what} too large ({text})"),
    _Rule(400, r"does not represent any resource", Action.STOP,
          "ServiceNow does not know the address of {what} ({text}): check instance_url"),
    _Rule(401, "", Action.RENEW,
          "ServiceNow does not accept the credentials for {what}: check client_id and "
          "client_secret (or username and password), and that the integration user is active"),
    _Rule(403, r"Error during insert of", Action.TAKEN,
          "ServiceNow does not insert the row (another may stand in its place): {text}"),
    _Rule(403, r"Data Policy Exception|aborted by Business Rule|Error during update of",
          Action.ROW, "ServiceNow refuses the row: {text}"),
    _Rule(403, "", Action.STOP, _PERMISSION),
    _Rule(404, r"No Record found|Record doesn't exist", Action.GONE,
          "ServiceNow has no such row: {text}"),
    _Rule(404, "", Action.STOP,
          "ServiceNow does not know the address of {what} ({text}): check instance_url"),
    _Rule(405, "", Action.STOP, "ServiceNow does not allow {what} ({text})"),
    _Rule(413, "", Action.SPLIT, "ServiceNow finds the request for {what} too large"),
    _Rule(414, "", Action.SPLIT, "ServiceNow finds the address for {what} too long"),
    _Rule(429, "", Action.WAIT, "ServiceNow asks to slow down on {what} ({text})"),
    _Rule(500, r"maximum execution time", Action.UNKNOWN,
          "ServiceNow cancelled {what}: it took too long"),
)  # fmt: skip

_REDIRECTS = range(300, 400)
CLIENT_ERRORS = range(400, 500)
_SUCCESS = range(200, 300)


def error_text(body: t.Any) -> str:
    """``message: detail`` of an error body, at most 300 characters; "" when it has none."""
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, str):  # the OAuth form
        error = {"message": error, "detail": body.get("error_description")}
    if not isinstance(error, dict):
        return ""
    parts = (str(error.get(name) or "").strip() for name in ("message", "detail"))
    return ": ".join(part for part in parts if part)[:300]


def judge(status: int, body: t.Any, *, what: str) -> Verdict:
    """Say what an answer means.

    Args:
        status: the HTTP status, of a whole call or of one item inside a Batch call.
        body: the parsed JSON, or None when the body is not JSON (a login page, a proxy's page).
        what: what was asked, in the user's words, for the sentence.
    """
    text = error_text(body) or f"HTTP {status}"
    if status in _SUCCESS:
        # A 200 whose JSON does not parse has been seen after a cancelled transaction, and a
        # sleeping instance answers 200 with a page.
        if body is None:
            return Verdict(Action.UNKNOWN, f"ServiceNow's answer to {what} cannot be read")
        return Verdict(Action.OK)
    if status in _REDIRECTS:
        return Verdict(
            Action.STOP,
            f"ServiceNow redirects {what} instead of answering: check instance_url, and that the "
            "instance is awake",
        )
    for rule in _RULES:
        if rule.status == status and re.search(rule.text, text):
            return Verdict(rule.action, rule.sentence.format(what=what, text=text))
    if status in CLIENT_ERRORS:
        return Verdict(Action.ROW, f"ServiceNow refuses the row: {text}")
    return Verdict(Action.UNKNOWN, f"ServiceNow failed on {what} ({text})")
