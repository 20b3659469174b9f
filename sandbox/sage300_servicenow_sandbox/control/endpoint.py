"""What a control endpoint is, what it is called with, and how it refuses."""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sage300_servicenow_sandbox.systems import Systems

T = t.TypeVar("T")

_NUMBER: t.Final = re.compile("[0-9]{1,9}")
_VARIABLE: t.Final = re.compile(r"<(?:[^:>]+:)?(\w+)>")


class CallRefusedError(Exception):
    """A call is refused; the text is the sentence of the answer.

    Attributes:
        status: The HTTP status of the answer.
    """

    def __init__(self, status: int, sentence: str) -> None:
        """Keep the HTTP status and the sentence."""
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True)
class Call:
    """One call of a control endpoint.

    Attributes:
        systems: What it looks at or changes.
        content: The body of the request.
        query: The parameters of its query string.
    """

    systems: Systems
    content: bytes
    query: Mapping[str, str]

    def selected(self, items: Iterable[T], text: Callable[[T], str]) -> list[T]:
        """Return the items that hold `contains` in their text, whatever its case, up to `limit`.

        Both are parameters of the query string; without them, all items.

        Raises:
            CallRefusedError: The limit is not a whole number.
        """
        wanted, limit = self.query.get("contains", "").casefold(), self.query.get("limit")
        if limit is not None and not _NUMBER.fullmatch(limit):
            raise CallRefusedError(400, f"limit={limit} is not a whole number of items")
        found = (item for item in items if not wanted or wanted in text(item).casefold())
        return list(islice(found, None if limit is None else int(limit)))

    @property
    def body(self) -> dict[str, t.Any]:
        """The body's JSON object, numbers with a fraction as Decimal.

        Raises:
            CallRefusedError: The body is not a JSON object.
        """
        try:
            body = json.loads(self.content, parse_float=Decimal)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise CallRefusedError(400, "The body must be a JSON object")
        return body


@dataclass(frozen=True)
class Endpoint:
    """A control endpoint.

    Attributes:
        method: The HTTP method.
        path: The path below /_sandbox/, as a werkzeug routing rule.
        run: Takes the call and the path's variables by name; returns the answer, JSON text. Its
            docstring describes the endpoint.
    """

    method: str
    path: str
    run: Callable[..., str]

    @property
    def shown(self) -> str:
        """Method and path as people read them, variables in braces."""
        path = _VARIABLE.sub(r"{\1}", self.path)
        return f"{self.method} /_sandbox/{path}"

    @property
    def text(self) -> str:
        """What the endpoint does, in one line."""
        return " ".join((self.run.__doc__ or "").split())
