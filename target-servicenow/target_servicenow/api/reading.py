"""Lookups inside Batch calls, each sent again until its answer is whole."""

from __future__ import annotations

import typing as t

from target_servicenow.api import batch
from target_servicenow.api.errors import Action, StopRunError

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from target_servicenow.api.session import Session

READ_ATTEMPTS = 6
"""Times a lookup inside a call is sent."""
STUCK_ATTEMPTS = 3
"""Times the first lookup of a call is sent while ServiceNow never comes to it."""


def read(session: Session, items: Sequence[batch.Item], *, what: str) -> dict[str, batch.ItemReply]:
    """Return the answers to lookups, each sent until its answer is whole, or refuses it.

    Of an item that never gets one, the last answer is returned, if there was any. One whose answer
    is larger than the instance allows ends the call unserviced, each time; its answer is SPLIT.

    Raises:
        StopRunError: As `Session.call`.
        StoppedError: The run is ending.
    """
    answers: dict[str, batch.ItemReply] = {}
    pending = list(items)
    attempt = 0
    while pending and attempt < READ_ATTEMPTS:
        reply = batch.call(session, pending, what=what, repeatable=True)
        answers |= reply.items
        attempt += 1
        first, *others = pending
        if attempt >= STUCK_ATTEMPTS and first.id in reply.unserviced:
            answers[first.id] = batch.unanswered(first.what or what)
            pending = others  # they never had their turn
            attempt = STUCK_ATTEMPTS - 1
            continue
        pending = [item for item in pending if not _is_final(answers.get(item.id))]
        for item in pending:
            answer = answers.get(item.id)
            if answer and answer.verdict.action is Action.RENEW and not session.renew():
                raise StopRunError(answer.verdict.sentence)
        if pending and attempt < READ_ATTEMPTS:
            session.stop.sleep(2.0 ** (attempt - 1))
    return answers


def _is_final(answer: batch.ItemReply | None) -> bool:
    """Tell whether sending a lookup again would change nothing."""
    if answer is None:
        return False
    if answer.verdict.action is Action.OK:
        return isinstance(answer.result, list)
    return answer.verdict.action not in {Action.UNKNOWN, Action.WAIT, Action.RENEW}
