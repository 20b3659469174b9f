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

from tap_sage300 import errors, odata, session, settings

ABOUT = {"company": "SAMINC", "module": "AP", "resource": "APVendors"}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that vouches for itself, in files."""
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
    fake._server.socket = context.wrap_socket(fake._server.socket, server_side=True)
    url = fake.url.replace("http://", "https://")

    def get(**changes):
        given = settings.read({**fake_config, "api_url": url, **changes})
        sage = session.SageSession(given, given.password, logging.getLogger("tap-sage300-test"))
        return sage.get(lambda _halvings: url, odata.parse_page, ABOUT)

    return get


def test_an_unknown_authority_is_not_tried_again(secure, fake):
    with pytest.raises(errors.TapError, match="is not trusted: set ca_bundle") as caught:
        secure(max_retries=3)
    assert caught.value.kind is errors.Kind.CONFIG
    assert fake.requests == []


def test_a_named_authority_is_trusted(secure, certificate, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "nowhere.pem")  # must not overrule the setting
    assert secure(ca_bundle=str(certificate / "ca.pem")).content.records == []


def test_the_check_can_be_off(secure, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "nowhere.pem")
    assert secure(verify_ssl=False).content.records == []


def test_the_authority_of_the_environment_counts_where_none_is_set(
    secure, certificate, monkeypatch
):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate / "ca.pem"))
    assert secure().content.records == []
