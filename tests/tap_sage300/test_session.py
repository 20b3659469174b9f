"""The session against a real server: retries, waits, budget, credentials, errors."""

from __future__ import annotations

import base64
import datetime as dt
import email.utils
import logging
import socket
import struct
import threading

import pytest
import requests

from tap_sage300 import errors, odata, session, settings

ABOUT = {"company": "SAMINC", "module": "AP", "resource": "APVendors"}
LOGGER = logging.getLogger("tap-sage300-test")


@pytest.fixture
def open_session(fake_config):
    """Make a session; the seconds it would have slept are in ``waits``."""

    def make(waits=None, **changes):
        sleep = (lambda _seconds: None) if waits is None else waits.append
        given = settings.read({**fake_config, **changes})
        return session.SageSession(given, given.password, LOGGER, sleep=sleep)

    return make


def get(sage, url):
    return sage.get(url if callable(url) else lambda _halvings: url, odata.parse_page, ABOUT)


def scripted(*answers):
    """Answer with one after the other, the last one for ever."""
    left = list(answers)
    return lambda _request: left.pop(0) if len(left) > 1 else left[0]


@pytest.mark.parametrize(
    ("case", "sent"),
    [
        ("upper", "READER:SECRET1"),
        ("upper_user", "READER:Secret1"),
        ("as_given", "reader:Secret1"),
    ],
)
def test_credentials_on_the_wire(fake, open_session, case, sent):
    get(open_session(credential_case=case), fake.url)
    (request,) = fake.requests
    scheme, _, token = request.headers["Authorization"].partition(" ")
    assert (scheme, base64.b64decode(token).decode()) == ("Basic", sent)
    assert request.headers["Accept"] == "application/json"
    assert request.headers["Content-Type"] == "application/json"


def test_cookies_and_connection_are_kept(fake, open_session, helpers):
    def answer(_request):
        response = helpers.page([])
        response.set_cookie("ASP.NET_SessionId", "abc")
        return response

    fake.answer = answer
    sage = open_session()
    get(sage, fake.url)
    get(sage, fake.url)
    assert [r.cookies.get("ASP.NET_SessionId") for r in fake.requests] == [None, "abc"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "HEAD"])
def test_nothing_but_get_leaves(fake, open_session, method):
    sage = open_session()
    with pytest.raises(RuntimeError, match=f"{method} is refused"):
        sage._http.request(method, fake.url)
    assert fake.requests == []


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (408, ""),
        (409, "RecordDuplicate"),
        (423, ""),
        (429, "TooManyRequests"),
        (500, "InternalServerError"),
        (502, ""),
        (503, ""),
        (504, ""),
        (400, "SessionError"),
        (500, "DBLinkError"),
    ],
)
def test_what_can_pass_is_tried_again(fake, open_session, helpers, status, code):
    fake.answer = scripted(helpers.refusal(status, code), helpers.page([{"A": 1}]))
    answer = get(open_session(max_retries=1), fake.url)
    assert answer.content.records == [{"A": 1}]
    assert len(fake.requests) == 2


@pytest.mark.parametrize(
    "body",
    ["<html>Starting</html>", '{"value": [{"A"', '{"error": {"code": "General"}}'],
    ids=["html", "cut", "other"],
)
def test_an_answer_that_is_no_page_is_tried_again(fake, open_session, helpers, body):
    fake.answer = scripted(helpers.Response(body), helpers.page([]))
    assert get(open_session(max_retries=1), fake.url).content.records == []
    assert len(fake.requests) == 2


@pytest.mark.parametrize(
    "case",
    [
        (401, "", "check the settings username, password and credential_case"),
        (403, "", "for module AP in the user's security group"),
        (403, "Forbidden", "User reader may not read APVendors in company SAMINC"),
        (404, "ResourceNotFound", "the setting companies"),
        (404, "", "check the settings api_url and companies"),
        (418, "", "HTTP 418"),
    ],
    ids=str,
)
def test_what_cannot_pass_is_tried_once(fake, open_session, helpers, case):
    status, code, words = case
    fake.answer = lambda _request: helpers.refusal(status, code)
    with pytest.raises(errors.TapError, match=words) as caught:
        get(open_session(max_retries=5), fake.url)
    assert len(fake.requests) == 1
    assert "SAMINC" in str(caught.value)


def test_a_refused_query_is_told_apart_and_its_text_cut_short(fake, open_session, helpers):
    text = "Could not find a property named 'X' " + "y" * 1000
    fake.answer = lambda _request: helpers.refusal(400, "InvalidParameters", text)
    with pytest.raises(errors.QueryRefusedError, match="Could not find a property named 'X'") as e:
        get(open_session(), fake.url)
    assert len(str(e.value)) < 600


def test_after_the_last_retry_the_sentence_counts_them(fake, open_session, helpers):
    fake.answer = lambda _request: helpers.Response("<html>secret body</html>", 500)
    waits = []
    with pytest.raises(
        errors.TapError, match=r"keeps answering HTTP 500 .* \(tries: 3\)"
    ) as caught:
        get(open_session(waits, max_retries=2), fake.url)
    assert "secret body" not in str(caught.value)
    assert caught.value.kind is errors.Kind.TRANSIENT
    assert len(fake.requests) == 3
    assert 0.5 <= waits[0] <= 1.0 <= waits[1] <= 2.0


def test_an_exhausted_pool_is_given_its_rest(fake, open_session, helpers, caplog):
    fake.answer = lambda _request: helpers.Response("<html>Service Unavailable</html>", 503)
    waits = []
    with pytest.raises(errors.TapError) as caught:
        get(open_session(waits, max_retries=2, call_budget_pause_seconds=90), fake.url)
    assert str(caught.value) == (
        f"The IIS application pool of Sage 300 at {fake.url} is exhausted or stopped and still "
        "answered HTTP 503 for APVendors of company SAMINC after 3 tries: lower "
        "max_calls_per_run, now 1400, or have the pool looked at; what was read so far is kept."
    )
    assert waits == [90, 90]
    assert "the IIS application pool is exhausted (call_budget_pause_seconds)" in caplog.text


def test_backoff_doubles_to_its_limit():
    assert all(session.seconds_to_wait(20, None) <= session.LONGEST_BACKOFF for _ in range(50))
    assert min(session.seconds_to_wait(20, None) for _ in range(50)) >= 30


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("7", 7, 7),
        ("99999", 300, 300),
        ("later", 0.5, 1),
        ("-5", 0.5, 1),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.5, 1),
    ],
)
def test_retry_after(header, least, most):
    assert least <= session.seconds_to_wait(1, header) <= most


def test_retry_after_as_a_date():
    at = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=60)
    assert 55 <= session.seconds_to_wait(1, email.utils.format_datetime(at, usegmt=True)) <= 60


def test_retry_after_is_kept(fake, open_session, helpers):
    busy = helpers.refusal(429, "TooManyRequests")
    busy.headers["Retry-After"] = "11"
    fake.answer = scripted(busy, helpers.page([]))
    waits = []
    get(open_session(waits, max_retries=1), fake.url)
    assert waits == [11]


@pytest.mark.parametrize(("status", "halvings"), [(502, [0, 1, 2]), (503, [0, 0, 0])])
def test_only_load_halves_the_page(fake, open_session, helpers, status, halvings):
    fake.answer = scripted(
        helpers.Response("", status), helpers.Response("", status), helpers.page([])
    )
    asked = []

    def url(times):
        asked.append(times)
        return fake.url

    assert get(open_session(max_retries=2), url).halvings == halvings[-1]
    assert asked == halvings


def test_a_time_out_halves_the_page(fake, open_session, helpers):
    released = threading.Event()

    def answer(request):
        if request.args["n"] == "0":
            released.wait(10)
        return helpers.page([])

    fake.answer = answer
    sage = open_session(max_retries=1, read_timeout_seconds=1)
    assert get(sage, lambda times: f"{fake.url}?n={times}").halvings == 1
    released.set()


class Rude:
    """A socket server that treats each connection as it is told."""

    def __init__(self, *acts):
        self.acts = list(acts)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/Sage300WebApi"
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        for act in self.acts:
            connection, _ = self.socket.accept()
            connection.recv(65536)
            if act == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                connection.sendall(act)
            connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.thread.join(5)
        self.socket.close()


GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\nConnection: close\r\n\r\n" + b'{"value": []}'
CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + b'{"value": [{"A": 1'


def test_the_server_date_is_that_of_the_question(open_session):
    # midnight, less the time the answer took: the question was put the day before
    midnight = b"HTTP/1.1 200 OK\r\nDate: Sun, 01 Mar 2026 00:00:00 GMT\r\n"
    with Rude(GOOD.replace(b"HTTP/1.1 200 OK\r\n", midnight)) as server:
        asked_on = get(open_session(api_url=server.url), server.url).asked_on
    assert asked_on == dt.date(2026, 2, 28)


@pytest.mark.parametrize("act", ["reset", CUT, b""], ids=["reset", "cut", "closed"])
def test_a_connection_that_breaks_is_made_again(open_session, act):
    with Rude(act, GOOD) as server:
        sage = open_session(api_url=server.url, max_retries=1)
        assert get(sage, server.url).content.records == []
        assert sage.gate.calls == 2


@pytest.mark.parametrize("act", ["reset", CUT], ids=["reset", "cut"])
def test_a_connection_that_keeps_breaking_is_told(open_session, act):
    with (
        Rude(act) as server,
        pytest.raises(errors.TapError, match="keeps breaking off while reading APVendors"),
    ):
        get(open_session(api_url=server.url), server.url)


def test_nobody_there(open_session):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    url = f"http://127.0.0.1:{port}/Sage300WebApi"
    with pytest.raises(errors.TapError, match=f"cannot be reached at {url} .tries: 2."):
        get(open_session(api_url=url, max_retries=1), url)


def test_a_proxy_from_the_environment_is_used(fake, open_session, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", fake.host)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    get(open_session(), "http://sage.invalid/Sage300WebApi")
    (request,) = fake.requests
    assert request.host == "sage.invalid"


def test_the_gate_counts_redirects_too(fake, open_session, helpers):
    moved = helpers.Response("", 302, {"Location": fake.url})
    fake.answer = scripted(moved, helpers.page([]))
    sage = open_session(max_calls_per_run=1)
    with pytest.raises(errors.CallBudgetError):
        get(sage, fake.url + "/old")
    assert len(fake.requests) == 1


def test_retries_use_up_the_budget(fake, open_session, helpers):
    fake.answer = lambda _request: helpers.Response("", 503)
    with pytest.raises(errors.CallBudgetError):
        get(open_session(max_calls_per_run=3, max_retries=9), fake.url)
    assert len(fake.requests) == 3


def test_waiting_out_the_budget(fake, open_session):
    waits = []
    sage = open_session(
        waits, max_calls_per_run=2, on_call_budget="wait", call_budget_pause_seconds=77
    )
    for _ in range(5):
        get(sage, fake.url)
    assert waits == [77, 77]
    assert sage.gate.calls == len(fake.requests) == 5


def test_calls_keep_their_distance(fake, open_session):
    waits = []
    sage = open_session(waits, min_call_interval_ms=60_000)
    get(sage, fake.url)
    get(sage, fake.url)
    (wait,) = waits
    assert 50 < wait <= 60


def test_a_wrong_certificate_file_is_no_business_of_http(fake_config, tmp_path):
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate", encoding="utf-8")
    with pytest.raises(errors.TapError, match="which is no PEM file of certificates"):
        settings.read({**fake_config, "ca_bundle": str(bad)})


def test_requests_faults_of_other_kinds_stop():
    assert errors.judge_exception(requests.exceptions.InvalidURL("x")) is errors.ADDRESS
    assert errors.judge_exception(requests.exceptions.TooManyRedirects()) is errors.NO_WEB_API
