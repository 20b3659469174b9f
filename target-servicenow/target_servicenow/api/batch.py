"""ServiceNow's Batch API: several requests in one call, each committed on its own.

Facts: the body of an item travels as Base64; the call's own status is 200 even when every item
failed; items not reached within the instance's time limit (30 s by default) come back as
``unserviced_requests``, and the one that was cut off has an unknown effect.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import time
import typing as t
from dataclasses import dataclass

from target_servicenow.api.errors import (
    Action,
    RefusedError,
    StopRunError,
    UnknownOutcomeError,
    Verdict,
    error_text,
    judge,
)
from target_servicenow.api.session import read_json

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from target_servicenow.api.session import Session

logger = logging.getLogger(__name__)

PATH = "/api/now/v1/batch"
MAX_BODY_BYTES = 8_000_000
"""Below the instance's default limit of 10 MB (glide.rest.max_content_length)."""
ITEM_OVERHEAD_BYTES = 400
"""What an item takes besides its body: address, headers, JSON."""

_HEADERS = [
    {"name": "Accept", "value": "application/json"},
    {"name": "Content-Type", "value": "application/json"},
]


@dataclass(frozen=True)
class Item:
    """One request inside a Batch call.

    Attributes:
        body: JSON, encoded.
        counted: Ask for the answer's headers too, for the number of rows that match.
        what: What this item does, such as ``reading proc_vendor``; empty: as the whole call.
    """

    id: str
    method: str
    url: str
    body: bytes | None = None
    counted: bool = False
    what: str = ""

    @property
    def size(self) -> int:
        """The bytes it takes inside a Batch call, roughly: Base64 makes four of three."""
        return len(self.body or b"") * 4 // 3 + ITEM_OVERHEAD_BYTES

    def payload(self) -> dict[str, t.Any]:
        """Return the item as the Batch API takes it."""
        item: dict[str, t.Any] = {
            "id": self.id,
            "method": self.method,
            "url": self.url,
            "headers": _HEADERS,
            "exclude_response_headers": not self.counted,
        }
        if self.body is not None:
            item["body"] = base64.b64encode(self.body).decode()
        return item


@dataclass(frozen=True)
class ItemReply:
    """One item's answer.

    Attributes:
        result: The ``result`` of its body; None when there is none.
        total: Rows that match, those the user may not read included, where it was requested.
    """

    verdict: Verdict
    status: int
    result: t.Any
    total: int | None = None


@dataclass(frozen=True)
class BatchReply:
    """A Batch call's answer; an item in neither `items` nor `unserviced` has an unknown effect.

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
        StopRunError: As `Session.call`.
        UnknownOutcomeError: Not repeatable, and any of the items may have been done.
    """
    if session.batch_refused:
        return _one_by_one(session, items, what=what, repeatable=repeatable)
    body = {
        "batch_request_id": items[0].id,
        "rest_requests": [item.payload() for item in items],
    }
    try:
        reply = session.call(
            "POST", PATH, what=what, body=json.dumps(body).encode(), repeatable=repeatable
        )
    except RefusedError as refusal:
        logger.warning("%s; sending one request for each row instead", refusal)
        session.batch_refused = True
        return _one_by_one(session, items, what=what, repeatable=repeatable)
    if reply.verdict.action is Action.SPLIT:
        return BatchReply({}, frozenset(), reply.seconds, too_large=True)
    if reply.verdict.action is not Action.OK:
        text = error_text(reply.body) or f"HTTP {reply.status}"
        raise StopRunError(
            f"ServiceNow refused the whole Batch call while {what} ({text}): check instance_url, "
            "and that the Batch API is active there"
        )
    answer = reply.body if isinstance(reply.body, dict) else {}
    words = {item.id: item.what or what for item in items}
    replies = {}
    for serviced in answer.get("serviced_requests") or ():
        name = str(serviced.get("id"))
        replies[name] = _item_reply(serviced, words.get(name, what))
    return BatchReply(
        items=replies,
        unserviced=frozenset(str(name) for name in answer.get("unserviced_requests") or ()),
        seconds=reply.seconds,
    )


def _one_by_one(
    session: Session, items: Sequence[Item], *, what: str, repeatable: bool
) -> BatchReply:
    """Return the answer that a Batch call would give, from a call for each item."""
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
                body=item.body,
                repeatable=repeatable,
            )
        except RefusedError as refusal:
            answers[item.id] = ItemReply(Verdict(Action.STOP, str(refusal)), 403, None)
        except UnknownOutcomeError:
            break  # the effect of this one is unknown, the rest was not sent
        else:
            answers[item.id] = ItemReply(
                reply.verdict, reply.status, _result_of(reply.body), reply.total
            )
    return BatchReply(answers, frozenset(waiting), time.monotonic() - started)


def _item_reply(answer: dict[str, t.Any], what: str) -> ItemReply:
    status = int(answer.get("status_code") or 0)
    try:
        body = read_json(base64.b64decode(answer.get("body") or ""))
    except binascii.Error:
        body = None
    total = next(
        (
            header.get("value", "")
            for header in answer.get("headers") or ()
            if str(header.get("name", "")).lower() == "x-total-count"
        ),
        "",
    )
    return ItemReply(
        judge(status, body, what=what),
        status,
        _result_of(body),
        int(total) if total.isdigit() else None,
    )


def _result_of(body: t.Any) -> t.Any:
    return body.get("result") if isinstance(body, dict) else None
