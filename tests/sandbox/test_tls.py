"""Both servers over https, with a certificate of an authority that nobody knows."""

from __future__ import annotations

import socket
import sys
from urllib.parse import urlsplit

import pytest
import requests

from sage300_servicenow_sandbox import Sandbox, SandboxOptions
from sage300_servicenow_sandbox.faults import read_plan
from sage300_servicenow_sandbox.serving.tls import NoTlsError


@pytest.fixture(scope="module")
def secure(start):
    with start(vendors=3, accounts=44, batches=0, tls=True) as sandbox:
        yield sandbox


def test_a_client_that_trusts_the_authority_is_served(secure):
    url = f"{secure.sage_url}/v1.0/-/SAMINC/AP/APVendors"
    assert url.startswith("https://127.0.0.1:")
    answer = requests.get(url, auth=("INTEGRATION", "SANDBOX"), verify=secure.certificate)
    assert len(answer.json()["value"]) == 3
    context = answer.json()["@odata.context"]
    assert context.startswith(f"{secure.sage_url}/v1.0/")
    table = f"{secure.servicenow_url}/api/now/table/proc_vendor"
    assert requests.get(table, verify=secure.certificate).status_code == 401


def test_other_clients_refuse_the_certificate(secure):
    with pytest.raises(requests.exceptions.SSLError, match="unable to get local issuer"):
        requests.get(secure.sage_url)


def test_a_client_that_never_starts_the_handshake_blocks_nobody(secure):
    address = urlsplit(secure.sage_url)
    with socket.create_connection((address.hostname, address.port), timeout=10):
        answer = requests.get(secure.sage_url, verify=secure.certificate, timeout=10)
    assert answer.status_code == 401


def test_faults_strike_through_tls(secure):
    secure.log.reset()
    rules = [{"fault": "reset", "nth": 1}, {"fault": "cut", "nth": 2}]
    secure.faults.follow(read_plan({"rules": rules}))
    for _ in range(2):
        with pytest.raises(requests.RequestException):
            requests.get(secure.sage_url, verify=secure.certificate)
    assert requests.get(secure.sage_url, verify=secure.certificate).status_code == 401
    assert [entry["fault"] for entry in secure.log.entries()] == ["reset", "cut", None]


def test_without_the_package_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "trustme", None)
    with pytest.raises(NoTlsError) as error, Sandbox(SandboxOptions(tls=True)):
        pass
    assert str(error.value) == (
        "TLS needs the package trustme: install sage300-servicenow-sandbox[tls]"
    )
