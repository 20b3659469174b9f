"""The one session of the tap with the Sage 300 Web API: paced, counted and patient."""

from __future__ import annotations

import datetime as dt
import email.utils
import time
import typing as t
from collections import Counter, deque

import requests
import urllib3
from requests.auth import HTTPBasicAuth

from tap_sage300.api import answer, answers, errors, metadata, odata
from tap_sage300.api.incidents import Incident, Kind
from tap_sage300.api.judge import OK, judge, judge_exception
from tap_sage300.api.patience import FailedTry, Patience
from tap_sage300.api.rate_limiter import RateLimiter
from tap_sage300.api.transport import ReadOnlySession, elsewhere

if t.TYPE_CHECKING:
    import logging
    import threading
    from collections.abc import Callable

    from tap_sage300.api.connection import Connection
    from tap_sage300.api.metadata import JsonSchema
    from tap_sage300.api.odata import Page, Resource

T = t.TypeVar("T")

METADATA_RETRIES = 1
"""A run can do without ``$metadata``, so that it is not waited for long."""


class SageSession:
    """A session with the Sage 300 Web API, which asks until there is an answer or no hope of one.

    Attributes:
        limiter: What every request passes; it counts them.
        sleep: What waits between tries.
        user: The user name as it is sent.
        served: Answers with what was requested, by resource.
        incidents: What went wrong without ending the read, in order.
    """

    def __init__(
        self,
        connection: Connection,
        logger: logging.Logger,
        *,
        sleep: Callable[[float], None] = time.sleep,
        incidents: deque[Incident] | None = None,
    ) -> None:
        """Make the session; nothing is sent yet.

        Sage 300 wants ``Content-Type: application/json`` even on GET (Web API developer reference:
        without it the answer is HTTP 500).
        """
        self._connection = connection
        self._logger = logger
        self.sleep = sleep
        self.limiter = RateLimiter(connection, logger, sleep)
        self.served: Counter[Resource] = Counter()
        self.incidents = deque() if incidents is None else incidents
        self._is_failing = False
        self.user = connection.credentials()[0].decode()
        self.http = ReadOnlySession(self.limiter)
        self.http.auth = HTTPBasicAuth(*connection.credentials())
        self.http.headers["Content-Type"] = "application/json"
        if connection.is_open:
            logger.warning(
                "The setting api_url is a plain http address of another machine: user name, "
                "password and all records can be read on the way; give its https address"
            )
        if not connection.verify:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    def page(
        self,
        resource: Resource,
        query: str = "",
        *,
        tries: int = 0,
        max_retries: int | None = None,
        cancelled: threading.Event | None = None,
    ) -> Page:
        """Get one page of records.

        Args:
            resource: What to read.
            query: The query string, without a question mark.
            tries: Tries made for this page already, from a ``PageTooHeavyError``.
            max_retries: Further tries at most, where they are to be fewer than the setting says.
            cancelled: Set when nobody waits for the answer any more; no further try is made.

        Raises:
            SageError: No try succeeded, or trying again makes no sense.
            QueryRefusedError: Sage 300 refused the query itself.
            PageFailedError: The page failed, perhaps for one of its records.
            PageTooHeavyError: A smaller page may pass, and there are tries left.
            CallBudgetError: The budget of the run ended before an answer came, or nobody waits.
        """
        # A server that failed all tries of one request is not waited for with the next one, too.
        retries = 0 if self._is_failing else max_retries
        patience = Patience(self._connection, tries, retries)
        while cancelled is None or not cancelled.is_set():
            try:
                return self._try(resource, query, "application/json", _page)
            except FailedTry as failure:
                wait = self._wait_before_retry(failure, resource, patience)
                if failure.verdict.action is errors.Action.SHRINK:
                    raise errors.PageTooHeavyError(patience.tries, wait) from failure
                self.sleep(wait)
        raise errors.CallBudgetError

    def metadata(self, company: str, module: str) -> dict[str, JsonSchema]:
        """Get the schemas of a module's entities, by name.

        Raises:
            SageError: No try succeeded, or trying again makes no sense.
            CallBudgetError: The budget of the run ended before an answer came.
        """
        resource = odata.Resource(company, module, "$metadata")
        retries = 0 if self._is_failing else METADATA_RETRIES
        patience = Patience(self._connection, max_retries=retries)
        while True:
            try:
                return self._try(
                    resource, "", "application/xml", lambda body, _: metadata.parse(body)
                )
            except FailedTry as failure:
                if failure.answer.status == OK:  # it will be the same again, and is not needed
                    raise errors.SageError(
                        f"$metadata of module {module} of company {company} cannot be used, since "
                        f"it {failure.__cause__}: see what a browser shows at "
                        f"{resource.address(self._connection.api_url)}"
                    ) from failure
                self.sleep(self._wait_before_retry(failure, resource, patience))

    def _try(
        self,
        resource: Resource,
        query: str,
        accept: str,
        parse: Callable[[bytearray, requests.Response], T],
    ) -> T:
        """Ask once.

        Raises:
            FailedTry: There is no answer that can be used.
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
        except (requests.RequestException, ValueError) as failure:
            raise FailedTry(judge_exception(failure), type(failure).__name__) from failure
        if response.status_code == OK:
            try:
                parsed = parse(body, response)
            except ValueError as failure:
                raise self._failure(resource, response, body) from failure
            self.served[resource] += 1
            self._is_failing = False
            return parsed
        raise self._failure(resource, response, body)

    def _failure(
        self, resource: Resource, response: requests.Response, body: bytearray
    ) -> FailedTry:
        message = answers.read_message(body)
        failed = answers.Answer(
            response.status_code,
            message,
            page="" if message.code or message.message else answers.page_text(body),
            offered=answers.in_one_line(response.headers.get("WWW-Authenticate", "")),
            elsewhere=elsewhere(response),
            was_served=self.served[resource] > 0,
            was_accepted=self.served.total() > 0,
        )
        seen = f"HTTP {failed.status} {message.code}".rstrip()
        return FailedTry(
            judge(failed),
            "an unreadable answer" if failed.status == OK else seen,
            failed,
            response.headers.get("Retry-After"),
        )

    def _wait_before_retry(
        self, failure: FailedTry, resource: Resource, patience: Patience
    ) -> float:
        """Return the seconds to wait before the next try, and log it.

        Raises:
            SageError: There is to be no next try.
        """
        wait = patience.seconds_after(failure)
        if wait is None:
            error = self._error(failure, resource, patience.tries)
            self._is_failing = isinstance(error, errors.ServerError)
            raise error from failure
        rests = failure.verdict.action is errors.Action.REST and patience.rests
        kind = Kind.TIMEOUT if failure.is_timeout else Kind.RETRY
        self.incidents.append(
            Incident(Kind.POOL_REST if rests else kind, resource, failure.seen, wait)
        )
        self._logger.warning(
            "%s of %s: %s; try %d of %d in %.1f seconds",
            resource.name,
            resource.company,
            "the IIS application pool is exhausted (pool_rest_seconds)" if rests else failure.seen,
            patience.tries + 1,
            patience.max_retries + 1,
            wait,
        )
        return wait

    def _error(self, failure: FailedTry, resource: Resource, tries: int) -> errors.SageError:
        connection, answer = self._connection, failure.answer
        sentence = failure.verdict.sentence.format(
            company=resource.company,
            module=resource.module,
            resource=resource.name,
            api_url=connection.api_url,
            username=connection.username,
            credential_case=connection.credential_case,
            status=answer.status,
            code=answer.message.code,
            offered=answer.offered,
            elsewhere=answer.elsewhere,
            tries=tries,
            max_calls_per_run=connection.max_calls_per_run,
        )
        sentence = " ".join(sentence.split()).replace(" )", ")").replace(" ,", ",")
        quoted = answer.message.quoted
        return failure.verdict.error(
            f"{sentence}; Sage 300 says {quoted}" if quoted else sentence,
            failure.verdict.sentence,
            f"{failure.seen} {quoted}".rstrip(),
        )


def _page(body: bytearray, response: requests.Response) -> Page:
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
