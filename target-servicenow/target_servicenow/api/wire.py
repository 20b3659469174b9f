"""The wire to ServiceNow: physical requests, what their ends mean, and the waits between them."""

from __future__ import annotations

import json
import logging
import random
import time
import typing as t
from dataclasses import dataclass, field

import msgspec
import requests
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from target_servicenow.api.errors import (
    Action,
    LaterError,
    StopRunError,
    UnknownOutcomeError,
    Verdict,
    judge,
)
from target_servicenow.api.transport import AnswerTooLargeError, Transport, read_body
from target_servicenow.stopping import Stop

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

logger = logging.getLogger(__name__)

MAX_WAIT_SECONDS = 3600.0
"""An hourly rate rule can ask for a wait of up to an hour (Retry-After)."""

MAX_BACKOFF_SECONDS = 60.0

_DECODER: t.Final[msgspec.json.Decoder[t.Any]] = msgspec.json.Decoder()


@dataclass(frozen=True)
class Connection:
    """How to reach an instance; the fields are the settings of the same names.

    Attributes:
        verify: False, True, or the path of a CA bundle.
        stop: Asked before every request, and ends every wait.
    """

    instance_url: str
    connect_timeout_seconds: float = 10
    read_timeout_seconds: float = 90
    batch_limit_seconds: float = 30
    max_retries: int = 5
    verify: bool | str = True
    stop: Stop = field(default_factory=Stop, compare=False)


@dataclass(frozen=True)
class Reply:
    """The end of one attempt: its meaning, and the answer when there was one.

    Attributes:
        status: 0 when no answer came.
        body: The parsed JSON; None when the answer was none.
        wait: Seconds the server asks to wait.
        total: Rows the query matches by X-Total-Count, those the user may not read included.
    """

    verdict: Verdict
    status: int = 0
    body: t.Any = None
    seconds: float = 0.0
    wait: float | None = None
    total: int | None = None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds a Retry-After header (RFC 9110, 10.2.3) asks to wait, None without one."""
    text = headers.get("Retry-After")
    if text is None:
        return None
    try:
        return min(Retry().parse_retry_after(text), MAX_WAIT_SECONDS)
    except (InvalidHeader, ValueError, OverflowError):
        return None


def read_json(content: bytes) -> t.Any:
    """Return what a JSON text holds, None when it is not JSON."""
    try:
        return _DECODER.decode(content)
    except ValueError:  # half of a surrogate pair, as text cut to a length can hold
        try:
            return json.loads(content)
        except ValueError:
            return None


class Wire:
    """Physical requests over one kept connection.

    Attributes:
        sent: The requests sent.
        sent_at: When the last one was, by `time.monotonic`.
    """

    def __init__(self, connection: Connection) -> None:
        """Open nothing yet."""
        self._connection = connection
        self._http = Transport()
        self._http.headers.update(
            {"Accept": "application/json", "Content-Type": "application/json"}
        )
        self.sent = 0
        self.sent_at = 0.0

    @property
    def stop(self) -> Stop:
        """What ends the run."""
        return self._connection.stop

    def request(self, method: str, path: str, **options: t.Any) -> requests.PreparedRequest:
        """Return a request for a path from the instance's root; options are those of requests."""
        url = f"{self._connection.instance_url}{path}"
        return self._http.prepare_request(requests.Request(method, url, **options))

    def send(self, request: requests.PreparedRequest, what: str) -> Reply:
        """Send one physical request.

        Raises:
            StoppedError: The run is ending.
        """
        self.stop.check()
        self.sent += 1
        started = self.sent_at = time.monotonic()
        options = self._http.merge_environment_settings(request.url, {}, True, None, None)  # noqa: FBT003
        # An environment variable must not silently override the settings about TLS.
        options["verify"] = self._connection.verify
        timeout = self._connection.connect_timeout_seconds, self._connection.read_timeout_seconds
        try:
            with self._http.send(request, timeout=timeout, **options) as response:
                content = read_body(response)
        except requests.exceptions.RequestException as error:
            return Reply(_transport_verdict(error, self._connection.instance_url, what))
        is_json = "json" in response.headers.get("Content-Type", "")
        body = read_json(content) if is_json else None
        total = response.headers.get("X-Total-Count", "")
        return Reply(
            verdict=judge(response.status_code, body, what=what),
            status=response.status_code,
            body=body,
            seconds=time.monotonic() - started,
            wait=retry_after(response.headers),
            total=int(total) if total.isdigit() else None,
        )

    def until_answered(self, attempt: Callable[[], Reply], *, repeatable: bool) -> Reply:
        """Attempt until the verdict is neither WAIT nor UNKNOWN.

        Raises:
            LaterError: Not repeatable, and it is WAIT.
            StopRunError: It stayed so for max_retries repetitions.
            UnknownOutcomeError: Not repeatable, and it may have been done.
        """
        number = 0
        while True:
            reply = attempt()
            if reply.verdict.action not in {Action.WAIT, Action.UNKNOWN}:
                return reply
            if not repeatable and reply.verdict.action is Action.WAIT:
                raise LaterError(reply.verdict, reply.wait)
            if not repeatable:
                raise UnknownOutcomeError(reply.verdict, reply.status)
            self.pause(number, reply.verdict, reply.wait)
            number += 1

    def pause(self, number: int, verdict: Verdict, wait: float | None) -> None:
        """Wait before the next of several attempts, the first of which is number 0.

        Raises:
            StopRunError: There have been max_retries repetitions.
        """
        if number >= self._connection.max_retries:
            raise StopRunError(
                f"{verdict.sentence} (attempts: {number + 1}); nothing is lost: run again when the "
                "instance answers"
            )
        if wait is None:
            jitter = random.uniform(0.5, 1)  # noqa: S311 - to spread attempts, not to hide one
            wait = jitter * min(MAX_BACKOFF_SECONDS, 2**number)
        logger.warning("%s; trying again in %.0f s", verdict.sentence, wait)
        self.stop.sleep(wait)


def _transport_verdict(
    error: requests.exceptions.RequestException, place: str, what: str
) -> Verdict:
    """Return what a failed call means: a refused connection did nothing, a lost answer may have."""
    text = str(error)
    if isinstance(error, AnswerTooLargeError):
        return Verdict(
            Action.STOP,
            f"The answer from {place} while {what} is larger than any of ServiceNow's: check "
            "instance_url, and whether a proxy answers instead",
        )
    if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY" not in text:
        return Verdict(
            Action.STOP,
            f"The TLS handshake with {place} failed: check instance_url, its https:// and its port",
        )
    if isinstance(error, requests.exceptions.SSLError):
        return Verdict(
            Action.STOP,
            f"The certificate of {place} is not trusted: set ca_bundle to the file of the "
            "authority that signed it (or verify_ssl to false, on a network you trust)",
        )
    if isinstance(error, requests.exceptions.InvalidURL) or "Failed to resolve" in text:
        return Verdict(
            Action.STOP,
            f"The host of {place} cannot be found: check instance_url (the full URL, or the "
            "instance's name) and the network",
        )
    if isinstance(error, requests.exceptions.ConnectTimeout) or "Failed to establish" in text:
        return Verdict(
            Action.WAIT,
            f"ServiceNow cannot be reached at {place}: check instance_url and the network",
        )
    return Verdict(Action.UNKNOWN, f"No answer from ServiceNow while {what}", ended=False)
