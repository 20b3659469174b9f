"""Hourly rate rules, counted by the sandbox's clock."""

from __future__ import annotations

import datetime as dt
import threading
import typing as t
from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5

from sage300_servicenow_sandbox.servicenow import errors
from sage300_servicenow_sandbox.servicenow.errors import ApiError

if t.TYPE_CHECKING:
    from sage300_servicenow_sandbox.clock import Clock
    from sage300_servicenow_sandbox.servicenow.behaviours import RateRule

_APIS = {"table": "Table API", "batch": "Batch API", "stats": "Aggregate API", "all": "REST API"}


@dataclass(frozen=True)
class RateDecision:
    """What the rules mean for a request.

    Attributes:
        headers: Headers of its answer.
        refusal: Why it is not served, if it is not.
    """

    headers: tuple[tuple[str, str], ...] = ()
    refusal: ApiError | None = None


class Rates:
    """Counts requests against rules; a new hour, or new rules, start at zero."""

    def __init__(self, clock: Clock) -> None:
        """Count by the hours of `clock`."""
        self._clock = clock
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Forget what was counted."""
        with self._lock:
            self._rules: tuple[RateRule, ...] = ()
            self._hour: dt.datetime | None = None
            self._counts: list[int] = []

    def count(self, rules: tuple[RateRule, ...], resource: str) -> RateDecision:
        """Count one request to a resource; of several rules the tightest is enforced."""
        matching = [at for at, rule in enumerate(rules) if rule.resource in {resource, "all"}]
        if not matching:
            return RateDecision()
        now = self._clock.now()
        hour = now.replace(minute=0, second=0, microsecond=0)
        with self._lock:
            if (rules, hour) != (self._rules, self._hour):
                self._rules, self._hour, self._counts = rules, hour, [0] * len(rules)
            for at in matching:
                self._counts[at] += 1
            at = min(matching, key=lambda at: rules[at].per_hour - self._counts[at])
            exceeded = self._counts[at] > rules[at].per_hour
        rule, reset = rules[at], hour + dt.timedelta(hours=1)
        headers = (
            ("X-RateLimit-Limit", str(rule.per_hour)),
            ("X-RateLimit-Reset", str(int(reset.timestamp()))),
            ("X-RateLimit-Rule", uuid5(NAMESPACE_URL, f"{rule.resource}/{rule.per_hour}").hex),
        )
        if not exceeded:
            return RateDecision(headers)
        wait = str(int((reset - now).total_seconds()) + 1)
        refusal = ApiError(errors.RATE_LIMIT, limit=rule.per_hour, api=_APIS[rule.resource])
        return RateDecision((*headers, ("Retry-After", wait)), refusal)
