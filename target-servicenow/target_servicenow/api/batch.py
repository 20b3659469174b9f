"""ServiceNow's Batch API: several requests in one call, each committed on its own.

Facts: each item's body travels as Base64; the call's own status is 200 even when every item
failed; items not reached within the instance's time limit (30 s by default) come back as
``unserviced_requests``, and the one that was cut off has an unknown effect.
"""

from __future__ import annotations

import base64
import json
import logging
import time
import typing as t
from dataclasses import dataclass

from target_servicenow.api.errors import (
    Action,
    Refused,
    StopRun,
    UnknownOutcomeError,
    Verdict,
    error_text,
    judge,
)

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from target_servicenow.api.session import Session

logger = logging.getLogger(__name__)

PATH = "/api/now/v1/batch"
MAX_BODY_BYTES = 8_000_000
"""Kept under the instance's default limit of 10 MB (glide.rest.max_content_length)."""

_HEADERS = [
    {"name": "Accept", "value": "application/json"},
    {"name": "Content-Type", "value": "application/json"},
]


@dataclass(frozen=True)
class Item:
    """One request inside a Batch call.

    Attributes:
        counted: Ask for the answer's headers too, for the number of rows that match.
        what: What this item asks, in the user's words, where the whole call's would not tell.
    """

    id: str
    method: str
    url: str
    body: dict[str, str] | None = None
    counted: bool = False
    what: str = ""

    def payload(self) -> dict[str, t.Any]:
        """The item as the Batch API takes it."""
        item: dict[str, t.Any] = {
            "id": self.id,
            "method": self.method,
            "url": self.url,
            "headers": _HEADERS,
            "exclude_response_headers": not self.counted,
        }
        if self.body is not None:
            item["body"] = base64.b64encode(json.dumps(self.body).encode()).decode()
        return item


@dataclass(frozen=True)
class ItemReply:
    """One item's answer.

    Attributes:
        result: The ``result`` of its body; None when there is none.
        total: Rows that match, those the user may not read included, where it was asked for.
    """

    verdict: Verdict
    status: int
    result: t.Any
    total: int | None = None


@dataclass(frozen=True)
class BatchReply:
    """A Batch call's answer. Ids in neither `items` nor `unserviced` have an unknown effect.

    Attributes:
        too_large: ServiceNow refused to read the call; nothing was done.
    """

    items: dict[str, ItemReply]
    unserviced: frozenset[str]
    seconds: float
    too_large: bool = False


def call(session: Session, items: Sequence[Item], *, what: str, repeatable: bool) -> BatchReply:
    """Send the items in one call, or one by one where the Batch API is refused.

    Raises:
        StopRun: as `Session.call`.
        UnknownOutcomeError: not repeatable, and any of the items may have been done.
    """
    if session.batch_refused:
        return _one_by_one(session, items, what=what, repeatable=repeatable)
    try:
        reply = session.call(
            "POST",
            PATH,
            what=what,
            json={
                "batch_request_id": items[0].id,
                "rest_requests": [item.payload() for item in items],
            },
            repeatable=repeatable,
        )
    except Refused as refusal:
        logger.warning("%s: going on with a call for each row", refusal)
        session.batch_refused = True
        return _one_by_one(session, items, what=what, repeatable=repeatable)
    if reply.verdict.action is Action.SPLIT:
        return BatchReply({}, frozenset(), reply.seconds, too_large=True)
    if reply.verdict.action is not Action.OK:
        text = error_text(reply.body) or f"HTTP {reply.status}"
        raise StopRun(
            f"ServiceNow refuses the whole Batch call for {what} ({text}): check instance_url, and "
            "that the Batch API is active there"
        )
    body = reply.body if isinstance(reply.body, dict) else {}
    asked = {item.id: item.what or what for item in items}
    return BatchReply(
        items={
            str(answer.get("id")): _item_reply(answer, asked.get(str(answer.get("id")), what))
            for answer in body.get("serviced_requests") or ()
        },
        unserviced=frozenset(str(name) for name in body.get("unserviced_requests") or ()),
        seconds=reply.seconds,
    )


def _one_by_one(
    session: Session, items: Sequence[Item], *, what: str, repeatable: bool
) -> BatchReply:
    """The same answer as a Batch call would give, from a call for each item."""
    answers: dict[str, ItemReply] = {}
    waiting = [item.id for item in items]
    started = time.monotonic()
    for item in items:
        waiting.remove(item.id)
        try:
            reply = session.call(
                item.method,
                item.url,
                what=item.what or what,
                json=item.body,
                repeatable=repeatable,
            )
        except Refused as refusal:
            answers[item.id] = ItemReply(Verdict(Action.STOP, str(refusal)), 403, None)
        except UnknownOutcomeError:
            break  # this one's effect is unknown, the rest has not been sent
        else:
            result = reply.body.get("result") if isinstance(reply.body, dict) else None
            answers[item.id] = ItemReply(reply.verdict, reply.status, result, reply.total)
    return BatchReply(answers, frozenset(waiting), time.monotonic() - started)


def _item_reply(answer: dict[str, t.Any], what: str) -> ItemReply:
    status = int(answer.get("status_code") or 0)
    try:
        body = json.loads(base64.b64decode(answer.get("body") or ""))
    except ValueError:  # binascii.Error is one too
        body = None
    result = body.get("result") if isinstance(body, dict) else None
    total = next(
        (
            header.get("value", "")
            for header in answer.get("headers") or ()
            if str(header.get("name", "")).lower() == "x-total-count"
        ),
        "",
    )
    return ItemReply(
        judge(status, body, what=what), status, result, int(total) if total.isdigit() else None
    )
