"""Amounts of money, each with its currency, and their exact sums. Pure."""

from __future__ import annotations

import typing as t
from decimal import Context, Decimal

from typing_extensions import override

_EXACT = Context(prec=1000)
"""Holds every digit of a sum: an amount has at most 400 on either side of its point."""


class Money(t.NamedTuple):
    """An amount in a currency, written ``USD;10.00``.

    Attributes:
        currency: Its code; "" where the record names none, as in a company with one currency.
        amount: How much; negative for a credit.
    """

    currency: str
    amount: Decimal

    @override
    def __str__(self) -> str:
        """Return it with all its digits and no exponent."""
        return f"{self.currency};{self.amount:f}"

    @classmethod
    def parse(cls, text: str) -> Money | None:
        """Return what `__str__` wrote; None for ""."""
        currency, _, amount = text.rpartition(";")
        return cls(currency, Decimal(amount)) if amount else None


def add(left: Decimal, right: Decimal) -> Decimal:
    """Return the sum, with every digit."""
    return _EXACT.add(left, right)


def subtract(left: Decimal, right: Decimal) -> Decimal:
    """Return the difference, with every digit."""
    return _EXACT.subtract(left, right)
