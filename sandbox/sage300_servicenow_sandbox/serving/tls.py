"""A certificate for https, issued at every start by an authority of its own."""

from __future__ import annotations

import ssl
import typing as t

from sage300_servicenow_sandbox.errors import SandboxError

if t.TYPE_CHECKING:
    from pathlib import Path


class NoTlsError(SandboxError):
    """TLS is not available."""


def make_context(host: str, folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Issue a certificate for a loopback host.

    Returns:
        The server's context, and the authority's certificate: the file that a client trusts.

    Raises:
        NoTlsError: The package that makes certificates is not installed.
    """
    try:
        import trustme  # noqa: PLC0415 -- of the extra `tls`
    except ImportError:
        raise NoTlsError(
            "TLS needs the package trustme: install sage300-servicenow-sandbox[tls]"
        ) from None
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host, "localhost").configure_cert(context)
    path = folder / "certificate.pem"
    authority.cert_pem.write_to_path(path)
    return context, path
