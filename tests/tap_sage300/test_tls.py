"""TLS: an unknown authority stops the tap, a named one is trusted, and the check can be off."""

from __future__ import annotations

import datetime as dt
import ipaddress
import logging
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tap_sage300 import config
from tap_sage300.api import odata, session
from tap_sage300.errors import TapError

VENDORS = odata.Resource("SAMINC", "AP", "APVendors")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate for 127.0.0.1, in files."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder


@pytest.fixture
def secure(fake, fake_config, certificate):
    """The fake server behind TLS, and a session made with further settings."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "ca.pem", certificate / "key.pem")
    fake.server.socket = context.wrap_socket(fake.server.socket, server_side=True)
    url = fake.url.replace("http://", "https://")

    def read(**changes):
        given = config.read({**fake_config, "api_url": url, **changes})
        logger = logging.getLogger("tap-sage300-test")
        return session.SageSession(given.connection(given.password), logger).page(VENDORS)

    return read


def test_an_unknown_authority_is_not_tried_again(secure, fake):
    with pytest.raises(TapError, match="is not trusted: set ca_bundle"):
        secure(max_retries=3)
    assert fake.requests == []


def test_a_named_authority_is_trusted(secure, certificate, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "nowhere.pem")  # must not overrule the setting
    assert secure(ca_bundle=str(certificate / "ca.pem")).records == []


def test_the_check_can_be_off(secure, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "nowhere.pem")
    assert secure(verify_ssl=False).records == []


def test_the_authority_of_the_environment_counts_where_none_is_set(
    secure, certificate, monkeypatch
):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate / "ca.pem"))
    assert secure().records == []
