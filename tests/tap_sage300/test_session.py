"""The session: what it sends, what it makes of each answer, and how long it waits."""

from __future__ import annotations

import base64
import datetime as dt
import email.utils
import logging

import pytest
import requests

from tap_sage300 import config
from tap_sage300.api import errors, odata, patience, session, verdicts
from tap_sage300.api.judge import judge_exception
from tap_sage300.errors import TapError

SITE = {
    "api_url": "http://sage.invalid/Sage300WebApi",
    "companies": ["SAMINC"],
    "username": "reader",
    "password": "Secret1",
    "min_call_interval_ms": 0,
}
VENDORS = odata.Resource("SAMINC", "AP", "APVendors")
ADDRESS = VENDORS.address(SITE["api_url"])
ONE_ROW = {"json": {"value": [{"A": 1}]}}
LOGGER = logging.getLogger("tap-sage300-test")


def open_session(waits=None, **changes):
    """Make a session; the seconds it would have slept are appended to ``waits``."""
    sleep = (lambda _seconds: None) if waits is None else waits.append
    given = config.read({**SITE, **changes})
    return session.SageSession(given.connection(given.password), LOGGER, sleep=sleep)


@pytest.fixture
def server(requests_mock):
    """A server with one resource, which answers with one after the other, the last one for ever."""

    def answers(*given):
        return requests_mock.get(ADDRESS, list(given))

    return answers


def refusal(status, code, message="no", **more):
    error = {"code": code, "message": {"lang": "en-US", "value": message}}
    return {"status_code": status, "json": {"error": error}, **more}


@pytest.mark.parametrize(
    ("password", "sent"),
    [
        ("stra\u00dfe", "STRA\u00dfE"),
        ("z\u00fcrich", "Z\u00dcRICH"),
        ("\ufb01x\u01f0", "\ufb01X\u01f0"),
    ],
)
def test_capitals_are_those_of_windows(server, password, sent):
    """Kind: letters whose capital is two letters for Python, and themselves for Windows."""
    asked = server(ONE_ROW)
    open_session(password=password).page(VENDORS)
    _, _, token = asked.last_request.headers["Authorization"].partition(" ")
    assert base64.b64decode(token).decode() == f"READER:{sent}"


@pytest.mark.parametrize(
    ("case", "sent"),
    [
        ("upper", "READER:SECRET1"),
        ("upper_user", "READER:Secret1"),
        ("as_given", "reader:Secret1"),
    ],
)
def test_what_is_sent(server, case, sent):
    asked = server(ONE_ROW)
    open_session(credential_case=case).page(VENDORS, "$top=5&$filter=A%20gt%20'1'")
    request = asked.last_request
    scheme, _, token = request.headers["Authorization"].partition(" ")
    assert (scheme, base64.b64decode(token).decode()) == ("Basic", sent)
    assert request.headers["Accept"] == request.headers["Content-Type"] == "application/json"
    assert request.url == f"{ADDRESS}?$top=5&$filter=A%20gt%20'1'"


def test_metadata_is_requested_as_xml(requests_mock):
    address = odata.Resource("SAMINC", "AP", "$metadata").address(SITE["api_url"])
    asked = requests_mock.get(address, text="<html>")
    with pytest.raises(TapError, match="AP of company SAMINC cannot be used, since it is no XML"):
        open_session(max_retries=1).metadata("SAMINC", "AP")
    assert asked.call_count == 1
    assert asked.last_request.headers["Accept"] == "application/xml"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "HEAD"])
def test_nothing_but_get_leaves(server, method):
    asked = server(ONE_ROW)
    with pytest.raises(RuntimeError, match=f"{method} is refused"):
        open_session().http.request(method, ADDRESS)
    assert not asked.called


@pytest.mark.parametrize(
    "answer",
    [
        refusal(409, "RecordDuplicate"),
        refusal(423, ""),
        refusal(429, "TooManyRequests"),
        refusal(500, "InternalServerError"),
        refusal(503, ""),
        refusal(400, "SessionError"),
        refusal(500, "DBLinkError"),
        {"text": "<html>Starting</html>"},
        {"text": '{"value": [{"A"'},
        {"text": '{"error": {"code": "General"}}'},
    ],
    ids=str,
)
def test_what_can_pass_is_tried_again(server, answer):
    asked = server(answer, ONE_ROW)
    assert open_session(max_retries=1).page(VENDORS).records == [{"A": 1}]
    assert asked.call_count == 2


@pytest.mark.parametrize("status", [408, 502, 504])
def test_load_asks_for_a_smaller_page(server, status):
    asked = server(refusal(status, ""))
    sage = open_session(max_retries=1)
    with pytest.raises(errors.PageTooHeavyError) as caught:
        sage.page(VENDORS)
    assert caught.value.tries == asked.call_count == 1
    assert 0.5 <= caught.value.wait_seconds <= 1
    with pytest.raises(TapError, match=r"even in smaller pages .*tries: 2\)"):
        sage.page(VENDORS, tries=caught.value.tries)
    assert asked.call_count == 2


def test_metadata_under_load_is_tried_again(requests_mock):
    address = odata.Resource("SAMINC", "AP", "$metadata").address(SITE["api_url"])
    asked = requests_mock.get(address, status_code=502)
    with pytest.raises(TapError, match="tries: 2"):
        open_session(max_retries=5).metadata("SAMINC", "AP")
    assert asked.call_count == 2  # a run can do without


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (
            refusal(401, ""),
            errors.NoAccessError,
            "and credential_case, now upper: ",
        ),
        (refusal(403, ""), errors.RightsError, "for module AP in the user's security group"),
        (refusal(403, "Forbidden"), errors.RightsError, "User reader may not read APVendors in"),
        (refusal(404, "ResourceNotFound"), errors.UnknownError, "the setting companies"),
        (refusal(404, ""), TapError, "check the settings api_url and companies"),
        (refusal(418, ""), TapError, "HTTP 418"),
    ],
    ids=str,
)
def test_what_cannot_pass_is_tried_once(server, answer, kind, words):
    asked = server(answer)
    with pytest.raises(kind, match=words) as caught:
        open_session(max_retries=5).page(VENDORS)
    assert asked.call_count == 1
    assert "SAMINC" in str(caught.value)


def test_a_refused_query_has_its_own_error_with_a_short_text(server):
    text = "Could not find a property named 'X' " + "y" * 1000
    server(refusal(400, "InvalidParameters", text))
    with pytest.raises(errors.QueryRefusedError, match="Could not find a property named 'X'") as e:
        open_session().page(VENDORS)
    assert len(str(e.value)) < 600


def test_after_the_last_retry_the_sentence_counts_them(server):
    asked = server({"status_code": 500, "text": "<html>secret body</html>"})
    waits = []
    with pytest.raises(TapError, match=r"keeps answering HTTP 500 .*\(tries: 3\)") as caught:
        open_session(waits, max_retries=2).page(VENDORS)
    assert "secret body" not in str(caught.value)
    assert asked.call_count == 3
    assert 0.5 <= waits[0] <= 1.0 <= waits[1] <= 2.0


def test_an_exhausted_pool_is_given_its_rest(server, caplog):
    server({"status_code": 503, "text": "<html>Service Unavailable</html>"})
    waits = []
    settings = {"pool_rest_seconds": 90, "call_budget_pause_seconds": 7}
    with pytest.raises(TapError) as caught:
        open_session(waits, max_retries=2, **settings).page(VENDORS)
    assert str(caught.value) == (
        f"The IIS application pool of Sage 300 at {SITE['api_url']} is exhausted or stopped and "
        "still answered HTTP 503 for APVendors of company SAMINC after 3 tries: lower "
        "max_calls_per_run, now 1400, or have the pool checked; what was read so far is kept"
    )
    assert waits[0] <= 1  # a worker process that was just recycled answers once
    assert waits[1:] == [90]
    assert "the IIS application pool is exhausted (pool_rest_seconds)" in caplog.text


def test_backoff_doubles_to_its_limit():
    assert all(patience.seconds_to_wait(20, None) <= patience.LONGEST_BACKOFF for _ in range(50))
    assert min(patience.seconds_to_wait(20, None) for _ in range(50)) >= 30


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("7", 7, 7),
        ("99999", 300, 300),
        ("later", 0.5, 1),
        ("-5", 0.5, 1),
        ("", 0.5, 1),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.5, 1),
    ],
)
def test_retry_after(header, least, most):
    assert least <= patience.seconds_to_wait(1, header) <= most


def test_retry_after_as_a_date():
    at = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=60)
    assert 55 <= patience.seconds_to_wait(1, email.utils.format_datetime(at, usegmt=True)) <= 60


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_followed(server, status):
    server(refusal(status, "", headers={"Retry-After": "11"}), ONE_ROW)
    waits = []
    open_session(waits, max_retries=1).page(VENDORS)
    assert waits == [11]


def test_redirects_count_against_the_budget(server, requests_mock):
    server({"status_code": 302, "headers": {"Location": "/moved"}})
    moved = requests_mock.get("http://sage.invalid/moved", **ONE_ROW)
    with pytest.raises(errors.CallBudgetError):
        open_session(max_calls_per_run=1).page(VENDORS)
    assert not moved.called
    assert open_session(max_calls_per_run=2).page(VENDORS).records == [{"A": 1}]


@pytest.mark.parametrize(
    "date",
    ["Fri, 31 Dec 9999 23:59:59 -2300", "yesterday", "0", ""],
)
def test_a_date_that_is_none_is_taken_to_be_today(server, date):
    server({**ONE_ROW, "headers": {"Date": date}})
    day = open_session().page(VENDORS).requested_on
    assert abs(day - dt.datetime.now(dt.UTC).date()) <= dt.timedelta(days=1)


def test_endless_redirects_stop(server):
    server({"status_code": 302, "headers": {"Location": ADDRESS}})
    with pytest.raises(TapError, match="not as the Sage 300 Web API"):
        open_session(max_retries=5).page(VENDORS)


def test_retries_count_against_the_budget(server):
    asked = server({"status_code": 503})
    with pytest.raises(errors.CallBudgetError):
        open_session(max_calls_per_run=3, max_retries=9).page(VENDORS)
    assert asked.call_count == 3


def test_waiting_out_the_budget(server):
    asked, waits = server(ONE_ROW), []
    settings = {"on_call_budget": "wait", "call_budget_pause_seconds": 77, "pool_rest_seconds": 5}
    sage = open_session(waits, max_calls_per_run=2, **settings)
    for _ in range(5):
        sage.page(VENDORS)
    assert waits == [77, 77]
    assert sage.limiter.calls == asked.call_count == 5


def test_calls_keep_their_minimum_interval(server):
    server(ONE_ROW)
    waits = []
    sage = open_session(waits, min_call_interval_ms=60_000)
    sage.page(VENDORS)
    sage.page(VENDORS)
    (wait,) = waits
    assert 50 < wait <= 60


def test_the_date_is_that_of_the_request(server):
    server({**ONE_ROW, "headers": {"Date": "Sun, 01 Mar 2026 00:00:00 GMT"}})
    # midnight, less the time the answer took: the request was made the day before
    assert open_session().page(VENDORS).requested_on == dt.date(2026, 2, 28)


@pytest.mark.parametrize(
    ("failure", "verdict"),
    [
        (requests.exceptions.InvalidURL("x"), verdicts.ADDRESS),
        (requests.exceptions.TooManyRedirects(), verdicts.NO_WEB_API),
        (requests.exceptions.ContentDecodingError(), verdicts.GARBLED),
        (requests.exceptions.ProxyError(), verdicts.PROXY),
        (requests.exceptions.SSLError(), verdicts.TLS),
    ],
    ids=repr,
)
def test_exceptions(failure, verdict):
    assert judge_exception(failure) is verdict
