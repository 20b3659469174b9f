"""What a company is generated from: its plan, and the tables of codes and words."""

from __future__ import annotations

import random
import typing as t
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from importlib.resources import files

import yaml

if t.TYPE_CHECKING:
    import datetime as dt

_CENT = Decimal("0.01")


@dataclass(frozen=True)
class CompanyPlan:
    """All that decides what a company looks like: the same plan gives the same records.

    `day` is the day on which the company's history ends.
    """

    company: str
    vendors: int
    accounts: int
    batches: int
    random_seed: int
    day: dt.date

    def random(self, *of: str | int) -> random.Random:
        """Return the random numbers of one thing, the same whenever it is asked for."""
        # Not for secrets: the data have to come out the same every time.
        return random.Random("/".join(map(str, (self.random_seed, self.company, *of))))  # noqa: S311


@cache
def tables() -> dict[str, t.Any]:
    """Return the tables of codes and words."""
    path = files("sage300_servicenow_sandbox.sage") / "data" / "company.yaml"
    content: dict[str, t.Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def cents(amount: Decimal) -> Decimal:
    """Round an amount of money half up, as Sage 300 rounds converted amounts."""
    return amount.quantize(_CENT, ROUND_HALF_UP)
