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
    LaterError,
    RefusedError,
    StopRunError,
    UnknownOutcomeError,
    Verdict,
    judge,
)
from target_servicenow.api.wire import read_json
from target_servicenow.stopping import StoppedError

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from target_servicenow.api.session import Session

logger = logging.getLogger(__name__)

PATH = "/api/now/v1/batch"
MAX_BODY_BYTES = 8_000_000
"""Below the instance's default limit of 10 MB (glide.rest.max_content_length)."""
ITEM_OVERHEAD_BYTES = 400
"""What an item takes besides its body: address, headers, JSON."""
CALLS_UNTIL_BATCH = 100
"""Single calls after which a refused Batch API is tried again."""

MAX_URL_BYTES = 7_600
"""Below the 8,192 bytes that a whole URL may have: 8,182 were measured to pass, 8,347 got a 414."""

TABLE_LIMIT_SECONDS = 60.0
"""When the instance ends a call to the Table API, by its quota rule."""
MARGIN_SECONDS = 5.0
"""For the instance to end a call that is over its limit."""

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
        single: Each item was a call of its own.
        failure: What ended it before its last item, where some were answered; to be raised.
    """

    items: dict[str, ItemReply]
    unserviced: frozenset[str]
    seconds: float
    too_large: bool = False
    single: bool = False
    failure: Exception | None = None


def commit_seconds(session: Session, *, single: bool) -> float:
    """Return after how long a call that was cut off is no longer running.

    Args:
        session: The session that it was made with.
        single: It was a call to the Table API, and not a Batch call.
    """
    return (TABLE_LIMIT_SECONDS if single else session.batch_limit_seconds) + MARGIN_SECONDS


def call(session: Session, items: Sequence[Item], *, what: str, repeatable: bool) -> BatchReply:
    """Send the items in one call, or one by one where the Batch API is refused.

    A refusal can be a page of something before ServiceNow about this one call, so a harmless call
    settles it. While the API is refused, it is tried again every `CALLS_UNTIL_BATCH` calls.

    Whatever it raises but UnknownOutcomeError, items that are not repeatable did nothing.

    Raises:
        LaterError: Not repeatable, and ServiceNow was busy.
        StopRunError: As `Session.call`.
        StoppedError: The run is ending.
        UnknownOutcomeError: Not repeatable, and any of the items may have been done.
    """
    if session.batch_refused and session.calls_until_batch > 0:
        return _one_by_one(session, items, what=what, repeatable=repeatable)
    try:
        reply = _together(session, items, what=what, repeatable=repeatable)
    except RefusedError as refusal:
        if not session.batch_refused and _answers(session, items[0]):
            logger.warning(
                "ServiceNow refused one Batch call while %s (%s) and answered the next: sending it "
                "again",
                what,
                refusal.verdict.text,
            )
            try:
                return _together(session, items, what=what, repeatable=repeatable)
            except RefusedError:  # it is about what is in the call
                return _one_by_one(session, items, what=what, repeatable=repeatable)
        if not session.batch_refused:
            logger.warning(
                "ServiceNow refuses the Batch API (%s), so each row takes a request of its own: "
                "allow the integration user POST %s to need fewer",
                refusal.verdict.text,
                PATH,
            )
        session.batch_refused, session.calls_until_batch = True, CALLS_UNTIL_BATCH
        return _one_by_one(session, items, what=what, repeatable=repeatable)
    if session.batch_refused:
        session.batch_refused = False
        logger.info("ServiceNow answers the Batch API again: rows are sent together again")
    return reply


def _answers(session: Session, item: Item) -> bool:
    """Tell whether the Batch API answers to a look at one row of the item's table."""
    table = "/".join(item.url.partition("?")[0].split("/")[:5])
    look = Item("look", "GET", f"{table}?sysparm_limit=1&sysparm_fields=sys_id")
    try:
        reply = _together(session, [look], what="trying the Batch API", repeatable=True)
    except RefusedError:
        return False
    return look.id in reply.items


def _together(
    session: Session, items: Sequence[Item], *, what: str, repeatable: bool
) -> BatchReply:
    body = {
        "batch_request_id": items[0].id,
        "rest_requests": [item.payload() for item in items],
    }
    reply = session.call(
        "POST", PATH, what=what, body=json.dumps(body).encode(), repeatable=repeatable
    )
    if reply.verdict.action is Action.SPLIT:
        return BatchReply({}, frozenset(), reply.seconds, too_large=True)
    if reply.verdict.action is not Action.OK:
        raise StopRunError(
            f"ServiceNow refused the whole Batch call while {what} ({reply.verdict.text}): check "
            "instance_url, and that the Batch API is active there"
        )
    answer = reply.body if isinstance(reply.body, dict) else {}
    words = {item.id: item.what or what for item in items}
    replies = {}
    for serviced in answer.get("serviced_requests") or ():
        name = _name(serviced)
        replies[name] = _item_reply(serviced, words.get(name, what))
    return BatchReply(
        items=replies,
        unserviced=frozenset(map(_name, answer.get("unserviced_requests") or ())),
        seconds=reply.seconds,
    )


def _one_by_one(
    session: Session, items: Sequence[Item], *, what: str, repeatable: bool
) -> BatchReply:
    """Return the answer that a Batch call would give, from a call for each item."""
    answers: dict[str, ItemReply] = {}
    waiting = [item.id for item in items]
    failure: Exception | None = None
    started = time.monotonic()
    session.calls_until_batch -= len(items)
    for item in items:
        if len(item.url) > MAX_URL_BYTES:  # made for the inside of a Batch call
            answers[item.id] = unanswered(item.what or what)
            waiting.remove(item.id)
            continue
        try:
            reply = session.call(
                item.method,
                item.url,
                what=item.what or what,
                body=item.body,
                repeatable=repeatable,
            )
        except RefusedError as refusal:
            answers[item.id] = ItemReply(refusal.verdict, refusal.status, None)
        except UnknownOutcomeError as unknown:
            answers[item.id] = ItemReply(unknown.verdict, unknown.status, None)
            if not unknown.verdict.ended:  # ServiceNow may be at work on it still
                waiting.remove(item.id)
                break
        except (LaterError, StopRunError, StoppedError) as error:
            if repeatable or not answers:
                raise
            failure = error
            break
        else:
            result = _result_of(reply.body) if reply.verdict.action is Action.OK else None
            answers[item.id] = ItemReply(reply.verdict, reply.status, result, reply.total)
        waiting.remove(item.id)
    seconds = time.monotonic() - started
    return BatchReply(answers, frozenset(waiting), seconds, single=True, failure=failure)


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
    verdict = judge(status, body, what=what)
    return ItemReply(
        verdict,
        status,
        _result_of(body) if verdict.action is Action.OK else None,
        int(total) if total.isdigit() else None,
    )


def unanswered(what: str) -> ItemReply:
    """Return what stands for the answer to a lookup that is too large as it is."""
    sentence = f"ServiceNow did not answer while {what}: check the instance and run again"
    return ItemReply(Verdict(Action.SPLIT, sentence), 0, None)


def _name(item: t.Any) -> str:
    """Return the id of an item, which is all of it, or one of its fields.

    Documented for unserviced items are bare ids; clients have seen objects.
    """
    return str(item.get("id") if isinstance(item, dict) else item)


def _result_of(body: t.Any) -> t.Any:
    return body.get("result") if isinstance(body, dict) else None
