"""TLS: what the settings say is trusted, whatever the environment says."""

from __future__ import annotations

import typing as t

import certifi
import pytest

from sage300_servicenow_sandbox import Sandbox, SandboxOptions
from target_servicenow.api.errors import StopRunError
from target_servicenow.api.oauth import BasicAuth
from target_servicenow.api.session import Connection, Session

if t.TYPE_CHECKING:
    from collections.abc import Iterator

PATH = "/api/now/table/proc_vendor?sysparm_limit=1"


@pytest.fixture(scope="module")
def secure() -> Iterator[Sandbox]:
    """An instance with a certificate of its own authority."""
    options = SandboxOptions(
        sage_port=0, servicenow_port=0, vendors=1, accounts=1, batches=0, tls=True
    )
    with Sandbox(options) as running:
        yield running


def read(secure: Sandbox, *, verify: bool | str) -> t.Any:
    """Read a table with these settings."""
    connection = Connection(secure.servicenow_url, verify=verify, max_retries=0)
    account = BasicAuth("integration", "sandbox")
    return Session(connection, account).call("GET", PATH, what="reading x").body


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_settings_come_before_the_environment(
    secure: Sandbox, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """Kind: a variable for another program that overrules ca_bundle or verify_ssl."""
    monkeypatch.setenv(variable, certifi.where())
    assert read(secure, verify=str(secure.certificate)) == {"result": []}
    with pytest.warns(Warning, match="certificate verification"):
        assert read(secure, verify=False) == {"result": []}
    monkeypatch.setenv(variable, str(secure.certificate))
    with pytest.raises(StopRunError, match="is not trusted: set ca_bundle"):
        read(secure, verify=certifi.where())
