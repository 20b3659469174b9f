"""The password: settings first, then the operating system's credential store."""

from __future__ import annotations

import importlib

import keyring
import keyring.backend
import keyring.errors
import pytest

from tap_sage300 import config, credentials
from tap_sage300.errors import TapError


class Store(keyring.backend.KeyringBackend):
    """A credential store in memory."""

    priority = 1

    def __init__(self):
        super().__init__()
        self.held = {}

    def get_password(self, service, username):
        if self.held is None:
            raise keyring.errors.KeyringLocked("locked")
        return self.held.get((service, username))

    def set_password(self, service, username, password):
        self.held[service, username] = password


@pytest.fixture
def store():
    before, ours = keyring.get_keyring(), Store()
    keyring.set_keyring(ours)
    yield ours
    keyring.set_keyring(before)


@pytest.fixture
def given(fake_config):
    def make(**changes):
        return config.read({**fake_config, **changes})

    return make


@pytest.mark.usefixtures("store")
def test_the_setting_comes_first(given):
    read = given(password="Mine1")
    keyring.set_password(read.api_url, read.username, "Stored1")
    assert credentials.password(read) == "Mine1"


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("absent", [None, ""])
def test_an_absent_password_is_looked_up(given, absent):
    read = given(password=absent)
    keyring.set_password(read.api_url, read.username, "Stored1")
    assert credentials.password(read) == "Stored1"


@pytest.mark.usefixtures("store")
def test_a_stored_password_opens_the_session(site, helpers):
    keyring.set_password(site.url, "integration", "sandbox")
    config = {**site.config, "password": None}
    assert helpers.sync(config).records("APVendors")


@pytest.mark.usefixtures("store")
def test_nothing_stored(given):
    with pytest.raises(
        TapError,
        match=r"setting password is missing, .* and user reader: give the setting, or store",
    ):
        credentials.password(given(password=None))


def test_a_store_that_does_not_open(store, given):
    store.held = None
    with pytest.raises(TapError, match=r"cannot be opened .KeyringLocked.: unlock it"):
        credentials.password(given(password=None))


def test_without_the_extra(given, monkeypatch):
    real = importlib.import_module

    def missing(name, *rest):
        if name == "keyring":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(TapError, match=r"install tap-sage300\[keyring\]"):
        credentials.password(given(password=None))


@pytest.mark.parametrize(
    ("policy", "case", "password", "accepted"),
    [
        ("before_2022_2", "upper", "sandbox", True),
        ("before_2022_2", "upper_user", "sandbox", False),
        ("simple", "upper", "sandbox", True),
        ("simple", "as_given", "sandbox", True),
        ("complex", "upper", "SandBox", False),
        ("complex", "upper_user", "SandBox", True),
        ("complex", "as_given", "SandBox", True),
    ],
)
def test_the_case_of_a_password(site, helpers, policy, case, password, accepted):  # noqa: PLR0917
    """Kind: a right password that is refused, since Sage 300 treats its case otherwise."""
    site.behave(password_policy=policy)
    config = {**site.config, "credential_case": case, "password": password}
    output, failure = helpers.interrupted(config, catalog=helpers.only("APVendors"))
    assert (len(output.records("APVendors")) == 50) is accepted
    assert accepted or f"credential_case, now {case}: upper suits" in str(failure)
