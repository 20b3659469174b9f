"""The Batch API: many requests in one call, each on its own."""

from __future__ import annotations

import base64
import binascii
import time
import typing as t
from dataclasses import dataclass
from http import HTTPStatus
from itertools import cycle

from sage300_servicenow_sandbox.counters import SERVICENOW
from sage300_servicenow_sandbox.servicenow import errors
from sage300_servicenow_sandbox.servicenow.api import error_response, json_response, make_request
from sage300_servicenow_sandbox.servicenow.errors import ApiError

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from sage300_servicenow_sandbox.counters import Counters
    from sage300_servicenow_sandbox.servicenow.api import ApiRequest, ApiResponse
    from sage300_servicenow_sandbox.servicenow.behaviours import Behaviours

_MAX_IN = 5 * 1024 * 1024  # glide.rest.batch.max.inputSize, taken as an item's decoded body
_MAX_OUT = 10 * 1024 * 1024  # glide.rest.batch.max.outputSize
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class _Item:
    """One item as it was sent: a request, or the error that it fails with."""

    identifier: str
    request: ApiRequest | None
    error: ApiError | None
    bare: bool

    @property
    def writes(self) -> bool:
        return self.request is not None and self.request.method != "GET"

    @property
    def size(self) -> int:
        return len(self.request.body) if self.request else 0


class BatchApi:
    """`/api/now/v1/batch`: the items run one after another and commit one by one.

    A batch that reaches a limit ends there. Over a size limit, the item and those after it are
    unserviced (that the item itself is among them is an assumption). When time runs out, the item
    that was running is serviced with 500, whether it was committed or not, and those after it are
    unserviced.
    """

    def __init__(
        self,
        serve: Callable[[ApiRequest], ApiResponse],
        counters: Counters,
        pause: Callable[[float], object],
    ) -> None:
        """Answer items with `serve`, which never raises, count them, and wait with `pause`."""
        self._serve = serve
        self._counters = counters
        self._pause = pause
        self.reset()

    def reset(self) -> None:
        """Start again with committing the first item that is cut off, then every other one."""
        self._alternation = cycle((True, False))

    def handle(self, batch: ApiRequest, behaviours: Behaviours) -> ApiResponse:
        """Answer a batch: 200 even when every item failed.

        Raises:
            ApiError: The batch itself cannot be read.
        """
        if batch.method != "POST":
            raise ApiError(errors.METHOD, method=batch.method, path=batch.path)
        content = batch.json()
        items = content.get("rest_requests") if isinstance(content, dict) else None
        if not isinstance(items, list):
            reason = "a batch needs a list of rest_requests"
            raise ApiError(errors.UNREADABLE_BODY, reason=reason)
        serviced = self._run(batch, items, behaviours)
        left: list[t.Any] = [_identifier(item) for item in items[len(serviced) :]]
        if behaviours.unserviced_items == "objects":
            left = [{"id": identifier} for identifier in left]
        return json_response(
            200,
            {
                "batch_request_id": _text(content.get("batch_request_id")),
                "serviced_requests": serviced,
                "unserviced_requests": left,
            },
        )

    def _run(
        self, batch: ApiRequest, items: list[t.Any], behaviours: Behaviours
    ) -> list[dict[str, t.Any]]:
        """Return the answers of the items, up to where the batch ends.

        A row's cost is the least time that writing it takes. `due` is when all rows so far should
        be done, in milliseconds from the start; the time that the sandbox itself took is part of
        it. The times reported are the costs, not the sandbox's own speed.
        """
        most = _max_output(batch)
        limit = behaviours.batch_limit_seconds * 1000
        begun = time.monotonic()
        due = 0.0
        serviced: list[dict[str, t.Any]] = []
        for sent in items:
            item = _read(batch, sent)
            cost = behaviours.row_cost_ms if item.writes else 0.0
            due += cost
            passed = (time.monotonic() - begun) * 1000
            if max(passed, due) > limit:
                self._pause((limit - passed) / 1000)
                ran = limit - (due - cost)
                serviced.append(_shown(item, self._cut_off(item, behaviours), min(cost, ran)))
                break
            if due > passed:
                self._pause((due - passed) / 1000)
            response = self._answer(item) if item.size <= _MAX_IN else None
            if response is None or len(response.body) > most:
                break
            serviced.append(_shown(item, response, cost))
        return serviced

    def _answer(self, item: _Item) -> ApiResponse:
        if item.error:
            return error_response(item.error)
        assert item.request is not None  # noqa: S101 -- an item is one or the other
        response = self._serve(item.request)
        self._counters.count_item(SERVICENOW, method=item.request.method, status=response.status)
        return response

    def _cut_off(self, item: _Item, behaviours: Behaviours) -> ApiResponse:
        cancelled = error_response(ApiError(errors.CANCELLED))
        if item.request:
            if behaviours.cut_off_item == "alternate":
                committed = next(self._alternation)
            else:
                committed = behaviours.cut_off_item == "committed"
            if committed:
                self._serve(item.request)
            self._counters.count_item(
                SERVICENOW, method=item.request.method, status=cancelled.status
            )
        return cancelled


def _shown(item: _Item, response: ApiResponse, took_ms: float) -> dict[str, t.Any]:
    headers = () if item.bare else response.headers
    return {
        "id": item.identifier,
        "body": base64.b64encode(response.body).decode("ascii"),
        "status_code": response.status,
        "status_text": HTTPStatus(response.status).phrase,
        "headers": [{"name": name, "value": value} for name, value in headers],
        "execution_time": max(1, round(took_ms)),
    }


def _max_output(batch: ApiRequest) -> int:
    """Return the limit of an item's answer; a header may lower it, in bytes (an assumption)."""
    text = batch.headers.get("x-batchrequest-max-output-size", "")
    return min(int(text), _MAX_OUT) if text.isdecimal() else _MAX_OUT


def _read(batch: ApiRequest, sent: t.Any) -> _Item:
    fields: dict[str, t.Any] = sent if isinstance(sent, dict) else {}
    bare = fields.get("exclude_response_headers") is True
    try:
        return _Item(_identifier(sent), _request(batch, fields), None, bare)
    except ApiError as error:
        return _Item(_identifier(sent), None, error, bare)


def _request(batch: ApiRequest, item: dict[str, t.Any]) -> ApiRequest:
    """Read one item; it is made by the batch's user, and accepts what the batch does by default.

    Raises:
        ApiError: The item is not of the documented shape.
    """
    if not _text(item.get("id")):
        raise ApiError(errors.BAD_ITEM, reason="id is missing")
    method, url = item.get("method"), item.get("url")
    if method not in _METHODS:
        raise ApiError(errors.BAD_ITEM, reason=f"method must be one of {', '.join(_METHODS)}")
    if not isinstance(url, str) or not url.startswith("/"):
        raise ApiError(errors.BAD_ITEM, reason="url must be a relative path that starts with /")
    try:
        own = [(str(pair["name"]), str(pair["value"])) for pair in item.get("headers", [])]
    except (TypeError, KeyError) as error:
        reason = "headers must be a list of objects with name and value"
        raise ApiError(errors.BAD_ITEM, reason=reason) from error
    try:
        body = base64.b64decode(item.get("body", ""), validate=True)
    except (TypeError, binascii.Error, ValueError) as error:
        raise ApiError(errors.BAD_ITEM, reason="body must be Base64") from error
    headers = [("Accept", batch.headers["accept"]), *own]
    return make_request(
        method=method, url=url, headers=headers, body=body, user=batch.user, root=batch.root
    )


def _text(identifier: t.Any) -> str:
    return identifier if isinstance(identifier, str) else ""


def _identifier(item: t.Any) -> str:
    return _text(item.get("id")) if isinstance(item, dict) else ""
