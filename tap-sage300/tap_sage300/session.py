"""The one HTTP session of the tap: read-only, paced, counted and patient.

Every physical request, retries and redirects included, passes one gate that keeps a distance
between calls and a budget per run. Nothing but GET leaves this session, so nothing in Sage 300 can
change.
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

from tap_sage300 import errors

if t.TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Mapping

    from tap_sage300.settings import Settings

T = t.TypeVar("T")

LONGEST_BACKOFF = 60.0
"""Seconds; the wait before a retry doubles from one second up to this."""
LONGEST_RETRY_AFTER = 300.0
"""Seconds; a server that asks for more is asked again earlier."""
READ_AT_ONCE = 1 << 20
"""Bytes; requests reads 10 KB at a time, and each read waits for the thread that writes records."""


class Gate:
    """What every physical request passes: the distance between calls and the budget of the run.

    Attributes:
        calls: Requests let through so far.
        left: Requests that may still go out before the budget is used up.
    """

    def __init__(
        self, settings: Settings, logger: logging.Logger, sleep: Callable[[float], None]
    ) -> None:
        """Start a run with the whole budget."""
        self._settings = settings
        self._logger = logger
        self._sleep = sleep
        self.left = settings.max_calls_per_run
        self._not_before = 0.0
        self.calls = 0

    def enter(self) -> None:
        """Wait until the next call may go out.

        Raises:
            CallBudgetError: The calls of this run are used up and ``on_call_budget`` is ``stop``.
        """
        if self.left == 0:
            if self._settings.on_call_budget == "stop":
                raise errors.CallBudgetError
            pause = self._settings.call_budget_pause_seconds
            self._logger.info(
                "%d calls made, pausing %d seconds (call_budget_pause_seconds)", self.calls, pause
            )
            self._sleep(pause)
            self.left = self._settings.max_calls_per_run
        if (wait := self._not_before - time.monotonic()) > 0:
            self._sleep(wait)
        self._not_before = time.monotonic() + self._settings.min_call_interval_ms / 1000
        self.left -= 1
        self.calls += 1


class ReadOnlySession(requests.Session):
    """A keep-alive session that sends nothing but GET, each through the gate."""

    def __init__(self, gate: Gate) -> None:
        """Hold the gate."""
        super().__init__()
        self._gate = gate

    def send(self, request: requests.PreparedRequest, **kwargs: t.Any) -> requests.Response:
        """Send one physical request; redirects come through here again.

        Raises:
            RuntimeError: The method is not GET.
        """
        if request.method != "GET":
            raise RuntimeError(f"this session only reads; {request.method} is refused")
        self._gate.enter()
        return super().send(request, **kwargs)


@dataclass(frozen=True)
class Answer(t.Generic[T]):
    """An answer that could be used.

    Attributes:
        content: What the parser made of the body.
        asked_on: The server's date, in UTC, when the question was put.
        received_at: When the answer came, in UTC, by this machine's clock.
        halvings: How often the page had to be halved before it came through.
    """

    content: T
    asked_on: dt.date
    received_at: dt.datetime
    halvings: int


class SageSession:
    """Puts questions to the Sage 300 Web API until they are answered or hopeless."""

    def __init__(
        self,
        settings: Settings,
        password: str,
        logger: logging.Logger,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Make the session; nothing is sent yet.

        Sage 300 wants ``Content-Type: application/json`` even on GET (Web API developer reference:
        without it the answer is HTTP 500).
        """
        self._settings = settings
        self._logger = logger
        self._sleep = sleep
        self.gate = Gate(settings, logger, sleep)
        self._http = ReadOnlySession(self.gate)
        self._http.auth = HTTPBasicAuth(*_credentials(settings, password))
        self._http.headers["Content-Type"] = "application/json"
        if not settings.verify_ssl:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    def get(
        self,
        url: Callable[[int], str],
        parse: Callable[[bytes], T],
        about: Mapping[str, str],
        is_over: Callable[[], bool] = lambda: False,
        accept: str = "application/json",
    ) -> Answer[T]:
        """Ask until there is an answer ``parse`` can read.

        Args:
            url: Gives the address for a number of halvings of the page.
            parse: Reads the body; raises ValueError when it is not what was asked for.
            about: ``company``, ``module`` and ``resource``, for the sentences.
            is_over: Tells that nobody waits for the answer any more; no further try is made.
            accept: The media type asked for.

        Raises:
            TapError: No try succeeded, or trying again makes no sense.
            QueryRefusedError: Sage 300 refused the query itself.
            CallBudgetError: The budget of the run ended before an answer came, or it is over.
        """
        halvings = tries = 0
        while not is_over():
            tries += 1
            fault = self._try(url(halvings), parse, halvings, accept)
            if isinstance(fault, Answer):
                return fault
            if fault.rule.action is errors.Action.STOP or tries > self._settings.max_retries:
                raise self._told(fault, tries, about)
            halvings += fault.rule.heavy
            wait = seconds_to_wait(tries, fault.retry_after)
            if fault.rule.exhausted and fault.retry_after is None:
                wait = max(wait, self._settings.call_budget_pause_seconds)
            self._logger.warning(
                "%s of %s: %s; try %d of %d in %.1f seconds",
                about["resource"],
                about["company"],
                "the IIS application pool is exhausted (call_budget_pause_seconds)"
                if fault.rule.exhausted
                else fault.seen,
                tries + 1,
                self._settings.max_retries + 1,
                wait,
            )
            self._sleep(wait)
        raise errors.CallBudgetError

    def _try(
        self, url: str, parse: Callable[[bytes], T], halvings: int, accept: str
    ) -> Answer[T] | _Fault:
        settings = self._settings
        try:
            with self._http.get(
                url,
                headers={"Accept": accept},
                timeout=(settings.connect_timeout_seconds, settings.read_timeout_seconds),
                # Given per request, because requests lets REQUESTS_CA_BUNDLE overrule a session's.
                verify=settings.ca_bundle or settings.verify_ssl,
                stream=True,
            ) as response:
                body = b"".join(response.iter_content(READ_AT_ONCE))
        except requests.RequestException as fault:
            return _Fault(errors.judge_exception(fault), seen=type(fault).__name__)
        if response.status_code == errors.OK:
            try:
                content = parse(body)
            except ValueError:
                return _Fault(errors.judge_answer(errors.OK, ""), "an answer that is no JSON", 200)
            now = dt.datetime.now(dt.UTC)
            return Answer(content, _asked_on(response), now, halvings)
        told = errors.read_message(body)
        return _Fault(
            errors.judge_answer(response.status_code, told.code),
            f"HTTP {response.status_code} {told.code}".rstrip(),
            response.status_code,
            told,
            response.headers.get("Retry-After"),
        )

    def _told(self, fault: _Fault, tries: int, about: Mapping[str, str]) -> errors.TapError:
        sentence = fault.rule.sentence.format(
            **about,
            api_url=self._settings.api_url,
            username=self._settings.username,
            status=fault.status,
            code=fault.told.code,
            message=fault.told.message,
            tries=tries,
            max_calls_per_run=self._settings.max_calls_per_run,
        )
        return fault.rule.error(" ".join(sentence.split()), fault.rule.kind)


@dataclass(frozen=True)
class _Fault:
    rule: errors.Rule
    seen: str
    status: int = 0
    told: errors.SageMessage = field(default_factory=errors.SageMessage)
    retry_after: str | None = None


def _credentials(settings: Settings, password: str) -> tuple[bytes, bytes]:
    """Case user and password as Sage 300 keeps them, and encode them as UTF-8 (RFC 7617)."""
    user = settings.username
    if settings.credential_case in {"upper", "upper_user"}:
        user = user.upper()
    if settings.credential_case == "upper":
        password = password.upper()
    return user.encode(), password.encode()


def _asked_on(response: requests.Response) -> dt.date:
    """Take the server's date at the start of the read: its Date header, less the time it took."""
    try:
        sent = email.utils.parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError:
        sent = dt.datetime.now(dt.UTC)
    if sent.tzinfo is None:  # "-0000": UTC, of no named zone (RFC 5322)
        sent = sent.replace(tzinfo=dt.UTC)
    return (sent - response.elapsed).astimezone(dt.UTC).date()


def seconds_to_wait(tries: int, retry_after: str | None) -> float:
    """Seconds before the next try: exponential with jitter, or longer where the server says so.

    Args:
        tries: Tries made so far, from 1.
        retry_after: The header of RFC 9110, 10.2.3: seconds or an HTTP date.
    """
    backoff = min(LONGEST_BACKOFF, 2.0 ** (tries - 1)) * random.uniform(0.5, 1.0)  # noqa: S311
    return max(backoff, min(LONGEST_RETRY_AFTER, _asked_for(retry_after)))


def _asked_for(retry_after: str | None) -> float:
    if retry_after is None:
        return 0.0
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        when = email.utils.parsedate_to_datetime(retry_after)
    except ValueError:
        return 0.0
    if when.tzinfo is None:
        when = when.replace(tzinfo=dt.UTC)
    return max(0.0, (when - dt.datetime.now(dt.UTC)).total_seconds())
