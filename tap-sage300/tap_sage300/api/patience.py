"""How often one request is tried, and how long is waited in between."""

from __future__ import annotations

import random
import typing as t
from dataclasses import dataclass, field

import urllib3

from tap_sage300.api import verdicts
from tap_sage300.api.answers import Answer
from tap_sage300.api.errors import Action

if t.TYPE_CHECKING:
    from tap_sage300.api.connection import Connection
    from tap_sage300.api.errors import Verdict

LONGEST_BACKOFF = 60.0
"""Seconds; the wait before a retry doubles from one second up to this."""
LONGEST_RETRY_AFTER = 300.0
"""Seconds; the most that a server's Retry-After is followed for."""


@dataclass(eq=False)
class FailedTry(Exception):  # noqa: N818 - it never leaves the session
    """One try that failed.

    Attributes:
        verdict: What it means.
        seen: What happened, in a few words for the log.
        answer: The answer; status 0 where none came.
        retry_after: The header of that name.
    """

    verdict: Verdict
    seen: str
    answer: Answer = field(default_factory=lambda: Answer(0))
    retry_after: str | None = None

    @property
    def is_timeout(self) -> bool:
        """Whether the answer did not come in time."""
        return self.verdict is verdicts.SLOW or self.seen.endswith("Timeout")


class Patience:
    """How often and how long one request is tried.

    Attributes:
        tries: Tries made so far.
        max_retries: Further tries after the first one.
        rests: Whether the application pool is being given its long rest.
    """

    def __init__(
        self, connection: Connection, tries: int = 0, max_retries: int | None = None
    ) -> None:
        """Start, or go on after some tries."""
        self.tries = tries
        setting = connection.max_retries
        self.max_retries = setting if max_retries is None else min(setting, max_retries)
        self.rests = False
        self._pool_rest_seconds = connection.pool_rest_seconds
        self._before: Verdict | None = None

    def seconds_after(self, failure: FailedTry) -> float | None:
        """Count a failed try; return the seconds until the next one, None for no next one."""
        verdict, answer, before = failure.verdict, failure.answer, self._before
        self._before = verdict
        self.tries += 1
        stays = verdict is before
        is_stray = verdict.action is Action.STRAY and not stays
        is_stray = is_stray and (answer.was_served or verdict is verdicts.SIGN_ON_LOST)
        ends = verdict.action in {Action.STOP, Action.STRAY} and not is_stray
        if ends or self.tries > self.max_retries:
            return None
        wait = seconds_to_wait(self.tries, failure.retry_after)
        # One 503 alone is often a worker process that was just recycled.
        self.rests = verdict.action is Action.REST and stays and failure.retry_after is None
        return max(wait, self._pool_rest_seconds) if self.rests else wait


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
