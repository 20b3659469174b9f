"""What the answer to a call says about each of its rows. Pure."""

from __future__ import annotations

import typing as t
from collections import defaultdict
from dataclasses import dataclass, field

from target_servicenow.api.errors import Action

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from target_servicenow.api.batch import BatchReply, Item, ItemReply
    from target_servicenow.upsert.plan import Decision

MAX_FAILURES = 3
"""Times ServiceNow fails on one row before it is the row's fault."""

RATE_LIMITED = 429
"""Never the fault of a row."""


@dataclass
class Pending:
    """A row on its way.

    Attributes:
        item: The request that writes it.
        noted: Whether it is noted as being sent.
        failures: Times ServiceNow answered, for this row alone, that it failed.
        failure: The last of these answers.
        unserviced: Times ServiceNow said that it had not come to it.
        unserviced_alone: Times it said so though the row was alone in its call.
        unknown: Whether it may have been done by a call whose answer was lost.
        refusal: ServiceNow's words when it said that the row exists already, or no longer.
    """

    decision: Decision
    item: Item
    noted: bool = False
    attempts: int = 0
    failures: int = 0
    failure: ItemReply | None = None
    unserviced: int = 0
    unserviced_alone: int = 0
    unknown: bool = False
    refusal: str = ""

    def failed(self, answer: ItemReply) -> None:
        """Count a failure, unless it is one of every row."""
        if answer.status != RATE_LIMITED:
            self.failures += 1
            self.failure = answer

    @property
    def is_at_fault(self) -> bool:
        """Whether ServiceNow has failed on it often enough."""
        return self.failures >= MAX_FAILURES

    @property
    def may_be_done(self) -> bool:
        """Whether it may have been done by an earlier call of this run."""
        return self.unknown or self.unserviced > 0

    @property
    def may_run(self) -> bool:
        """Whether ServiceNow may still be at work on it."""
        return self.failure is None or not self.failure.verdict.ended


Answered = list[tuple[Pending, "ItemReply"]]


@dataclass
class Answers:
    """The rows of a call, by what their answers mean.

    Attributes:
        by_action: Rows with a whole answer that is final, or says what to do first.
        failed: Rows that ServiceNow failed on once too often.
        again: Rows about which nothing was done, to be sent again.
        unserviced: Rows that never had their turn.
        unknown: Rows to be looked up, since they may have been done.
    """

    by_action: dict[Action, Answered] = field(default_factory=lambda: defaultdict(list))
    failed: list[Pending] = field(default_factory=list)
    again: list[Pending] = field(default_factory=list)
    unserviced: list[Pending] = field(default_factory=list)
    unknown: list[Pending] = field(default_factory=list)


def sort(group: Sequence[Pending], reply: BatchReply) -> Answers:
    """Sort the rows of a call by their answers, counting failures."""
    answers = Answers()
    for entry in group:
        answer = reply.items.get(entry.item.id)
        if entry.item.id in reply.unserviced:
            entry.attempts -= 1  # it never had its turn
            entry.unserviced += 1
            answers.unserviced.append(entry)
        elif answer is None or not _is_whole(answer):
            entry.unknown = True
            answers.unknown.append(entry)
            if answer and (answer.verdict.ended or len(group) == 1):
                entry.failed(answer)
        else:
            answers.by_action[answer.verdict.action].append((entry, answer))
            if answer.verdict.action in {Action.RENEW, Action.WAIT}:
                entry.failed(answer)
                (answers.failed if entry.is_at_fault else answers.again).append(entry)
    return answers


def _is_whole(answer: ItemReply) -> bool:
    """Tell whether an answer says what became of its row."""
    if answer.verdict.action is Action.OK:
        return isinstance(answer.result, dict)
    return answer.verdict.action is not Action.UNKNOWN
