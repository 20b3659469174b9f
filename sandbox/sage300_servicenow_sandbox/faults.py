"""The fault plan: which requests meet which fault. Pure: what is done about it stands elsewhere.

A plan is a seed and a list of rules. The first rule that strikes is the fault a request meets;
the same plan and the same requests in the same order give the same faults.
"""

from __future__ import annotations

import random
import re
import threading
import typing as t
from dataclasses import dataclass, fields

from sage300_servicenow_sandbox.declared import DeclarationError, read_fields

if t.TYPE_CHECKING:
    from collections.abc import Mapping

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
    "expire_token",  # let ServiceNow's tokens die, then go on
]
_SERVED: t.Final = {"delay", "drop", "cut", "trickle", "unparsable", "expire_token"}
_CHOICES: t.Final = ("nth", "every", "first", "probability")
_ERROR_STATUSES: t.Final = range(400, 600)


@dataclass(frozen=True)
class Rule:
    """One line of a plan.

    Which requests it is for: `side`, `method` and `path`, a regular expression looked for in the
    path; empty means any. Which of those it strikes: the `nth`, `every` n-th, the `first` n, or
    each with a `probability`; without any of them all, and never more than `times` (0: no
    limit). `commit` says of hang, error and html whether the request is served before. `seconds`
    is how long a delay, a hang or a trickle takes; `status`, `body` and `retry_after` (seconds,
    0: no header) are an error's.

    Raises:
        DeclarationError: The rule contradicts itself.
    """

    fault: Fault
    side: t.Literal["", "sage300", "servicenow"] = ""
    method: str = ""
    path: str = ""
    nth: int = 0
    every: int = 0
    first: int = 0
    probability: float = 0.0
    times: int = 0
    commit: bool = False
    seconds: float = 1.0
    status: int = 500
    body: t.Literal["json", "html"] = "json"
    retry_after: int = 0

    def __post_init__(self) -> None:
        """Check what no single type can say."""
        if sum(bool(getattr(self, name)) for name in _CHOICES) > 1:
            raise DeclarationError(f"A rule takes one of {', '.join(_CHOICES)}.")
        if self.probability > 1:
            raise DeclarationError(f"probability has to be 0 to 1, not {self.probability:g}.")
        if self.status not in _ERROR_STATUSES:
            raise DeclarationError(f"status has to be 400 to 599, not {self.status}.")
        try:
            re.compile(self.path)
        except re.error as error:
            raise DeclarationError(f"path is no regular expression: {error}.") from None

    @property
    def is_served(self) -> bool:
        """Tell whether the request reaches the application."""
        return self.fault in _SERVED or self.commit

    def concerns(self, side: str, method: str, path: str) -> bool:
        """Tell whether the rule is for such a request."""
        return (
            self.side in ("", side)
            and self.method.upper() in ("", method)
            and re.search(self.path, path) is not None
        )

    def strikes(self, ordinal: int, *of: int) -> bool:
        """Tell whether it strikes the n-th request that it is for; `of` seeds the chances."""
        if self.nth:
            return ordinal == self.nth
        if self.every:
            return ordinal % self.every == 0
        if self.first:
            return ordinal <= self.first
        if self.probability:
            chance = random.Random("/".join(map(str, (*of, ordinal)))).random()  # noqa: S311
            return chance < self.probability
        return True


@dataclass(frozen=True)
class Plan:
    """Rules and the seed of their chances."""

    rules: tuple[Rule, ...] = ()
    seed: int = 0


NO_FAULTS: t.Final = Plan()


def read_plan(value: t.Any) -> Plan:
    """Read a plan from what its YAML file or JSON body holds.

    Raises:
        DeclarationError: It is no plan; the message is a sentence that names the place.
    """
    if not isinstance(value, dict):
        raise DeclarationError("A fault plan is an object with rules, and a seed if it likes.")
    return Plan(**read_fields(Plan, value, ""))


@dataclass
class _Tally:
    met: int = 0
    struck: int = 0


@dataclass
class Faults:
    """A plan at work: counts what each rule met; safe to use from several threads."""

    plan: Plan

    def __post_init__(self) -> None:
        """Start counting."""
        self._lock = threading.Lock()
        self.follow(self.plan)

    def follow(self, plan: Plan) -> None:
        """Follow a plan from its beginning."""
        with self._lock:
            self.plan = plan
            self._tallies = [_Tally() for _ in plan.rules]

    def meet(self, side: str, method: str, path: str) -> Rule | None:
        """Count one request and return the rule that strikes it."""
        struck: Rule | None = None
        with self._lock:
            for place, (rule, tally) in enumerate(zip(self.plan.rules, self._tallies, strict=True)):
                if not rule.concerns(side, method, path):
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
                {**_given(rule), "met": tally.met, "struck": tally.struck}
                for rule, tally in zip(self.plan.rules, self._tallies, strict=True)
            ]
            return {"seed": self.plan.seed, "rules": rules}


def _given(rule: Rule) -> Mapping[str, t.Any]:
    """Return what a rule says that is not the default."""
    values = {one.name: getattr(rule, one.name) for one in fields(Rule)}
    defaults = {one.name: one.default for one in fields(Rule)}
    return {name: value for name, value in values.items() if value != defaults[name]}
