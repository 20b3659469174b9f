"""How Sage 300 refuses: its error codes, and IIS's own pages."""

from __future__ import annotations

import json


class SageError(Exception):
    """A refusal in Sage 300's error form, `{"error": {"code", "message": {"lang", "value"}}}`.

    Codes are those of Sage's developer reference; the HTTP status of RecordNotFound is
    documented, the others are the natural reading.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        """Keep the HTTP status, Sage's error code and the text for people."""
        super().__init__(message)
        self.status = status
        self.code = code

    def body(self) -> bytes:
        """Return the response body."""
        message = {"lang": "en-US", "value": str(self)}
        return json.dumps({"error": {"code": self.code, "message": message}}).encode()


def invalid_parameters(message: str) -> SageError:
    """Refuse a query option or a filter."""
    return SageError(400, "InvalidParameters", message)


def record_not_found(resource: str, key: str) -> SageError:
    """Refuse a key that no record has."""
    return SageError(404, "RecordNotFound", f"Record not found: {resource}({key}).")


def resource_not_found(path: str) -> SageError:
    """Refuse a path that names no company, module or resource."""
    return SageError(404, "ResourceNotFound", f"Resource not found: {path}")


def forbidden(message: str) -> SageError:
    """Refuse what the user has no right to."""
    return SageError(403, "Forbidden", message)


def iis_page(title: str, detail: str) -> bytes:
    """Return the HTML that IIS sends when a request never reaches Sage 300's own code."""
    return (
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" '
        '"http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">\r\n'
        '<html xmlns="http://www.w3.org/1999/xhtml">\r\n'
        f"<head><title>{title}</title></head>\r\n"
        f"<body><h1>Server Error</h1><h2>{title}</h2><h3>{detail}</h3></body>\r\n"
        "</html>\r\n"
    ).encode()
