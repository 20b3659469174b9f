"""The report as one file of HTML that needs nothing else and fits into a megabyte."""

from __future__ import annotations

import base64
import hashlib
import typing as t
from importlib import resources

from jinja2 import Environment, FunctionLoader, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps

from target_servicenow.report.lives import lives
from target_servicenow.report.view import page

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from target_servicenow.report.facts import Facts

LARGEST: t.Final = 1_000_000
"""Bytes of a page."""

_LISTS: t.Final = (500, 200, 100, 50, 20, 10, 5, 2, 1)
"""How many items a list may show; the first with which the page fits is taken."""

_RESERVE: t.Final = 2000
"""Bytes for the search, and for what the page says of the records that it leaves out."""

_FILES = resources.files("target_servicenow.report") / "files"


def render(facts: Facts) -> bytes:
    """Return the page, in UTF-8 and of at most `LARGEST` bytes.

    Lists are shortened until it fits, and the room that is left takes the lives of as many records
    as it can.
    """
    known = [(life, len(htmlsafe_json_dumps(life)) + 2) for life in lives(facts)]
    for most in _LISTS:
        room = LARGEST - len(_html(facts, most, [])) - _RESERVE
        if room > LARGEST // 4:
            break
    return _html(facts, most, _fitting(known, room))


def _fitting(known: Sequence[tuple[dict[str, t.Any], int]], room: int) -> list[dict[str, t.Any]]:
    """Return the first records that fit into so many bytes."""
    taken = []
    for life, size in known:
        room -= size
        if room < 0:
            break
        taken.append(life)
    return taken


def _html(facts: Facts, most: int, known: Sequence[dict[str, t.Any]]) -> bytes:
    script = _read("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    # Whatever else a name from Sage might do, it can neither run nor load anything.
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline';"
        f" script-src 'sha256-{digest}'"
    )
    environment = Environment(
        loader=FunctionLoader(_read),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("page.html").render(
        page=page(facts, most),
        lives=known,
        left_out=len(facts.lives) - len(known),
        style=_read("page.css"),
        script=script,
        policy=policy,
    )
    return text.encode("utf-8", "replace")  # halves of surrogate pairs


def _read(name: str) -> str:
    return (_FILES / name).read_text(encoding="utf-8")
