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

MESSAGE_LIMIT = 200
"""Characters of Sage's own message that may stand in a sentence about a refused query."""


class Action(enum.Enum):
    """What the tap does next."""

    RETRY = "retry"
    STOP = "stop"


class Kind(str, enum.Enum):
    """Who can mend it: the settings, time, or the two systems' makers."""

    CONFIG = "config"
    TRANSIENT = "transient"
    SYSTEM = "system"


class TapError(Exception):
    """An expected failure, told to the user in one sentence.

    Attributes:
        kind: Who can mend it.
    """

    def __init__(self, sentence: str, kind: Kind = Kind.CONFIG) -> None:
        """Keep the sentence as the exception's text."""
        super().__init__(sentence)
        self.kind = kind


class QueryRefusedError(TapError):
    """Sage 300 read the query and refused it (HTTP 400)."""


class RightsError(TapError):
    """The user may not read this module of this company."""


class UnknownError(TapError):
    """Sage 300 knows no such company, or the module is not active there."""


class NoAccessError(TapError):
    """The server cannot be reached, or does not let the user in: nothing at all can be read."""


class CallBudgetError(Exception):
    """The calls allowed for this run are used up; the run goes on next time."""


@dataclass(frozen=True)
class Rule:
    """What to do about one failure, and its sentence.

    The sentence is a format string over ``api_url``, ``username``, ``company``, ``module``,
    ``resource``, ``status``, ``code``, ``message``, ``tries`` and ``max_calls_per_run``.

    Attributes:
        heavy: A smaller page may pass where this one did not.
        exhausted: The server needs ``call_budget_pause_seconds`` of rest before the next try.
        error: What is raised in the end.
    """

    action: Action
    kind: Kind
    sentence: str
    heavy: bool = False
    exhausted: bool = False
    error: type[TapError] = TapError


CREDENTIALS = Rule(
    Action.STOP,
    Kind.CONFIG,
    "Sage 300 refused the user name or password for company {company} (HTTP {status}, tried once "
    "so that the account is not locked): check the settings username, password and "
    "credential_case; ADMIN may not use the Web API by default, and the user's security group "
    "needs the right 'Sage 300 Web API'.",
    error=NoAccessError,
)
RIGHTS = Rule(
    Action.STOP,
    Kind.CONFIG,
    "User {username} may not read {resource} in company {company} (HTTP {status}): tick the right "
    "'Sage 300 Web API' for module {module} in the user's security group; ADMIN is refused by "
    "default.",
    error=RightsError,
)
UNKNOWN = Rule(
    Action.STOP,
    Kind.CONFIG,
    "Sage 300 has no {module}/{resource} for company {company} (HTTP {status}): check that the "
    "setting companies holds company database IDs such as SAMINC, and that module {module} is "
    "active there.",
    error=UnknownError,
)
NO_WEB_API = Rule(
    Action.STOP,
    Kind.CONFIG,
    "The server answers, but not as the Sage 300 Web API at {api_url} for company {company} "
    "(HTTP {status}): check the settings api_url and companies.",
)
QUERY = Rule(
    Action.STOP,
    Kind.SYSTEM,
    "Sage 300 refused the query for {resource} of company {company} (HTTP {status} {code} "
    "{message}): where a date is the cause, set date_literal to plain, quoted or v3.",
    error=QueryRefusedError,
)
BUSY = Rule(
    Action.RETRY,
    Kind.TRANSIENT,
    "Sage 300 keeps answering HTTP {status} {code} to the read of {resource} of company {company} "
    "(tries: {tries}): run again later; what was read so far is kept.",
)
OVERLOADED = Rule(
    Action.RETRY,
    Kind.TRANSIENT,
    "Sage 300 could not serve {resource} of company {company}, smaller and smaller pages included "
    "(HTTP {status}, tries: {tries}): check its IIS application pool and run again; what was read "
    "so far is kept.",
    heavy=True,
)
UNEXPECTED = Rule(
    Action.STOP,
    Kind.SYSTEM,
    "Sage 300 answered the read of {resource} of company {company} with HTTP {status} {code}, "
    "which this tap has no answer to: check the setting api_url and the server's log.",
)
GARBLED = Rule(
    Action.RETRY,
    Kind.TRANSIENT,
    "What comes back for {resource} of company {company} is not Sage 300's JSON (HTTP {status}, "
    "tries: {tries}): check the setting api_url and whether a proxy or a sign-on page answers in "
    "its place.",
)
EXHAUSTED = Rule(
    Action.RETRY,
    Kind.TRANSIENT,
    "The IIS application pool of Sage 300 at {api_url} is exhausted or stopped and still answered "
    "HTTP {status} for {resource} of company {company} after {tries} tries: lower "
    "max_calls_per_run, now {max_calls_per_run}, or have the pool looked at; what was read so far "
    "is kept.",
    exhausted=True,
)
SLOW = Rule(
    Action.RETRY,
    Kind.TRANSIENT,
    "Sage 300 did not finish its answer for {resource} of company {company} in time, smaller and "
    "smaller pages included (tries: {tries}): raise read_timeout_seconds, lower max_calls_per_run "
    "(now {max_calls_per_run}) where its IIS application pool is exhausted, or look at the "
    "server's load; what was read so far is kept.",
    heavy=True,
)
UNREACHABLE = Rule(
    Action.RETRY,
    Kind.TRANSIENT,
    "Sage 300 cannot be reached at {api_url} (tries: {tries}): check the setting api_url, the "
    "network and that IIS is running on the server.",
    error=NoAccessError,
)
BROKEN = Rule(
    Action.RETRY,
    Kind.TRANSIENT,
    "The connection to {api_url} keeps breaking off while reading {resource} of company {company} "
    "(tries: {tries}): check the network and run again; what was read so far is kept.",
)
PROXY = Rule(
    Action.RETRY,
    Kind.TRANSIENT,
    "The proxy named in the environment (HTTP_PROXY, HTTPS_PROXY) lets nothing through to "
    "{api_url} (tries: {tries}): correct it, or list the host in NO_PROXY.",
    error=NoAccessError,
)
CERTIFICATE = Rule(
    Action.STOP,
    Kind.CONFIG,
    "The certificate of {api_url} is not trusted: set ca_bundle to the PEM file of the authority "
    "that signed it (verify_ssl false turns the check off, for a trial only).",
    error=NoAccessError,
)
TLS = Rule(
    Action.RETRY,
    Kind.CONFIG,
    "No TLS connection to {api_url} can be made (tries: {tries}): check that the address speaks "
    "https, and the settings ca_bundle and verify_ssl.",
    error=NoAccessError,
)
ADDRESS = Rule(
    Action.STOP,
    Kind.CONFIG,
    "The address {api_url} cannot be used: check the setting api_url.",
    error=NoAccessError,
)

# The codes of the developer reference. RecordNotFound and RecordDuplicate concern single records
# and writes, which a list read does not meet; their HTTP status decides.
BY_CODE: t.Final[dict[str, Rule]] = {
    "Unauthorized": CREDENTIALS,
    "Forbidden": RIGHTS,
    "ResourceNotFound": UNKNOWN,
    "InvalidParameters": QUERY,
    "TooManyRequests": BUSY,
    "SessionError": BUSY,
    "DBLinkError": BUSY,
}
BY_STATUS: t.Final[dict[int, Rule]] = {
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

# The first class that fits decides, so the narrow ones stand first.
BY_EXCEPTION: t.Final[tuple[tuple[type[requests.RequestException], Rule], ...]] = (
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
    except (ValueError, KeyError, TypeError, AttributeError):
        return SageMessage()
    if isinstance(message, dict):
        message = message.get("value", "")
    return SageMessage(str(code), str(message)[:MESSAGE_LIMIT])


def judge_answer(status: int, code: str) -> Rule:
    """Say what to do about an answer that is not a page of records."""
    if status == OK:
        return GARBLED
    if rule := BY_CODE.get(code) or BY_STATUS.get(status):
        return rule
    return BUSY if status >= SERVER_FAULT else UNEXPECTED


def judge_exception(fault: requests.RequestException) -> Rule:
    """Say what to do about a call that brought no answer."""
    reason = _root(fault)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return CERTIFICATE
    if isinstance(reason, ReadTimeoutError):  # broke off in the middle of the body
        return SLOW
    if isinstance(reason, ConnectionResetError | BrokenPipeError):
        return BROKEN
    return next((rule for kind, rule in BY_EXCEPTION if isinstance(fault, kind)), ADDRESS)


def _root(fault: BaseException) -> BaseException:
    """Dig out what urllib3 and requests wrapped, each in its own way."""
    inner = getattr(fault, "reason", None)
    if not isinstance(inner, BaseException):
        inner = next((a for a in reversed(fault.args) if isinstance(a, BaseException)), None)
    return fault if inner is None or inner is fault else _root(inner)
