"""Credentials, headers, methods and connections of the Sage 300 side."""

from __future__ import annotations

import datetime as dt
import socket
from urllib.parse import urlsplit

import pytest
import requests


def test_refuses_without_credentials_with_a_basic_challenge(reader):
    answer = requests.get(reader.url("APVendors"))
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.text.startswith("<!DOCTYPE html")


@pytest.mark.parametrize(
    "credentials",
    [
        ("integration", "SANDBOX"),
        ("INTEGRATION", "sandbox"),
        ("Integration", "Sandbox"),
        ("ADMIN", "ADMIN"),
        ("INTEGRATION", ""),
    ],
)
def test_takes_the_credentials_in_upper_case_only(reader, credentials):
    assert requests.get(reader.url("APVendors"), auth=credentials).status_code == 401


def test_sends_the_headers_of_the_real_one(reader):
    headers = reader.get("APVendors", top=1).headers
    assert headers["Server"] == "Microsoft-IIS/10.0"
    assert headers["Content-Type"] == "application/json; odata.metadata=minimal"
    assert headers["OData-Version"] == "4.0"
    assert headers["Cache-Control"] == "no-cache"
    assert headers["api-supported-versions"] == "1.0"
    assert "ETag" not in headers


def test_dates_its_answers_by_the_sandbox_clock(client):
    client.sandbox.clock.set(dt.datetime(2031, 5, 4, 3, 2, 1, tzinfo=dt.UTC))
    assert client.get("APVendors", top=1).headers["Date"] == "Sun, 04 May 2031 03:02:01 GMT"
    assert requests.get(client.url("APVendors")).headers["Date"] == "Sun, 04 May 2031 03:02:01 GMT"


def test_gives_a_session_cookie_once(start, client_of):
    with start(vendors=1, accounts=1, batches=0) as sandbox:
        client = client_of(sandbox)
        first = client.get("APVendors")
        second = client.get("APVendors")
        client.session.close()
    assert "ASP.NET_SessionId" in first.cookies
    assert "Set-Cookie" not in second.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "HEAD"])
def test_refuses_every_method_but_get(reader, method):
    answer = reader.session.request(method, reader.url("APVendors('1000')"), data=b"{}")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET"
    if method != "HEAD":
        assert answer.json()["error"]["code"] == "MethodNotAllowed"


def test_refuses_a_query_string_longer_than_iis_allows(reader):
    longest = "x=" + "a" * 2046
    assert reader.session.get(reader.url(f"APVendors?{longest}")).status_code == 200
    answer = reader.session.get(reader.url(f"APVendors?{longest}a"))
    assert answer.status_code == 404
    assert "404.15" in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/Sage300WebApi/v1.0/-/NOCOMP/AP/APVendors",
        "/Sage300WebApi/v1.0/-/SAMINC/XX/APVendors",
        "/Sage300WebApi/v1.0/-/SAMINC/GL/APVendors",
        "/Sage300WebApi/v1.0/-/SAMINC/AP/APPayments",
        "/Sage300WebApi/v2.0/-/SAMINC/AP/APVendors",
        "/Sage300WebApi/v1.0/-/SAMINC/AP",
        "/",
    ],
)
def test_answers_404_where_there_is_no_resource(reader, path):
    root = reader.sandbox.sage_url.removesuffix("/Sage300WebApi")
    answer = reader.session.get(root + path)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "ResourceNotFound"


def test_serves_many_requests_on_one_connection(reader):
    address = urlsplit(reader.sandbox.sage_url)
    request = (
        f"GET {urlsplit(reader.url('APVendors')).path}?$top=1 HTTP/1.1\r\n"
        f"Host: {address.netloc}\r\nAuthorization: Basic SU5URUdSQVRJT046U0FOREJPWA==\r\n\r\n"
    ).encode()
    with (
        socket.create_connection((address.hostname, address.port), timeout=10) as connection,
        connection.makefile("rb") as answers,
    ):
        for _ in range(3):
            connection.sendall(request)
            assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
            headers = dict(line.split(b": ", 1) for line in iter(answers.readline, b"\r\n"))
            assert b"Connection" not in headers
            assert answers.read(int(headers[b"Content-Length"])).startswith(b'{"@odata')


def test_closes_the_connection_when_asked_to(reader):
    answer = reader.session.get(
        reader.url("APVendors"), params={"$top": "1"}, headers={"Connection": "close"}
    )
    assert answer.status_code == 200
    assert answer.headers["Connection"] == "close"


@pytest.mark.parametrize("length", ["many", "-3"])
def test_a_malformed_request_ends_with_400_and_does_no_harm(reader, length):
    address = urlsplit(reader.sandbox.sage_url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        head = f"POST / HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: {length}\r\n\r\n"
        connection.sendall(head.encode())
        assert connection.makefile("rb").readline().startswith(b"HTTP/1.1 400 ")
    assert reader.get("APVendors", top=1).status_code == 200


def test_delays_answers_by_the_latency_asked_for(start, client_of):
    with start(vendors=1, accounts=1, batches=0, latency_ms=150) as sandbox:
        client = client_of(sandbox)
        assert client.get("APVendors").elapsed.total_seconds() >= 0.15
        client.session.close()
