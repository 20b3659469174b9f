"""What an answer or a broken connection means. Pure: a table of what is recognized.

Sage asks integrators to decide on the error code rather than on the HTTP status (Web API developer
reference, "Error responses"), so the code comes before the status. What a message says comes before
both, because different things are sent under one code.
"""

from __future__ import annotations

import re
import ssl
import typing as t

import requests
from urllib3.exceptions import ReadTimeoutError

from tap_sage300.api import verdicts
from tap_sage300.api.answer import TooLargeError

if t.TYPE_CHECKING:
    from tap_sage300.api.answers import Answer
    from tap_sage300.api.errors import Verdict

OK = 200
UNAUTHORIZED = 401
SERVER_FAULT = 500

# Words that Sage 300 and Windows use, under whatever code and status; the first that fits decides.
BY_WORDS: t.Final[tuple[tuple[str, Verdict], ...]] = (
    (r"lanpak|(maximum|number|limit)\b.{0,30}\b(users|licen[cs]es)", verdicts.NO_SEATS),
    (r"password\b.{0,40}\b(expired|must be changed|change)", verdicts.EXPIRED),
    (r"(user|account)\b.{0,40}\b(locked|disabled|restricted)", verdicts.USER_LOCKED),
    (r"(company|database)\b.{0,60}\b(locked|exclusive|in use)", verdicts.LOCKED),
)
WORDED: t.Final = frozenset({401, 403, 409, 423, 429, 500, 503})
"""Statuses under which a message is searched for such words."""
# IIS shows its substatus to this machine where detailed errors are turned on.
BY_SUBSTATUS: t.Final[tuple[tuple[str, Verdict], ...]] = (
    ("404.14", verdicts.TOO_LONG),
    ("404.15", verdicts.TOO_LONG),
    ("403.501", verdicts.LIMITED),
    ("403.502", verdicts.LIMITED),
)
# The codes of the developer reference. RecordNotFound and RecordDuplicate concern single records
# and writes, which a list read does not meet; their HTTP status decides.
BY_CODE: t.Final[dict[str, Verdict]] = {
    "Unauthorized": verdicts.CREDENTIALS,
    "Forbidden": verdicts.RIGHTS,
    "ResourceNotFound": verdicts.UNKNOWN,
    "InvalidParameters": verdicts.QUERY,
    "TooManyRequests": verdicts.LIMITED,
    "SessionError": verdicts.BUSY,
    "DBLinkError": verdicts.BUSY,
}
BY_STATUS: t.Final[dict[int, Verdict]] = {
    400: verdicts.QUERY,
    401: verdicts.CREDENTIALS,
    403: verdicts.RIGHTS,
    404: verdicts.NO_WEB_API,
    407: verdicts.PROXY_SIGN_ON,
    408: verdicts.SLOW,
    409: verdicts.LOCKED,
    414: verdicts.TOO_LONG,
    423: verdicts.LOCKED,
    429: verdicts.LIMITED,
    502: verdicts.OVERLOADED,
    503: verdicts.EXHAUSTED,
    504: verdicts.OVERLOADED,
}

# The first class that fits decides, so the narrow ones come first.
BY_EXCEPTION: t.Final[tuple[tuple[type[requests.RequestException], Verdict], ...]] = (
    (TooLargeError, verdicts.LARGE),
    (requests.exceptions.SSLError, verdicts.TLS),
    (requests.exceptions.ProxyError, verdicts.PROXY),
    (requests.exceptions.ConnectTimeout, verdicts.UNREACHABLE),
    (requests.exceptions.ReadTimeout, verdicts.SLOW),
    (requests.exceptions.ChunkedEncodingError, verdicts.BROKEN),
    (requests.exceptions.ContentDecodingError, verdicts.GARBLED),
    (requests.exceptions.ConnectionError, verdicts.UNREACHABLE),
    (requests.exceptions.TooManyRedirects, verdicts.NO_WEB_API),
)


def judge(answer: Answer) -> Verdict:
    """Judge an answer that is not what was requested."""
    status = answer.status
    if answer.elsewhere:
        return verdicts.REDIRECTED
    if status == OK:
        return verdicts.GARBLED
    if status == UNAUTHORIZED and answer.offered and "basic" not in answer.offered.lower():
        return verdicts.NO_BASIC
    verdict = _recognized(answer) or BY_CODE.get(answer.message.code) or BY_STATUS.get(status)
    if verdict is None:
        return verdicts.FAILING if status >= SERVER_FAULT else verdicts.UNEXPECTED
    return _in_context(verdict, answer)


def _recognized(answer: Answer) -> Verdict | None:
    """Judge by the words of Sage's message, or by the substatus on a page of IIS."""
    said = answer.message.message if answer.status in WORDED else ""
    worded = (verdict for words, verdict in BY_WORDS if re.search(words, said, re.IGNORECASE))
    shown = (
        verdict
        for substatus, verdict in BY_SUBSTATUS
        if answer.status == int(substatus[:3]) and substatus in answer.page
    )
    return next(worded, None) or next(shown, None)


def _in_context(verdict: Verdict, answer: Answer) -> Verdict:
    """Tell apart what has one status and means another thing where all went well before."""
    if verdict is verdicts.CREDENTIALS and answer.was_accepted:
        return verdicts.SIGN_ON_LOST
    if verdict is verdicts.QUERY and answer.page:
        return verdicts.QUERY_PAGE
    if verdict is verdicts.RIGHTS and answer.page:
        # IIS limits requests by such pages; a right is not lost between two of them.
        return verdicts.LIMITED if answer.was_served else verdicts.RIGHTS_PAGE
    return verdict


def judge_exception(failure: Exception) -> Verdict:
    """Judge a request that brought no answer."""
    reason = _root(failure)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return verdicts.CERTIFICATE
    if isinstance(reason, ReadTimeoutError):  # broke off in the middle of the body
        return verdicts.SLOW
    if isinstance(reason, ConnectionResetError | BrokenPipeError):
        return verdicts.BROKEN
    if isinstance(failure, requests.exceptions.ProxyError) and "407" in str(reason):
        return verdicts.PROXY_SIGN_ON
    return next(
        (verdict for kind, verdict in BY_EXCEPTION if isinstance(failure, kind)), verdicts.ADDRESS
    )


def _root(failure: BaseException) -> BaseException:
    """Return the cause that urllib3 and requests wrapped, each in its own way."""
    inner = getattr(failure, "reason", None)
    if not isinstance(inner, BaseException):
        inner = next((a for a in reversed(failure.args) if isinstance(a, BaseException)), None)
    return failure if inner is None or inner is failure else _root(inner)
