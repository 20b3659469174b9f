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

    Attributes:
        company: The company ID.
        vendors: How many vendors it has.
        accounts: How many GL accounts it has.
        batches: How many AP invoice batches it has.
        random_seed: The seed of all that is random.
        day: The day on which its history ends.
        invoices_per_batch: The invoices in each batch; 0, one to six.
        lines_per_invoice: The lines of each invoice; 0, one to four.
    """

    company: str
    vendors: int
    accounts: int
    batches: int
    random_seed: int
    day: dt.date
    invoices_per_batch: int = 0
    lines_per_invoice: int = 0

    def random(self, *of: str | int) -> random.Random:
        """Return the random numbers of one thing, always the same ones."""
        # Not for secrets: the data must come out the same every time.
        return random.Random("/".join(map(str, (self.random_seed, self.company, *of))))  # noqa: S311


@cache
def tables() -> dict[str, t.Any]:
    """Return the tables of codes and words."""
    path = files(__package__) / "tables.yaml"
    content: dict[str, t.Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def cents(amount: Decimal) -> Decimal:
    """Round an amount of money half up, as Sage 300 rounds converted amounts."""
    return amount.quantize(_CENT, ROUND_HALF_UP)
