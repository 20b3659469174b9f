"""The lines of the checklist that ``--test`` prints."""

from __future__ import annotations

import enum
import typing as t
from collections import Counter
from dataclasses import dataclass

from typing_extensions import override

if t.TYPE_CHECKING:
    from collections.abc import Iterable


class Level(enum.StrEnum):
    """How much a finding matters."""

    OK = "ok"
    UNTESTED = "untested"  # it could not be seen, and the sentence says why
    WARNING = "warning"  # something would be missing or altered without an error from ServiceNow
    ERROR = "error"  # the table cannot be written as mapped


@dataclass(frozen=True)
class Finding:
    """One line of the checklist.

    Attributes:
        table: The table; "" for what is about none.
        right: The right that it is about, where another check may say more; else "".
    """

    table: str
    level: Level
    sentence: str
    right: str = ""

    @override
    def __str__(self) -> str:
        """Return the line."""
        return f"{self.level:<9}{self.sentence}"


def summary(findings: Iterable[Finding]) -> str:
    """Return the last line of the checklist."""
    counts = Counter(finding.level for finding in findings)
    return (
        f"{_several(counts.total(), 'check')}: {counts[Level.OK]} ok, "
        f"{counts[Level.UNTESTED]} untested, "
        f"{_several(counts[Level.WARNING], 'warning')}, {_several(counts[Level.ERROR], 'error')}"
    )


def _several(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
