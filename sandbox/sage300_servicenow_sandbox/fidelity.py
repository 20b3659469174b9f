"""How true the sandbox is, as a page: `python -m sage300_servicenow_sandbox.fidelity`.

Prints docs/fidelity.md, made from the three fidelity.yml files.
"""

from __future__ import annotations

import sys
import typing as t
from dataclasses import dataclass
from importlib.resources import files

import yaml

if t.TYPE_CHECKING:
    from collections.abc import Iterator

_SIDES: t.Final = (
    ("Sage 300 Web API", "sage300_servicenow_sandbox.sage"),
    ("ServiceNow", "sage300_servicenow_sandbox.servicenow"),
    ("Both: the frame around them", "sage300_servicenow_sandbox"),
)
_HEAD: t.Final = """# How true the sandbox is

One row for each endpoint and quirk: what the sandbox does, how sure it is that the real system
does the same, and the test that fails when the sandbox stops doing it. *Documented* is what the
vendor says, *measured* what others saw on real servers, *assumed* where the public record is
silent. A switch in the first column changes the row (`PATCH /_sandbox/sage300/behaviours`,
`PATCH /_sandbox/servicenow/behaviours`).

Made by `python -m sage300_servicenow_sandbox.fidelity`.
"""


@dataclass(frozen=True)
class Row:
    """One endpoint or quirk; `ask` is what to try on a real server, where it is assumed."""

    about: str
    does: str
    sure: str
    source: str
    test: str
    switch: str = ""
    ask: str = ""


def sides() -> dict[str, list[Row]]:
    """Return the rows of each side, by its title."""
    return {
        title: [
            Row(**row)
            for row in yaml.safe_load((files(package) / "fidelity.yml").read_text(encoding="utf-8"))
        ]
        for title, package in _SIDES
    }


def page() -> str:
    """Return the page as Markdown."""
    return "\n".join([_HEAD, *_tables(), *_questions()])


def _tables() -> Iterator[str]:
    for title, rows in sides().items():
        counts = ", ".join(
            f"{sum(row.sure == sure for row in rows)} {sure}"
            for sure in ("documented", "measured", "assumed")
        )
        yield f"## {title}\n\n{len(rows)} rows: {counts}.\n"
        yield "| What | The sandbox | How sure | Source | Test |\n|---|---|---|---|---|"
        for row in rows:
            switch = f" (`{row.switch}`)" if row.switch else ""
            cells = (row.about + switch, row.does, row.sure, row.source, f"`{row.test}`")
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
        yield ""


def _questions() -> Iterator[str]:
    yield "## To settle on real servers\n"
    for title, rows in sides().items():
        asked = [row.ask for row in rows if row.ask]
        if asked:
            yield f"### {title}\n"
            yield from (f"{number}. {question}" for number, question in enumerate(asked, 1))
            yield ""


if __name__ == "__main__":
    sys.stdout.buffer.write(page().encode())
