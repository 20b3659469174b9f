"""The Batch API: many requests in one call, each on its own."""

from __future__ import annotations

import base64
import binascii
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from sage300_servicenow_sandbox.counters import SERVICENOW
from sage300_servicenow_sandbox.servicenow import errors
from sage300_servicenow_sandbox.servicenow.api import error_response, json_response, make_request
from sage300_servicenow_sandbox.servicenow.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sage300_servicenow_sandbox.counters import Counters
    from sage300_servicenow_sandbox.servicenow.api import ApiRequest, ApiResponse

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class BatchApi:
    """`/api/now/v1/batch`: the items run one after another and commit one by one."""

    def __init__(self, serve: Callable[[ApiRequest], ApiResponse], counters: Counters) -> None:
        """Answer items with `serve`, which never raises, and count them."""
        self._serve = serve
        self._counters = counters

    def handle(self, request: ApiRequest) -> ApiResponse:
        """Answer a batch: 200 even when every item failed.

        Raises:
            ApiError: the batch itself cannot be read.
        """
        if request.method != "POST":
            raise ApiError(errors.METHOD, method=request.method, path=request.path)
        content = request.json()
        items = content.get("rest_requests") if isinstance(content, dict) else None
        if not isinstance(items, list):
            reason = "a batch needs a list of rest_requests"
            raise ApiError(errors.UNREADABLE_BODY, reason=reason)
        return json_response(
            200,
            {
                "batch_request_id": _text(content.get("batch_request_id")),
                "serviced_requests": [self._serviced(request, item) for item in items],
                "unserviced_requests": [],
            },
        )

    def _serviced(self, batch: ApiRequest, item: Any) -> dict[str, Any]:
        start = time.perf_counter()
        fields: dict[str, Any] = item if isinstance(item, dict) else {}
        try:
            request = _request(batch, fields)
        except ApiError as error:
            response = error_response(error)
        else:
            response = self._serve(request)
            self._counters.count_item(SERVICENOW, method=request.method, status=response.status)
        bare = fields.get("exclude_response_headers") is True
        headers = () if bare else response.headers
        return {
            "id": _text(fields.get("id")),
            "body": base64.b64encode(response.body).decode("ascii"),
            "status_code": response.status,
            "status_text": HTTPStatus(response.status).phrase,
            "headers": [{"name": name, "value": value} for name, value in headers],
            "execution_time": round((time.perf_counter() - start) * 1000),
        }


def _request(batch: ApiRequest, item: dict[str, Any]) -> ApiRequest:
    """Read one item; it is made by the batch's user.

    Raises:
        ApiError: the item is not of the documented shape.
    """
    if not _text(item.get("id")):
        raise ApiError(errors.BAD_ITEM, reason="id is missing")
    method, url = item.get("method"), item.get("url")
    if method not in _METHODS:
        raise ApiError(errors.BAD_ITEM, reason=f"method must be one of {', '.join(_METHODS)}")
    if not isinstance(url, str) or not url.startswith("/"):
        raise ApiError(errors.BAD_ITEM, reason="url must be a relative path that starts with /")
    try:
        headers = [(str(pair["name"]), str(pair["value"])) for pair in item.get("headers", [])]
    except (TypeError, KeyError) as error:
        reason = "headers must be a list of objects with name and value"
        raise ApiError(errors.BAD_ITEM, reason=reason) from error
    try:
        body = base64.b64decode(item.get("body", ""), validate=True)
    except (TypeError, binascii.Error, ValueError) as error:
        raise ApiError(errors.BAD_ITEM, reason="body must be Base64") from error
    return make_request(
        method=method, url=url, headers=headers, body=body, user=batch.user, root=batch.root
    )


def _text(identifier: Any) -> str:
    return identifier if isinstance(identifier, str) else ""
