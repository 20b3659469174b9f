"""Injecting faults into real connections: what a rule of the fault plan does to one request."""

from __future__ import annotations

import base64
import json
import typing as t
from dataclasses import dataclass, replace
from http import HTTPStatus

from sage300_servicenow_sandbox.counters import SAGE300
from sage300_servicenow_sandbox.environ import APP_STATUS, DELIVERY, FAULT
from sage300_servicenow_sandbox.serving.delivery import Delivery

if t.TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from sage300_servicenow_sandbox.faults import FaultRule, Faults

_PAGE: t.Final = (
    "<!DOCTYPE html>\r\n<html><head><title>{0}</title></head>\r\n"
    "<body><h1>{0}</h1><p>The proxy could not complete the request.</p></body></html>\r\n"
)
# Sage 300's own code for a status; every other is General.
_SAGE_CODES: t.Final = {429: "TooManyRequests", 500: "InternalServerError", 503: "SessionError"}


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: status line, headers and body."""

    status: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def code(self) -> int:
        """The status as a number."""
        return int(self.status.split()[0])


class FaultInjector:
    """WSGI middleware that injects the fault plan's faults into one side's requests.

    Sets `environ[FAULT]` to the fault that was met, and `environ[APP_STATUS]` to the status that
    the application answered with, where there was one. Setting `stopping` ends every wait.
    """

    def __init__(
        self,
        side: str,
        app: WSGIApplication,
        *,
        faults: Faults,
        expire_tokens: Callable[[], None],
        stopping: threading.Event,
    ) -> None:
        """Put the middleware in front of an application."""
        self._side = side
        self._app = app
        self._faults = faults
        self._expire_tokens = expire_tokens
        self._stopping = stopping

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request, with the fault that it meets.

        Raises:
            ConnectionAbortedError: The connection is to be closed without an answer.
            ConnectionResetError: The connection is to be reset.
        """
        rule = self._faults.meet(self._side, environ["REQUEST_METHOD"], environ["PATH_INFO"])
        if rule:
            environ[FAULT] = rule.fault
        answer = self._inject(rule, environ) if rule else self._serve(environ)
        start_response(answer.status, list(answer.headers))
        return [answer.body]

    def _serve(self, environ: WSGIEnvironment) -> Answer:
        started: list[t.Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_: t.Any) -> t.Any:
            started[:] = [status, headers]

        body = b"".join(self._app(environ, start_response))
        status, headers = started
        answer = Answer(status, tuple(headers), body)
        environ[APP_STATUS] = answer.code
        return answer

    def _inject(self, rule: FaultRule, environ: WSGIEnvironment) -> Answer:
        if rule.fault == "expire_token":
            self._expire_tokens()
        if rule.fault == "delay":
            self._stopping.wait(rule.seconds)
        served = self._serve(environ) if rule.is_served else None
        if rule.fault in ("reset", "drop", "hang"):
            if rule.fault == "hang":
                self._stopping.wait(rule.seconds)
            error = ConnectionResetError if rule.fault == "reset" else ConnectionAbortedError
            raise error(rule.fault)
        if rule.fault in ("cut", "trickle"):
            environ[DELIVERY] = Delivery(
                cut=rule.fault == "cut", seconds=rule.seconds if rule.fault == "trickle" else 0.0
            )
        if rule.fault in ("error", "html") or served is None:
            return _replacement(self._side, rule)
        if rule.fault == "partial":
            return _partial(served)
        return _halved(served) if rule.fault == "unparsable" else served


def _partial(answer: Answer) -> Answer:
    """Break ServiceNow's lists off, as a transaction does that is cancelled as it answers 200."""
    try:
        content = json.loads(answer.body)
    except ValueError:
        return answer
    for item in content.get("serviced_requests", ()):
        text = base64.b64decode(item["body"])
        if text and isinstance(inner := json.loads(text), dict):
            body = json.dumps(_broken_off(inner)).encode()
            item["body"] = base64.b64encode(body).decode("ascii")
    headers = tuple(pair for pair in answer.headers if pair[0].lower() != "content-length")
    return replace(answer, headers=headers, body=json.dumps(_broken_off(content)).encode())


def _broken_off(content: dict[str, t.Any]) -> dict[str, t.Any]:
    rows = content.get("result")
    if not isinstance(rows, list):
        return content
    words = "Transaction cancelled: maximum execution time exceeded"
    return {**content, "result": rows[: len(rows) // 2], **_servicenow_error(words)}


def _halved(answer: Answer) -> Answer:
    headers = tuple(pair for pair in answer.headers if pair[0].lower() != "content-length")
    return replace(answer, headers=headers, body=answer.body[: len(answer.body) // 2])


def _replacement(side: str, rule: FaultRule) -> Answer:
    code = 200 if rule.fault == "html" else rule.status
    phrase = HTTPStatus(code).phrase if code in set(HTTPStatus) else "Unknown"
    status = f"{code} {phrase}"
    retry = (("Retry-After", str(rule.retry_after)),) if rule.retry_after else ()
    if rule.fault == "html" or rule.body == "html":
        return Answer(
            status, (("Content-Type", "text/html"), *retry), _PAGE.format(phrase).encode()
        )
    body = _sage_error(code, phrase) if side == SAGE300 else _servicenow_error(phrase)
    return Answer(status, (("Content-Type", "application/json"), *retry), json.dumps(body).encode())


def _sage_error(code: int, phrase: str) -> dict[str, t.Any]:
    message = {"lang": "en-US", "value": phrase}
    return {"error": {"code": _SAGE_CODES.get(code, "General"), "message": message}}


def _servicenow_error(phrase: str) -> dict[str, t.Any]:
    return {"error": {"message": phrase, "detail": ""}, "status": "failure"}
