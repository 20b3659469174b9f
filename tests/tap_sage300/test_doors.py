"""The tap's doors: what it takes as a setting, whom it talks to, and what it sends there."""

from __future__ import annotations

import logging

import pytest

from tap_sage300 import config
from tap_sage300.api import errors, odata
from tap_sage300.tap import TapSage300

VENDORS = odata.Resource("SAMINC", "AP", "APVendors")
VARIABLE = "TAP_SAGE300_VERIFY_SSL"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((text, True) for text in ("true", " true", "Y", "t", "enabled", "ON ", "1", "\tYes")),
        *((text, False) for text in ("false", "No", "n", "F", " disabled", "off", "0")),
        *((text, None) for text in ("", "  ")),
    ],
)
def test_booleans_of_the_environment(monkeypatch, text, value):
    """Kind: a word that means true, but not to the SDK, turns the check of certificates off."""
    monkeypatch.setenv(VARIABLE, text)
    assert TapSage300.read_environment().get("verify_ssl") is value


@pytest.mark.parametrize("text", ["ja", "2", "true false", "null", "-"])
def test_other_words_are_refused(monkeypatch, text):
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(config.SettingError) as caught:
        TapSage300.read_environment()
    assert str(caught.value) == (
        f"The setting verify_ssl must be true or false (environment variable {VARIABLE})"
    )


def test_netrc_is_never_read(fake, open_session, helpers, tmp_path, monkeypatch):
    """Kind: credentials of somebody else's for the same host, also after a redirect on it."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n", encoding="utf-8")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))

    def answer(request):
        if request.path.endswith("/moved"):
            return helpers.page([])
        return helpers.Response("", 302, {"Location": "/moved"})

    fake.answer = answer
    open_session().page(VENDORS)
    first, second = (request.headers["Authorization"] for request in fake.requests)
    assert first == second != "Basic YTpi"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("path", ["/Sage300WebApi/v1.0/-/SAMINC/AP/APVendors", "/sign-on"])
def test_nothing_reaches_another_server(fake, fake_class, open_session, helpers, status, path):  # noqa: PLR0917
    """Kind: a redirect, by which keys or credentials would go elsewhere: a site that moved."""
    other = fake_class()
    fake.answer = lambda _request: helpers.Response("", status, {"Location": f"{other.host}{path}"})
    with pytest.raises(errors.NoAccessError) as caught:
        open_session(max_retries=5).page(VENDORS)
    other.stop()
    assert str(caught.value) == (
        f"The server at {fake.url} redirects to {other.host} (HTTP {status}), where this tap sends "
        "nothing: if that address is right, use it in the setting api_url"
    )
    assert (len(fake.requests), other.requests) == (1, [])


@pytest.mark.parametrize(
    ("location", "named"),
    [
        ("http://localhost:{port}/x", "http://localhost:{port}"),
        ("//elsewhere.invalid/x", "http://elsewhere.invalid"),
        ("https://127.0.0.1:{port}/x", "https://127.0.0.1:{port}"),
        ("http://127.0.0.1:{port}@elsewhere.invalid/x", "http://elsewhere.invalid"),
        ("http://elsewhere.invalid\\@127.0.0.1:{port}/x", "http://127.0.0.1:{port}"),
        ("file:///etc/hosts", "file://"),
        ("http://[bad", "an address that cannot be read"),
    ],
)
def test_addresses_of_another_server(fake, open_session, location, named):
    """Kind: other ways to write an address that leads away."""
    port = fake.server.server_port

    def moved(_environ, start_response):
        start_response("302 Found", [("Location", location.format(port=port))])
        return [b""]

    fake.answer = lambda _request: moved
    with pytest.raises(errors.NoAccessError) as caught:
        open_session(max_retries=5).page(VENDORS)
    assert str(caught.value).startswith(
        f"The server at {fake.url} redirects to {named.format(port=port)} (HTTP 302), where "
    )
    assert len(fake.requests) == 1


def test_a_link_to_another_server_is_not_followed(fake, fake_class, read, helpers):
    """Kind: the next page, announced under the address of a proxy or of somebody else."""
    other = fake_class()

    def answer(request):
        rows = [] if request.args.keys() & {"$filter", "$skip"} else helpers.vendors("A")
        return helpers.page(rows, link=f"{other.host}/Sage300WebApi/x?$skip=1")

    fake.answer = answer
    assert read().keys() == ["A"]
    other.stop()
    assert other.requests == []


@pytest.mark.parametrize(
    "address",
    [
        "https://ann:hush@sage.example.com/Sage300WebApi",
        "https://ann@sage.example.com/Sage300WebApi",
        "https://sage.example.com/Sage300WebApi?password=hush",
        "https://sage.example.com",
        "ftp://sage.example.com/Sage300WebApi",
        "http://[bad/Sage300WebApi",
    ],
)
def test_an_address_that_is_none_or_holds_a_secret_is_refused(fake_config, address):
    """Kind: a secret in an address, which sentences and logs would show."""
    with pytest.raises(config.SettingError) as caught:
        config.read({**fake_config, "api_url": address})
    assert str(caught.value) == (
        "The setting api_url must be the http or https address of the Web API up to and including "
        "/Sage300WebApi, such as https://sage.example.com/Sage300WebApi, without user name or query"
    )


@pytest.mark.parametrize(
    ("address", "warned"),
    [
        ("http://sage.internal/Sage300WebApi", True),
        ("HTTP://192.0.2.7:8080/Sage300WebApi", True),
        ("http://127.0.0.1:8300/Sage300WebApi", False),
        ("http://[::1]/Sage300WebApi", False),
        ("http://localhost/Sage300WebApi", False),
        ("https://sage.internal/Sage300WebApi", False),
    ],
)
def test_plain_http_is_reported(open_session, caplog, address, warned):
    """Kind: an address by which credentials can be read on the way."""
    open_session(api_url=address)
    expected = (
        "The setting api_url is a plain http address of another machine: user name, password and "
        "all records can be read on the way; give its https address"
    )
    lines = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert lines == [expected] * warned
