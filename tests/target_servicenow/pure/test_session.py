"""A session's reaction to statuses, headers, bodies, redirects and failures, without a server."""

from __future__ import annotations

import datetime as dt
import json
import typing as t
from email.utils import format_datetime

import pytest
import requests
from typing_extensions import override

from target_servicenow.api.errors import (
    Action,
    LaterError,
    RefusedError,
    StopRunError,
    UnknownOutcomeError,
)
from target_servicenow.api.oauth import BasicAuth
from target_servicenow.api.session import Session, client_credentials
from target_servicenow.api.wire import MAX_WAIT_SECONDS, Connection
from target_servicenow.stopping import Stop

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from requests_mock import Mocker

URL = "https://dev1.service-now.com"
PATH = "/api/now/table/proc_vendor"
TOKEN = "/oauth_token.do"
JSON = {"Content-Type": "application/json"}
ERROR = {"error": {"message": "No", "detail": None}, "status": "failure"}

Answer = dict[str, t.Any]


class Waits(list[float], Stop):
    """The seconds of each wait."""

    def __init__(self) -> None:
        list.__init__(self)
        Stop.__init__(self)

    @override
    def sleep(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def connect(waits: Waits) -> Callable[..., Session]:
    """Opens sessions with Basic auth whose waits are recorded instead of slept."""

    def open_session(**changes: t.Any) -> Session:
        connection = Connection(URL, **{"max_retries": 2, "stop": waits, **changes})
        return Session(connection, BasicAuth("user", "sécret"))

    return open_session


@pytest.mark.parametrize(
    ("status", "calls", "expected"),
    [
        (200, 1, Action.OK),
        (201, 1, Action.OK),
        (301, 1, StopRunError),
        (302, 1, StopRunError),
        (307, 1, StopRunError),
        (400, 1, Action.ROW),
        (401, 1, StopRunError),
        (403, 1, RefusedError),
        (404, 1, RefusedError),
        (405, 1, RefusedError),
        (406, 1, Action.ROW),
        (408, 3, StopRunError),
        (409, 3, StopRunError),
        (413, 1, Action.SPLIT),
        (414, 1, Action.SPLIT),
        (423, 3, StopRunError),
        (425, 3, StopRunError),
        (429, 3, StopRunError),
        (499, 3, StopRunError),
        (500, 3, StopRunError),
        (502, 3, StopRunError),
        (503, 3, StopRunError),
        (504, 3, StopRunError),
    ],
)
def test_statuses(  # noqa: PLR0917
    requests_mock: Mocker,
    connect: Callable[..., Session],
    waits: Waits,
    status: int,
    calls: int,
    expected: Action | type[Exception],
) -> None:
    body = {"result": []} if expected is Action.OK else ERROR
    requests_mock.get(URL + PATH, status_code=status, json=body, headers=JSON)
    session = connect()
    if isinstance(expected, Action):
        assert session.call("GET", PATH, what="reading x").verdict.action is expected
    else:
        with pytest.raises(expected) as caught:
            session.call("GET", PATH, what="reading x")
        assert type(caught.value) is expected
    assert (requests_mock.call_count, session.calls, len(waits)) == (calls, calls, calls - 1)


@pytest.mark.parametrize("status", [408, 425, 499, 500, 502, 503, 504])
def test_a_write_with_an_unknown_outcome_is_not_repeated(
    requests_mock: Mocker, connect: Callable[..., Session], status: int
) -> None:
    requests_mock.post(URL + PATH, status_code=status, json=ERROR, headers=JSON)
    with pytest.raises(UnknownOutcomeError):
        connect().call("POST", PATH, what="writing x", body=b"{}", repeatable=False)
    assert requests_mock.call_count == 1


@pytest.mark.parametrize(
    ("error", "calls", "expected"),
    [
        (requests.exceptions.ConnectTimeout("late"), 1, LaterError),
        (
            requests.exceptions.ConnectionError("Failed to establish a new connection"),
            1,
            LaterError,
        ),
        (requests.exceptions.ConnectionError("Failed to resolve 'dev1'"), 1, StopRunError),
        (requests.exceptions.SSLError("CERTIFICATE_VERIFY_FAILED"), 1, StopRunError),
        (requests.exceptions.SSLError("WRONG_VERSION_NUMBER"), 1, StopRunError),
        (requests.exceptions.ReadTimeout("late"), 1, UnknownOutcomeError),
        (requests.exceptions.ConnectionError("Connection aborted."), 1, UnknownOutcomeError),
        (requests.exceptions.ChunkedEncodingError("cut"), 1, UnknownOutcomeError),
    ],
)
def test_connection_errors(
    requests_mock: Mocker,
    connect: Callable[..., Session],
    error: Exception,
    calls: int,
    expected: type[Exception],
) -> None:
    requests_mock.post(URL + PATH, exc=error)
    with pytest.raises(expected):
        connect().call("POST", PATH, what="writing x", body=b"{}", repeatable=False)
    assert requests_mock.call_count == calls


@pytest.mark.parametrize(
    ("answer", "action", "body"),
    [
        ({"json": {"result": []}, "headers": JSON}, Action.OK, {"result": []}),
        ({"text": '{"result": "\\ud800"}', "headers": JSON}, Action.OK, {"result": "\ud800"}),
        ({"json": {"result": []}, "headers": {"Content-Type": "text/html"}}, None, None),
        ({"text": "<html>", "headers": JSON}, None, None),
        ({"text": '{"result": [', "headers": JSON}, None, None),
        ({"text": "", "headers": JSON}, None, None),
    ],
)
def test_bodies(
    requests_mock: Mocker,
    connect: Callable[..., Session],
    answer: Answer,
    action: Action | None,
    body: t.Any,
) -> None:
    requests_mock.get(URL + PATH, **answer)
    if action is None:
        with pytest.raises(StopRunError, match="unreadable answer"):
            connect().call("GET", PATH, what="reading x")
        return
    reply = connect().call("GET", PATH, what="reading x")
    assert (reply.verdict.action, reply.body) == (action, body)


BACKOFF = (0.5, 1)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, BACKOFF),
        ("", BACKOFF),
        ("soon", BACKOFF),
        ("-3", BACKOFF),
        ("7", (7, 7)),
        (" 0 ", (0, 0)),
        ("999999", (MAX_WAIT_SECONDS, MAX_WAIT_SECONDS)),
        ("9" * 400, (MAX_WAIT_SECONDS, MAX_WAIT_SECONDS)),
        ("Fri, 20 Nov 2026 09:00:00 GMT", (0, 0)),
        ("Fri, 31 Dec 9999 10:00:00 GMT", (MAX_WAIT_SECONDS, MAX_WAIT_SECONDS)),
        ("Fri, 31 Dec 99999999 10:00:00 GMT", BACKOFF),
    ],
    ids=lambda value: value and str(value)[:30],
)
def test_retry_after(
    requests_mock: Mocker,
    connect: Callable[..., Session],
    waits: Waits,
    header: str | None,
    expected: tuple[float, float],
) -> None:
    headers = JSON if header is None else {**JSON, "Retry-After": header}
    requests_mock.post(
        URL + PATH,
        [
            {"status_code": 429, "json": ERROR, "headers": headers},
            {"json": {"result": []}, "headers": {**JSON, "X-Total-Count": "12"}},
        ],
    )
    reply = connect().call("POST", PATH, what="writing x", body=b"{}", repeatable=True)
    assert reply.total == 12
    [wait] = waits
    assert expected[0] <= wait <= expected[1]


@pytest.mark.parametrize("total", ["", "many", "-1"])
def test_a_total_that_is_not_a_number(
    requests_mock: Mocker, connect: Callable[..., Session], total: str
) -> None:
    requests_mock.get(URL + PATH, json={"result": []}, headers={**JSON, "X-Total-Count": total})
    assert connect().call("GET", PATH, what="reading x").total is None


def test_request(requests_mock: Mocker, connect: Callable[..., Session]) -> None:
    requests_mock.post(URL + PATH, json={"result": {}}, headers=JSON)
    connect().call("POST", PATH, what="writing x", body=json.dumps({"name": "é"}).encode())
    sent = requests_mock.last_request
    assert sent.json() == {"name": "é"}
    assert sent.headers["Accept"] == sent.headers["Content-Type"] == "application/json"
    assert sent.headers["Authorization"] == "Basic dXNlcjpzw6ljcmV0"
    assert (sent.timeout, sent.verify) == ((10, 90), True)


@pytest.mark.parametrize("location", ["https://elsewhere.example/", "/login.do", "http://[bad"])
def test_no_redirect_is_followed(
    requests_mock: Mocker, connect: Callable[..., Session], location: str
) -> None:
    requests_mock.get(URL + PATH, status_code=302, headers={"Location": location})
    other = requests_mock.get("https://elsewhere.example/")
    with pytest.raises(StopRunError, match="answered with a redirect while reading x"):
        connect().call("GET", PATH, what="reading x")
    assert (requests_mock.call_count, other.call_count) == (1, 0)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (
            {"status_code": 401, "json": {"error": "invalid_client", "error_description": "no"}},
            ("ServiceNow issued no token: check client_id and client_secret (invalid_client: no)"),
        ),
        (
            {"status_code": 401, "json": {"error": "server_error", "error_description": "denied"}},
            (
                "ServiceNow has the client credentials grant switched off: an administrator must "
                "set the property glide.oauth.inbound.client.credential.grant_type.enabled to true"
            ),
        ),
        (
            {"status_code": 400, "json": {"error": "unauthorized_client"}},
            (
                "ServiceNow knows the OAuth client but not the user it acts for: set the OAuth "
                "Application User on its registry record (unauthorized_client)"
            ),
        ),
        (
            {"status_code": 404, "text": "<html>", "headers": {}},
            (
                "ServiceNow's token endpoint answered HTTP 404 without JSON: check instance_url, "
                "and that the instance is awake"
            ),
        ),
        (
            {"status_code": 302, "headers": {"Location": "https://signon.example/"}},
            (
                "ServiceNow answered with a redirect while requesting a token: check instance_url, "
                "and that the instance is awake"
            ),
        ),
        (
            {"json": {"access_token": ""}},
            "ServiceNow issued no token: check client_id and client_secret (HTTP 200)",
        ),
    ],
)
def test_a_refused_token(requests_mock: Mocker, answer: Answer, sentence: str) -> None:
    requests_mock.post(URL + TOKEN, **{"headers": JSON, **answer})
    connection = Connection(URL, max_retries=0)
    authenticator = client_credentials(connection, client_id="c", client_secret="hush")
    with pytest.raises(StopRunError) as caught:
        Session(connection, authenticator).call("GET", PATH, what="reading x")
    assert str(caught.value) == sentence
    assert requests_mock.call_count == 1


def test_a_401_renews_the_token_once(requests_mock: Mocker) -> None:
    tokens = [
        {"json": {"access_token": f"t{n}", "expires_in": 1800}, "headers": JSON} for n in (1, 2)
    ]
    requests_mock.post(URL + TOKEN, tokens)
    requests_mock.get(URL + PATH, status_code=401, json=ERROR, headers=JSON)
    connection = Connection(URL, max_retries=5)
    session = Session(connection, client_credentials(connection, client_id="c", client_secret="s"))
    with pytest.raises(StopRunError, match="rejected the credentials while reading x"):
        session.call("GET", PATH, what="reading x")
    used = [r.headers["Authorization"] for r in requests_mock.request_history if r.path == PATH]
    assert used == ["Bearer t1", "Bearer t2"]
    assert requests_mock.request_history[0].text == (
        "grant_type=client_credentials&client_id=c&client_secret=s"
    )


def test_retry_after_a_date(
    requests_mock: Mocker, connect: Callable[..., Session], waits: Waits
) -> None:
    soon = format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(minutes=30), usegmt=True)
    busy = {"status_code": 429, "json": ERROR, "headers": {**JSON, "Retry-After": soon}}
    requests_mock.get(URL + PATH, [busy, {"json": {"result": []}, "headers": JSON}])
    connect().call("GET", PATH, what="reading x")
    [wait] = waits
    assert 1600 <= wait <= 1800
