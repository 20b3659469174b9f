"""What can go wrong between the tap and Sage 300, as a table.

What was seen (a Sage error code, an HTTP status, a broken connection) leads to what to do about it
and to the one sentence the user reads. Sage asks integrators to decide on the error code rather
than on the HTTP status (Web API developer reference, "Error responses"), so the code comes first.
The sentences never hold a response body, a password or a header.
"""

from __future__ import annotations

import enum
import json
import ssl
import typing as t
from dataclasses import dataclass

import requests
from urllib3.exceptions import ReadTimeoutError

from tap_sage300.api.answer import TooLargeError
from tap_sage300.errors import TapError

MESSAGE_LIMIT = 200
"""Characters of Sage's own message that may appear in a sentence about a refused query."""


class Action(enum.Enum):
    """What to do about a failed request."""

    RETRY = "wait and try again"
    SHRINK = "wait and ask for fewer rows at once"
    REST = "give the application pool a rest and try again"
    STOP = "trying again makes no sense"


class QueryRefusedError(TapError):
    """Sage 300 read the query and refused it (HTTP 400)."""


class RightsError(TapError):
    """The user may not read this module of this company."""


class UnknownError(TapError):
    """Sage 300 knows no such company, or the module is not active there."""


class NoAccessError(TapError):
    """The server cannot be reached or rejects the sign-on: nothing at all can be read."""


class CallBudgetError(Exception):
    """The calls allowed for this run are spent; the next run goes on."""


class PageTooHeavyError(Exception):
    """The server could not cope with the page in time, and a smaller one may pass.

    Attributes:
        tries: Tries made so far, to be handed to the next request for this page.
        wait_seconds: Seconds to wait before that request.
    """

    def __init__(self, tries: int, wait_seconds: float) -> None:
        """Hold what the next request needs."""
        super().__init__(f"tries: {tries}")
        self.tries = tries
        self.wait_seconds = wait_seconds


@dataclass(frozen=True)
class Verdict:
    """What a failed request means.

    Attributes:
        action: What to do about it.
        sentence: A format string over ``api_url``, ``username``, ``company``, ``module``,
            ``resource``, ``status``, ``code``, ``message``, ``tries`` and ``max_calls_per_run``.
        error: What is raised in the end.
    """

    action: Action
    sentence: str
    error: type[TapError] = TapError


CREDENTIALS = Verdict(
    Action.STOP,
    "Sage 300 refused the user name or password for company {company} (HTTP {status}, tried once "
    "so that the account is not locked): check the settings username, password and "
    "credential_case; ADMIN may not use the Web API by default, and the user's security group "
    "needs the right 'Sage 300 Web API'",
    NoAccessError,
)
RIGHTS = Verdict(
    Action.STOP,
    "User {username} may not read {resource} in company {company} (HTTP {status}): tick the right "
    "'Sage 300 Web API' for module {module} in the user's security group; ADMIN is refused by "
    "default",
    RightsError,
)
UNKNOWN = Verdict(
    Action.STOP,
    "Sage 300 has no {module}/{resource} for company {company} (HTTP {status}): check that the "
    "setting companies holds company database IDs such as SAMINC, and that module {module} is "
    "active there",
    UnknownError,
)
NO_WEB_API = Verdict(
    Action.STOP,
    "The server at {api_url} answers, but not as the Sage 300 Web API for company {company} "
    "(HTTP {status}): check the settings api_url and companies",
)
QUERY = Verdict(
    Action.STOP,
    "Sage 300 refused the query for {resource} of company {company} (HTTP {status} {code} "
    "{message}): if a date is the cause, set date_literal to plain, quoted, v3 or date",
    QueryRefusedError,
)
BUSY = Verdict(
    Action.RETRY,
    "Sage 300 keeps answering HTTP {status} {code} when {resource} of company {company} is read "
    "(tries: {tries}): run again later; what was read so far is kept",
)
OVERLOADED = Verdict(
    Action.SHRINK,
    "Sage 300 could not serve {resource} of company {company}, even in smaller pages "
    "(HTTP {status}, tries: {tries}): check its IIS application pool and run again; what was read "
    "so far is kept",
)
UNEXPECTED = Verdict(
    Action.STOP,
    "Sage 300 answered HTTP {status} {code} when {resource} of company {company} was read, which "
    "this tap does not expect: check the setting api_url and the server's log",
)
GARBLED = Verdict(
    Action.RETRY,
    "The answer for {resource} of company {company} is not what the Sage 300 Web API sends "
    "(HTTP {status}, tries: {tries}): check the setting api_url, and whether a proxy or a sign-on "
    "page answers instead",
)
EXHAUSTED = Verdict(
    Action.REST,
    "The IIS application pool of Sage 300 at {api_url} is exhausted or stopped and still answered "
    "HTTP {status} for {resource} of company {company} after {tries} tries: lower "
    "max_calls_per_run, now {max_calls_per_run}, or have the pool checked; what was read so far "
    "is kept",
)
SLOW = Verdict(
    Action.SHRINK,
    "Sage 300 did not answer in time for {resource} of company {company}, even in smaller pages "
    "(tries: {tries}): raise read_timeout_seconds, lower max_calls_per_run (now "
    "{max_calls_per_run}) if its IIS application pool is exhausted, or check the server's load; "
    "what was read so far is kept",
)
LARGE = Verdict(
    Action.SHRINK,
    "An answer for {resource} of company {company} is larger than 256 MiB, even in smaller pages "
    "(tries: {tries}): check what answers at {api_url}; what was read so far is kept",
)
UNREACHABLE = Verdict(
    Action.RETRY,
    "Sage 300 cannot be reached at {api_url} (tries: {tries}): check the setting api_url, the "
    "network and that IIS is running on the server",
    NoAccessError,
)
BROKEN = Verdict(
    Action.RETRY,
    "The connection to {api_url} keeps breaking while {resource} of company {company} is read "
    "(tries: {tries}): check the network and run again; what was read so far is kept",
)
PROXY = Verdict(
    Action.RETRY,
    "The proxy named in the environment (HTTP_PROXY, HTTPS_PROXY) does not connect to {api_url} "
    "(tries: {tries}): correct it, or list the host in NO_PROXY",
    NoAccessError,
)
CERTIFICATE = Verdict(
    Action.STOP,
    "The certificate of {api_url} is not trusted: set ca_bundle to the PEM file of the authority "
    "that signed it (verify_ssl false turns the check off, for a trial only)",
    NoAccessError,
)
TLS = Verdict(
    Action.RETRY,
    "The TLS handshake with {api_url} failed (tries: {tries}): check that the address speaks "
    "https, and the settings ca_bundle and verify_ssl",
    NoAccessError,
)
ADDRESS = Verdict(
    Action.STOP,
    "The address {api_url} cannot be used: check the setting api_url",
    NoAccessError,
)

# The codes of the developer reference. RecordNotFound and RecordDuplicate concern single records
# and writes, which a list read does not meet; their HTTP status decides.
BY_CODE: t.Final[dict[str, Verdict]] = {
    "Unauthorized": CREDENTIALS,
    "Forbidden": RIGHTS,
    "ResourceNotFound": UNKNOWN,
    "InvalidParameters": QUERY,
    "TooManyRequests": BUSY,
    "SessionError": BUSY,
    "DBLinkError": BUSY,
}
BY_STATUS: t.Final[dict[int, Verdict]] = {
    400: QUERY,
    401: CREDENTIALS,
    403: RIGHTS,
    404: NO_WEB_API,
    408: SLOW,
    409: BUSY,
    423: BUSY,
    429: BUSY,
    502: OVERLOADED,
    503: EXHAUSTED,
    504: OVERLOADED,
}
SERVER_FAULT = 500
OK = 200

# The first class that fits decides, so the narrow ones come first.
BY_EXCEPTION: t.Final[tuple[tuple[type[requests.RequestException], Verdict], ...]] = (
    (TooLargeError, LARGE),
    (requests.exceptions.SSLError, TLS),
    (requests.exceptions.ProxyError, PROXY),
    (requests.exceptions.ConnectTimeout, UNREACHABLE),
    (requests.exceptions.ReadTimeout, SLOW),
    (requests.exceptions.ChunkedEncodingError, BROKEN),
    (requests.exceptions.ContentDecodingError, GARBLED),
    (requests.exceptions.ConnectionError, UNREACHABLE),
    (requests.exceptions.TooManyRedirects, NO_WEB_API),
)


@dataclass(frozen=True)
class SageMessage:
    """Code and message of Sage's error body; both empty when the body is something else."""

    code: str = ""
    message: str = ""


def read_message(content: bytes) -> SageMessage:
    """Read ``{"error": {"code": ..., "message": {"value": ...}}}``, or a plain message."""
    try:
        error = json.loads(content)["error"]
        code, message = error["code"], error.get("message", "")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return SageMessage()
    if isinstance(message, dict):
        message = message.get("value", "")
    return SageMessage(str(code), str(message)[:MESSAGE_LIMIT])


def judge(status: int, code: str) -> Verdict:
    """Judge an answer that is not what was requested.

    Args:
        status: Its HTTP status.
        code: Sage's error code in its body, empty where there is none.
    """
    if status == OK:
        return GARBLED
    if verdict := BY_CODE.get(code) or BY_STATUS.get(status):
        return verdict
    return BUSY if status >= SERVER_FAULT else UNEXPECTED


def judge_exception(failure: Exception) -> Verdict:
    """Judge a request that brought no answer."""
    reason = _root(failure)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return CERTIFICATE
    if isinstance(reason, ReadTimeoutError):  # broke off in the middle of the body
        return SLOW
    if isinstance(reason, ConnectionResetError | BrokenPipeError):
        return BROKEN
    return next((verdict for kind, verdict in BY_EXCEPTION if isinstance(failure, kind)), ADDRESS)


def _root(failure: BaseException) -> BaseException:
    """Return the cause that urllib3 and requests wrapped, each in its own way."""
    inner = getattr(failure, "reason", None)
    if not isinstance(inner, BaseException):
        inner = next((a for a in reversed(failure.args) if isinstance(a, BaseException)), None)
    return failure if inner is None or inner is failure else _root(inner)
