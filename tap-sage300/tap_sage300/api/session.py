"""The one HTTP session of the tap: read-only, paced, counted and patient.

Every physical request, retries and redirects included, passes one rate limiter. Nothing but GET
leaves this session, so nothing in Sage 300 can change.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import random
import time
import typing as t
from dataclasses import dataclass, field

import requests
import urllib3
from requests.auth import HTTPBasicAuth
from typing_extensions import override

from tap_sage300.api import answer, errors, metadata, odata
from tap_sage300.api.rate_limiter import RateLimiter

if t.TYPE_CHECKING:
    import logging
    import threading
    from collections.abc import Callable

    from tap_sage300.api.connection import Connection
    from tap_sage300.api.metadata import JsonSchema
    from tap_sage300.api.odata import Page, Resource
    from tap_sage300.errors import TapError

T = t.TypeVar("T")

LONGEST_BACKOFF = 60.0
"""Seconds; the wait before a retry doubles from one second up to this."""
LONGEST_RETRY_AFTER = 300.0
"""Seconds; the most that a server's Retry-After is followed for."""


class ReadOnlySession(requests.Session):
    """A keep-alive session that sends nothing but GET, each through the rate limiter."""

    def __init__(self, limiter: RateLimiter) -> None:
        """Hold the rate limiter."""
        super().__init__()
        self._limiter = limiter

    @override
    def send(self, request: requests.PreparedRequest, **kwargs: t.Any) -> requests.Response:
        """Send one physical request; redirects come through here again.

        Raises:
            RuntimeError: The method is not GET.
        """
        if request.method != "GET":
            raise RuntimeError(f"this session only reads; {request.method} is refused")
        self._limiter.acquire()
        return super().send(request, **kwargs)


class SageSession:
    """A session with the Sage 300 Web API, which asks until there is an answer or no hope of one.

    Attributes:
        limiter: What every request passes; it counts them.
        sleep: What waits between tries.
    """

    def __init__(
        self,
        connection: Connection,
        logger: logging.Logger,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Make the session; nothing is sent yet.

        Sage 300 wants ``Content-Type: application/json`` even on GET (Web API developer reference:
        without it the answer is HTTP 500).
        """
        self._connection = connection
        self._logger = logger
        self.sleep = sleep
        self.limiter = RateLimiter(connection, logger, sleep)
        self.http = ReadOnlySession(self.limiter)
        self.http.auth = HTTPBasicAuth(*connection.credentials())
        self.http.headers["Content-Type"] = "application/json"
        if not connection.verify:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    def page(
        self,
        resource: Resource,
        query: str = "",
        *,
        tries: int = 0,
        cancelled: threading.Event | None = None,
    ) -> Page:
        """Get one page of records.

        Args:
            resource: What to read.
            query: The query string, without a question mark.
            tries: Tries made for this page already, from a ``PageTooHeavyError``.
            cancelled: Set when nobody waits for the answer any more; no further try is made.

        Raises:
            TapError: No try succeeded, or trying again makes no sense.
            QueryRefusedError: Sage 300 refused the query itself.
            PageTooHeavyError: A smaller page may pass, and there are tries left.
            CallBudgetError: The budget of the run ended before an answer came, or nobody waits.
        """
        while cancelled is None or not cancelled.is_set():
            tries += 1
            try:
                return self._try(resource, query, "application/json", _page)
            except _Failure as failure:
                wait = self._wait_before_retry(failure, resource, tries)
                if failure.verdict.action is errors.Action.SHRINK:
                    raise errors.PageTooHeavyError(tries, wait) from failure
                self.sleep(wait)
        raise errors.CallBudgetError

    def metadata(self, company: str, module: str) -> dict[str, JsonSchema]:
        """Get the schemas of a module's entities, by name.

        Raises:
            TapError: No try succeeded, or trying again makes no sense.
            CallBudgetError: The budget of the run ended before an answer came.
        """
        resource = odata.Resource(company, module, "$metadata")
        tries = 0
        while True:
            tries += 1
            try:
                return self._try(
                    resource, "", "application/xml", lambda body, _: metadata.parse(body)
                )
            except _Failure as failure:
                self.sleep(self._wait_before_retry(failure, resource, tries))

    def _try(
        self,
        resource: Resource,
        query: str,
        accept: str,
        parse: Callable[[bytes, requests.Response], T],
    ) -> T:
        """Ask once.

        Raises:
            _Failure: There is no answer that can be used.
        """
        connection = self._connection
        address = resource.address(connection.api_url)
        try:
            with self.http.get(
                f"{address}?{query}" if query else address,
                headers={"Accept": accept},
                timeout=(connection.connect_timeout_seconds, connection.read_timeout_seconds),
                # Given per request, because requests lets REQUESTS_CA_BUNDLE overrule a session's.
                verify=connection.verify,
                stream=True,
            ) as response:
                body = answer.read(response, connection.read_timeout_seconds)
        except (requests.RequestException, ValueError) as failure:  # a redirect to no address
            verdict = errors.judge_exception(failure)
            raise _Failure(verdict, type(failure).__name__) from failure
        status = response.status_code
        if status == errors.OK:
            try:
                return parse(body, response)
            except ValueError as failure:
                raise _Failure(
                    errors.judge(status, ""), "an unreadable answer", status
                ) from failure
        message = errors.read_message(body)
        raise _Failure(
            errors.judge(status, message.code),
            f"HTTP {status} {message.code}".rstrip(),
            status,
            message,
            response.headers.get("Retry-After"),
        )

    def _wait_before_retry(self, failure: _Failure, resource: Resource, tries: int) -> float:
        """Return the seconds to wait before the next try, and log it.

        Raises:
            TapError: There is to be no next try.
        """
        verdict, connection = failure.verdict, self._connection
        if verdict.action is errors.Action.STOP or tries > connection.max_retries:
            raise self._error(failure, resource, tries) from failure
        wait = seconds_to_wait(tries, failure.retry_after)
        rests = verdict.action is errors.Action.REST
        if rests and failure.retry_after is None:
            wait = max(wait, connection.pool_rest_seconds)
        self._logger.warning(
            "%s of %s: %s; try %d of %d in %.1f seconds",
            resource.name,
            resource.company,
            "the IIS application pool is exhausted (pool_rest_seconds)" if rests else failure.seen,
            tries + 1,
            connection.max_retries + 1,
            wait,
        )
        return wait

    def _error(self, failure: _Failure, resource: Resource, tries: int) -> TapError:
        sentence = failure.verdict.sentence.format(
            company=resource.company,
            module=resource.module,
            resource=resource.name,
            api_url=self._connection.api_url,
            username=self._connection.username,
            status=failure.status,
            code=failure.message.code,
            message=failure.message.message,
            tries=tries,
            max_calls_per_run=self._connection.max_calls_per_run,
        )
        return failure.verdict.error(" ".join(sentence.split()).replace(" )", ")"))


@dataclass(eq=False)
class _Failure(Exception):  # noqa: N818 - it never leaves this module
    """One try that failed.

    Attributes:
        verdict: What it means.
        seen: What happened, in a few words for the log.
        status: The HTTP status, 0 where no answer came.
        message: What Sage 300 said.
        retry_after: The header of that name.
    """

    verdict: errors.Verdict
    seen: str
    status: int = 0
    message: errors.SageMessage = field(default_factory=errors.SageMessage)
    retry_after: str | None = None


def _page(body: bytes, response: requests.Response) -> Page:
    return odata.parse_page(body, requested_on(response), dt.datetime.now(dt.UTC))


def requested_on(response: requests.Response) -> dt.date:
    """Return the server's date, in UTC, at the request: its Date header, less the time it took."""
    try:
        sent = email.utils.parsedate_to_datetime(response.headers.get("Date", ""))
        if sent.tzinfo is None:  # "-0000": UTC, of no named zone (RFC 5322)
            sent = sent.replace(tzinfo=dt.UTC)
        return (sent - response.elapsed).astimezone(dt.UTC).date()
    except (ValueError, OverflowError):  # none, or at the ends of the calendar
        return dt.datetime.now(dt.UTC).date()


def seconds_to_wait(tries: int, retry_after: str | None) -> float:
    """Return the seconds before the next try: exponential with jitter, or what the server asks for.

    Args:
        tries: Tries made so far, from 1.
        retry_after: The header of RFC 9110, 10.2.3: seconds or an HTTP date; any other is ignored.
    """
    backoff = min(LONGEST_BACKOFF, 2.0 ** (tries - 1)) * random.uniform(0.5, 1.0)  # noqa: S311
    try:
        wanted = urllib3.util.Retry().parse_retry_after(retry_after) if retry_after else 0.0
    except urllib3.exceptions.InvalidHeader:
        wanted = 0.0
    return max(backoff, min(LONGEST_RETRY_AFTER, wanted))
