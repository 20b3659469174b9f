"""The meaning of ServiceNow's answers: a table from status and error text to an action. Pure.

Statuses and texts are those of ServiceNow's REST documentation and of recorded answers; an error
body is ``{"error": {"message", "detail"}, "status": "failure"}`` when it is JSON at all.
"""

from __future__ import annotations

import enum
import re
import typing as t
from dataclasses import dataclass

from target_servicenow.errors import TargetError


class StopRunError(TargetError):
    """The run cannot go on; the sentence says why and what to do."""


class Action(enum.Enum):
    """What the caller does about an answer."""

    OK = "ok"
    RENEW = "renew the credentials once, then send again"
    WAIT = "nothing was done; wait and send again"
    SPLIT = "nothing was done; send less at once"
    GONE = "the row does not exist (any more): look it up"
    TAKEN = "the row exists already: look it up"
    ROW = "the fault of this row; the next one may pass"
    DENIED = "nothing was done; for this row, or for all: the others show it"
    UNKNOWN = "it may have been done: look it up before sending again"
    STOP = "the same for every row: stop the run"


@dataclass(frozen=True)
class Verdict:
    """The meaning of an answer.

    Attributes:
        sentence: What the user reads when it ends a row or the run.
        text: ServiceNow's own words.
        ended: Its effect may be unknown, but ServiceNow is no longer at work on it.
    """

    action: Action
    sentence: str = ""
    text: str = ""
    ended: bool = True


class RefusedError(StopRunError):
    """ServiceNow answered with a refusal, such as of a missing table or a missing right."""

    def __init__(self, verdict: Verdict, status: int) -> None:
        """Keep what the answer means."""
        super().__init__(verdict.sentence)
        self.verdict = verdict
        self.status = status


class LaterError(Exception):
    """A write was not done since ServiceNow was busy: wait, and send it again."""

    def __init__(self, verdict: Verdict, wait: float | None) -> None:
        """Keep what the answer means, and the seconds that ServiceNow asks to wait."""
        super().__init__(verdict.sentence)
        self.verdict = verdict
        self.wait = wait


class UnknownOutcomeError(Exception):
    """A write was sent and its effect is unknown: look it up before sending anything again."""

    def __init__(self, verdict: Verdict, status: int) -> None:
        """Keep what the answer means, if there was one; if not, the status is 0."""
        super().__init__(verdict.sentence)
        self.verdict = verdict
        self.status = status


@dataclass(frozen=True)
class _Case:
    status: int
    text: str  # a regular expression searched in "message: detail"; "" matches all
    action: Action
    sentence: str


_PERMISSION = (
    "ServiceNow denied access while {what} ({text}): give the integration user the role or access "
    "rule it needs"
)

_BUSY = "ServiceNow was busy with the same row or table while {what} ({text})"
_TIMED_OUT = "ServiceNow, or a server before it, gave a request up while {what} ({text})"
_CANCELLED = r"maximum execution time"

_CASES = (
    _Case(400, r"Invalid table", Action.STOP,
          "ServiceNow failed while {what} ({text}): correct the table's name in the "
          "mapping, or install the application it belongs to"),
    _Case(400, r"Rejected large REST payload|Exception while reading request", Action.SPLIT,
          "A request was too large for ServiceNow while {what} ({text})"),
    _Case(400, r"does not represent any resource", Action.STOP,
          "ServiceNow has no such address (while {what}; {text}): check instance_url"),
    _Case(401, "", Action.RENEW,
          "ServiceNow rejected the credentials while {what}: check client_id and "
          "client_secret (or username and password), and that the integration user is active"),
    _Case(403, r"Error during insert of", Action.TAKEN,
          "ServiceNow did not insert the row (another may have its unique value): {text}"),
    _Case(403, r"Data Policy Exception|aborted by Business Rule|Error during update of",
          Action.ROW, "ServiceNow refused the row: {text}"),
    _Case(403, "", Action.DENIED, _PERMISSION),
    _Case(404, r"No Record found|Record doesn't exist", Action.GONE,
          "ServiceNow has no such row: {text}"),
    _Case(404, "", Action.DENIED,
          "ServiceNow has no such address (while {what}; {text}): check instance_url"),
    _Case(405, "", Action.STOP,
          "ServiceNow does not allow this HTTP method (while {what}; {text}): check instance_url"),
    _Case(408, "", Action.UNKNOWN, _TIMED_OUT),
    _Case(409, "", Action.WAIT, _BUSY),
    _Case(413, "", Action.SPLIT, "A request was too large for ServiceNow while {what}"),
    _Case(414, "", Action.SPLIT, "An address was too long for ServiceNow while {what}"),
    _Case(423, "", Action.WAIT, _BUSY),
    _Case(425, "", Action.UNKNOWN, _TIMED_OUT),
    _Case(429, "", Action.WAIT, "ServiceNow limited the rate of requests while {what} ({text})"),
    _Case(499, "", Action.UNKNOWN, _TIMED_OUT),
    _Case(500, _CANCELLED, Action.UNKNOWN,
          "ServiceNow cancelled a request that took too long, while {what}"),
)  # fmt: skip

REDIRECTS = range(300, 400)
CLIENT_ERRORS = range(400, 500)
_SUCCESS = range(200, 300)
_SCRIPT_FAILED = 500


def error_text(body: t.Any) -> str:
    """Return ``message: detail`` of an error body, at most 300 characters, or ""."""
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, str):  # the OAuth form
        error = {"message": error, "detail": body.get("error_description")}
    if not isinstance(error, dict):
        return ""
    parts = (str(error.get(name) or "").strip() for name in ("message", "detail"))
    return ": ".join(part for part in parts if part)[:300]


def judge(status: int, body: t.Any, *, what: str) -> Verdict:
    """Return the meaning of an answer.

    Args:
        status: The HTTP status of a whole call, or of one item inside a Batch call.
        body: The parsed JSON, or None when the body is not JSON (a login page, a proxy's page).
        what: What was being done, such as ``reading proc_vendor``, for the sentence.
    """
    words = error_text(body)
    text = words or f"HTTP {status}"
    if status in _SUCCESS:
        # A 200 whose JSON does not parse, or holds a part of the rows and an error, has been seen
        # after a cancelled transaction; a sleeping instance answers 200 with a page.
        broken = body is None or (isinstance(body, dict) and body.get("error"))
        sentence = f"ServiceNow sent an unreadable answer while {what}"
        if body is not None:
            sentence = f"ServiceNow broke an answer off while {what} ({text})"
        return (
            Verdict(Action.UNKNOWN, sentence, text, ended=False) if broken else Verdict(Action.OK)
        )
    if status in REDIRECTS:
        return Verdict(
            Action.STOP,
            f"ServiceNow answered with a redirect while {what}: check instance_url, and that the "
            "instance is awake",
            text,
        )
    for case in _CASES:
        if case.status == status and re.search(case.text, text):
            sentence = case.sentence.format(what=what, text=text)
            return Verdict(case.action, sentence, text, ended=case.action is not Action.UNKNOWN)
    if status in CLIENT_ERRORS:
        return Verdict(Action.ROW, f"ServiceNow refused the row: {text}", text)
    # A script that failed answers 500 with its words; a proxy in front knows nothing of the end.
    sentence = f"ServiceNow failed while {what} ({text})"
    return Verdict(Action.UNKNOWN, sentence, text, ended=status == _SCRIPT_FAILED and bool(words))
