"""Requests to the APIs, whether a call or an item of a batch, and their answers."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from sage300_servicenow_sandbox.servicenow import errors
from sage300_servicenow_sandbox.servicenow.errors import ApiError

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_JSON_TYPE = ("Content-Type", "application/json;charset=UTF-8")


@dataclass(frozen=True)
class ApiRequest:
    """One request.

    Attributes:
        method: The HTTP method.
        path: The path, decoded.
        args: The query parameters, decoded.
        headers: The headers by name in lower case.
        body: The body.
        user: Who made the call.
        root: The instance's URL without a trailing slash.
    """

    method: str
    path: str
    args: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    user: str
    root: str

    def flag(self, name: str) -> bool:
        """Tell whether a query parameter is true."""
        return self.args.get(name) == "true"

    def query(self) -> str:
        """Return sysparm_query, or without it the URL's `column=value` pairs as a query."""
        if "sysparm_query" in self.args:
            return self.args["sysparm_query"]
        pairs = self.args.items()
        return "^".join(
            f"{name}={value}" for name, value in pairs if not name.startswith("sysparm_")
        )

    def json(self) -> t.Any:
        """Return the body's JSON, numbers as the text they are written in.

        Without a body it is an object without values (an assumption).

        Raises:
            ApiError: Accept or Content-Type is missing or not JSON, or the body cannot be read.
        """
        if "accept" not in self.headers or (self.body and "content-type" not in self.headers):
            raise ApiError(errors.MISSING_HEADER)
        if not self.body:
            return {}
        if not self.headers["content-type"].lower().startswith("application/json"):
            raise ApiError(errors.UNSUPPORTED_TYPE)
        try:
            content = json.loads(
                self.body, parse_float=str, parse_int=str, parse_constant=_no_json_number
            )
            if rb"\u" in self.body:  # half a surrogate pair is not text
                json.dumps(content, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            raise ApiError(errors.UNREADABLE_BODY, reason="the body is not JSON") from error
        return content

    def check_accept(self) -> None:
        """Refuse a caller that does not accept JSON.

        Raises:
            ApiError: The Accept header names other types only.
        """
        accept = self.headers.get("accept", "*/*")
        if not any(kind in accept for kind in ("*/*", "application/*", "json")):
            raise ApiError(errors.NOT_ACCEPTABLE)


@dataclass(frozen=True)
class ApiResponse:
    """One answer."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


def make_request(
    *, method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes, user: str, root: str
) -> ApiRequest:
    """Build a request from a relative URL, still percent-encoded.

    A POST may name another method in X-HTTP-Method-Override.
    """
    path, _, query = url.partition("?")
    lowered = {name.lower(): value for name, value in headers}
    if method == "POST":
        method = lowered.get("x-http-method-override", method).upper()
    return ApiRequest(
        method=method,
        path=unquote(path),
        args=dict(parse_qsl(query, keep_blank_values=True)),
        headers=lowered,
        body=body,
        user=user,
        root=root,
    )


def json_response(
    status: int, content: object, headers: Iterable[tuple[str, str]] = ()
) -> ApiResponse:
    """Answer with JSON."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return ApiResponse(status, text.encode(), (_JSON_TYPE, *headers))


def error_response(error: ApiError) -> ApiResponse:
    """Answer with the body every failure has."""
    return json_response(error.status, error.body())


def _no_json_number(name: str) -> t.NoReturn:
    raise ValueError(f"{name} is not a JSON number.")
