"""The fault plan: which requests meet which fault. How a fault is carried out is not known here.

A plan is a seed and a list of rules. The first rule that strikes is the fault a request meets;
the same plan and the same requests in the same order give the same faults.
"""

from __future__ import annotations

import random
import re
import threading
import typing as t
from dataclasses import dataclass

import msgspec

from sage300_servicenow_sandbox.declared import Count, Declared, Quantity, as_json, read

Fault = t.Literal[
    "delay",  # wait, then go on
    "hang",  # wait, then close the connection without an answer
    "reset",  # reset the connection (RST); the request is never seen
    "drop",  # serve the request, then close the connection without the answer
    "cut",  # serve it, send the first half of the answer, close the connection
    "trickle",  # serve it and send the answer slowly
    "error",  # answer `status` with a JSON or an HTML body
    "html",  # answer 200 with an HTML page
    "unparsable",  # serve it and answer with half of the JSON, complete as HTTP
    "partial",  # serve it and ServiceNow's lists of rows end halfway, in an error
    "expire_token",  # expire ServiceNow's tokens, then go on
]
_SERVED: t.Final = {"delay", "drop", "cut", "trickle", "unparsable", "partial", "expire_token"}
_CHOICES: t.Final = ("nth", "every", "first", "probability")


class FaultRule(Declared, frozen=True, omit_defaults=True):
    """One line of a plan.

    Without `nth`, `every`, `first` or `probability` it strikes every request that matches.

    Attributes:
        fault: What happens to the requests it strikes.
        side: The side that it matches; empty, both.
        method: The HTTP method that it matches; empty, any.
        path: A regular expression searched for in the path; empty, any path matches.
        nth: Strikes the n-th match only.
        every: Strikes every n-th match.
        first: Strikes the first n matches.
        probability: Strikes each match with this probability.
        times: Strikes no more often than this; 0, no limit.
        commit: Whether the request of a hang, an error or an html is served all the same.
        seconds: How long a delay, a hang or a trickle takes.
        status: The HTTP status of an error.
        body: The body of an error.
        retry_after: The Retry-After of an error in seconds; 0, no such header.

    Raises:
        ValueError: The rule contradicts itself.
    """

    fault: Fault
    side: t.Literal["", "sage300", "servicenow"] = ""
    method: str = ""
    path: str = ""
    nth: Count = 0
    every: Count = 0
    first: Count = 0
    probability: t.Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    times: Count = 0
    commit: bool = False
    seconds: Quantity = 1.0
    status: t.Annotated[int, msgspec.Meta(ge=400, le=599)] = 500
    body: t.Literal["json", "html"] = "json"
    retry_after: Count = 0

    def __post_init__(self) -> None:
        """Check what no single type can express."""
        if sum(bool(getattr(self, name)) for name in _CHOICES) > 1:
            raise ValueError(f"A rule takes only one of {', '.join(_CHOICES)}")
        try:
            re.compile(self.path)
        except re.error as error:
            raise ValueError(f"The path is not a regular expression: {error}") from None

    @property
    def is_served(self) -> bool:
        """Whether the request reaches the application."""
        return self.fault in _SERVED or self.commit

    def matches(self, side: str, method: str, path: str) -> bool:
        """Tell whether the rule is for such a request."""
        return (
            self.side in ("", side)
            and self.method.upper() in ("", method)
            and re.search(self.path, path) is not None
        )

    def strikes(self, ordinal: int, *seeds: int) -> bool:
        """Tell whether it strikes its n-th match, which together with `seeds` seeds the odds."""
        if self.nth:
            return ordinal == self.nth
        if self.every:
            return ordinal % self.every == 0
        if self.first:
            return ordinal <= self.first
        if self.probability:
            draw = random.Random("/".join(map(str, (*seeds, ordinal)))).random()  # noqa: S311
            return draw < self.probability
        return True


class Plan(Declared, frozen=True):
    """Rules, in the order in which they are tried, and the seed of their odds."""

    rules: tuple[FaultRule, ...] = ()
    seed: int = 0


NO_FAULTS: t.Final = Plan()


def read_plan(value: t.Any) -> Plan:
    """Read a plan from the content of its YAML file or JSON body.

    Raises:
        DeclarationError: It is not a plan; the sentence names the place.
    """
    return read(Plan, value, "fault plan")


@dataclass
class _Tally:
    met: int = 0
    struck: int = 0


class Faults:
    """A plan at work; counts what each rule met. Safe to use from several threads."""

    def __init__(self, plan: Plan) -> None:
        """Follow a plan."""
        self._lock = threading.Lock()
        self.follow(plan)

    def follow(self, plan: Plan) -> None:
        """Follow a plan from its beginning."""
        with self._lock:
            self.plan = plan
            self._tallies = [_Tally() for _ in plan.rules]

    def meet(self, side: str, method: str, path: str) -> FaultRule | None:
        """Count one request and return the rule that strikes it."""
        struck: FaultRule | None = None
        with self._lock:
            for place, (rule, tally) in enumerate(zip(self.plan.rules, self._tallies, strict=True)):
                if not rule.matches(side, method, path):
                    continue
                tally.met += 1
                if struck or (rule.times and tally.struck >= rule.times):
                    continue
                if rule.strikes(tally.met, self.plan.seed, place):
                    tally.struck += 1
                    struck = rule
        return struck

    def report(self) -> dict[str, t.Any]:
        """Return the plan as JSON values; each rule with how many requests it met and struck."""
        with self._lock:
            rules = [
                {**as_json(rule), "met": tally.met, "struck": tally.struck}
                for rule, tally in zip(self.plan.rules, self._tallies, strict=True)
            ]
            return {"seed": self.plan.seed, "rules": rules}
