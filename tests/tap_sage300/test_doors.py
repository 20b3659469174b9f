"""The tap's doors: booleans of the environment, and ``~/.netrc``."""

from __future__ import annotations

import logging

import pytest

from tap_sage300 import config
from tap_sage300.api import odata, session
from tap_sage300.tap import TapSage300

VENDORS = odata.Resource("SAMINC", "AP", "APVendors")
VARIABLE = "TAP_SAGE300_VERIFY_SSL"


@pytest.fixture
def open_session(fake_config):
    """Make a session that does not wait between tries."""

    def make(**changes):
        given = config.read({**fake_config, **changes})
        logger = logging.getLogger("tap-sage300-test")
        connection = given.connection(given.password)
        return session.SageSession(connection, logger, sleep=lambda _seconds: None)

    return make


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
