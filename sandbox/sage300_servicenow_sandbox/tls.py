"""A certificate that vouches for itself, made anew at every start."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import typing as t

if t.TYPE_CHECKING:
    from pathlib import Path


class NoTlsError(Exception):
    """TLS was asked for and cannot be had; the message is a sentence for the user."""


def make_context(host: str, folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Make a certificate for a loopback host; return the server's context and the certificate.

    Raises:
        NoTlsError: The package that makes certificates is not installed.
    """
    try:
        from cryptography import x509  # noqa: PLC0415 -- of the extra `tls`
        from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    except ImportError:
        raise NoTlsError(
            "TLS needs the cryptography package; install sage300-servicenow-sandbox[tls]."
        ) from None
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.UTC)
    names: list[x509.GeneralName] = [x509.DNSName("localhost")]
    if host != "localhost":
        names.append(x509.IPAddress(ipaddress.ip_address(host)))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    path, key_path = folder / "certificate.pem", folder / "key.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key_path)
    return context, path
