"""What a failed answer says of itself. Pure."""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

if t.TYPE_CHECKING:
    from collections.abc import Iterator

MESSAGE_LIMIT = 200
"""Characters of Sage's own message that are quoted."""
PAGE_LIMIT = 20_000
"""Characters of a page of the web server that are searched for what is recognized."""

_TAG = re.compile(r"<[^>]*>")
_NOT_PRINTED = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]+")


@dataclass(frozen=True)
class SageMessage:
    """Code and message of Sage's error body; both empty when the body is something else.

    Attributes:
        code: One of the codes of the developer reference.
        message: Its message, then those of its ``innererror``; in one line, as long as sent.
    """

    code: str = ""
    message: str = ""

    @property
    def quoted(self) -> str:
        """The message as a sentence may hold it: bounded, in double quotes, empty if there is none.

        The quotes inside become single ones.
        """
        if not self.message:
            return ""
        text = self.message.replace('"', "'")
        text = text if len(text) <= MESSAGE_LIMIT else f"{text[: MESSAGE_LIMIT - 3].rstrip()}..."
        return f'"{text}"'


@dataclass(frozen=True)
class Answer:
    """An answer that is not what was requested.

    Attributes:
        status: Its HTTP status.
        message: What Sage 300 says in it.
        page: The text of a page that is not Sage's; it is never quoted.
        offered: The ways to sign on that a 401 offers.
        elsewhere: Where a redirect leads that is not followed.
        was_served: The same resource was served before in this run.
        was_accepted: The sign-on was accepted before in this run.
    """

    status: int
    message: SageMessage = field(default_factory=SageMessage)
    page: str = ""
    offered: str = ""
    elsewhere: str = ""
    was_served: bool = False
    was_accepted: bool = False


def read_message(content: bytes | bytearray) -> SageMessage:
    """Read ``{"error": {"code": ..., "message": {"value": ...}}}``, or a plain message.

    ASP.NET's own errors have no code and a ``Message``, and ``innererror`` says what happened.
    """
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return SageMessage()
    error = body.get("error", body) if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return SageMessage()
    code = error.get("code")
    texts = dict.fromkeys(map(in_one_line, _messages(error)))
    return SageMessage(
        in_one_line(code) if isinstance(code, str) else "", " ".join(filter(None, texts))
    )


def _messages(error: dict[str, t.Any]) -> Iterator[str]:
    inner: t.Any = error
    while isinstance(inner, dict):
        for name in ("message", "Message", "ExceptionMessage"):
            text = inner.get(name)
            text = text.get("value") if isinstance(text, dict) else text
            if isinstance(text, str):
                yield text
        inner = inner.get("innererror") or inner.get("internalexception")


def in_one_line(text: str) -> str:
    """Replace line breaks, control characters and runs of blanks by one blank each."""
    return _NOT_PRINTED.sub(" ", text).strip()


def page_text(content: bytes | bytearray) -> str:
    """Return the text of a page of the web server, without tags."""
    return in_one_line(_TAG.sub(" ", content[:PAGE_LIMIT].decode("utf-8", "replace")))


def origin(address: str, target: str) -> str:
    """Return scheme, host and port that a redirect leads to, as a sentence may hold them.

    Args:
        address: The address that was asked for.
        target: The redirect's ``Location``.
    """
    try:
        url = urlsplit(urljoin(address, target))
        default = {"http": 80, "https": 443}.get(url.scheme)
        port = "" if url.port in {None, default} else f":{url.port}"
    except ValueError:
        return "an address that cannot be read"
    return in_one_line(f"{url.scheme}://{url.hostname or ''}{port}")[:MESSAGE_LIMIT]
