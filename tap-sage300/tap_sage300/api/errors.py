"""What the API raises, and the form of a verdict on a failed request."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from tap_sage300.errors import TapError


class Action(enum.Enum):
    """What to do about a failed request."""

    RETRY = "wait and try again"
    SHRINK = "wait and ask for fewer rows at once"
    REST = "try again soon, and once more after giving the application pool a rest"
    STOP = "trying again makes no sense"
    STRAY = "try once more where the same has succeeded before, otherwise it makes no sense"


class SageError(TapError):
    """Sage 300 could not be read.

    Attributes:
        cause: What is the same for all requests that failed for one reason: the verdict's sentence
            before the request is named in it.
        seen: What happened, in a few words.
    """

    def __init__(self, sentence: str, cause: str = "", seen: str = "") -> None:
        """Hold the sentence and what led to it."""
        super().__init__(sentence)
        self.cause = cause
        self.seen = seen


class NoAccessError(SageError):
    """The server cannot be reached or rejects the sign-on: nothing at all can be read."""


class CompanyError(SageError):
    """The company cannot be read now."""


class RightsError(SageError):
    """The user may not read this module of this company."""


class UnknownError(SageError):
    """Sage 300 knows no such company, or the module is not active there."""


class QueryRefusedError(SageError):
    """Sage 300 read the query and refused it (HTTP 400)."""


class ServerError(SageError):
    """The server failed; when the next request fails the same way it serves nothing at all."""


class PageFailedError(ServerError):
    """The page cannot be served or read, which may be the fault of one record in it."""


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
        sentence: A format string over ``api_url``, ``username``, ``credential_case``, ``company``,
            ``module``, ``resource``, ``status``, ``code``, ``tries``, ``offered``, ``elsewhere``
            and ``max_calls_per_run``.
        error: What is raised in the end.
    """

    action: Action
    sentence: str
    error: type[SageError] = SageError
