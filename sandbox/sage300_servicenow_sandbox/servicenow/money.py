"""Amounts of money, as currency, price and FX currency columns keep and show them. Pure.

Such a column keeps an amount in the currency that it was entered in and, at the rate of that
moment, in the instance's reference currency: ``EUR;10;USD;11.5``. A currency or price column shows
it in the session currency of the account that reads, at the rate of that moment, and without a
code; an FX currency column shows it as it was entered.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal

if t.TYPE_CHECKING:
    from collections.abc import Mapping

FX = "currency2"
"""The dictionary's type of an FX currency column."""

TYPES = frozenset({"currency", "price", FX})
"""The dictionary's types of columns that hold money."""

_FX_DIGITS = 12
_AMOUNT = re.compile(r"(?:([A-Z]{3})[;,] ?)?([+-]?[0-9]{1,15}(?:\.[0-9]{0,12})?)")
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
_EXACT = Context(prec=60, rounding=ROUND_HALF_UP)


@dataclass(frozen=True)
class Currencies:
    """The currencies of an instance.

    Attributes:
        session: The currency of the account's locale.
        reference: The currency of the instance's locale.
        rates: What one euro is in each currency; the instance has no others.
        digits: The decimal places of currency and price columns.
    """

    session: str
    reference: str
    rates: Mapping[str, Decimal]
    digits: int

    def convert(self, amount: Decimal, code: str, into: str, kind: str) -> Decimal:
        """Return an amount of one currency in another one."""
        if code != into:
            amount = _EXACT.divide(amount * self.rates[into], self.rates[code])
        digits = _FX_DIGITS if kind == FX else self.digits
        return amount.quantize(Decimal(1).scaleb(-digits), context=_EXACT)


def keep(kind: str, text: str, currencies: Currencies) -> str | None:
    """Return an amount as its column keeps it, None if the value is dropped.

    A number without a code is taken in the session currency; an FX currency column then keeps 0.
    """
    found = _read(text, currencies)
    if found is None:
        return None
    code, amount = found
    if kind == FX and not text.startswith(code):
        amount = Decimal(0)
    kept = currencies.convert(amount, code, code, kind)
    reference = currencies.convert(kept, code, currencies.reference, kind)
    return f"{code};{plain(kept)};{currencies.reference};{plain(reference)}"


def show(kind: str, kept: str, currencies: Currencies) -> tuple[str, str]:
    """Return the value of a column, and its display value for an American."""
    code, amount = part(kept, 0), Decimal(part(kept, 1))
    if kind == FX:
        return entered(kept), _symbol(code, amount)
    amount = currencies.convert(amount, code, currencies.session, kind)
    return plain(amount), _symbol(currencies.session, amount)


def literal(kind: str, text: str, currencies: Currencies) -> str | None:
    """Return an amount of a query as it is compared: as entered, or in the reference currency."""
    kept = keep(kind, text, currencies)
    if kept is None:
        return None
    return entered(kept) if kind == FX else part(kept, 3)


def entered(kept: str) -> str:
    """Return an amount as it was entered, such as ``EUR;10``."""
    return ";".join(kept.split(";")[:2])


def part(kept: str, number: int) -> str:
    """Return a part of what a column keeps: code, amount, reference code, reference amount."""
    return kept.split(";")[number] if kept else ""


class ReferenceSum:
    """The sum of a column in the reference currency, with its code.

    It is empty over nothing, and ``;`` where there are several reference currencies.
    """

    def __init__(self) -> None:
        """Start at zero."""
        self._total = Decimal(0)
        self._codes: set[str] = set()

    def step(self, kept: t.Any) -> None:
        """Add one value."""
        if kept:
            self._codes.add(part(kept, 2))
            self._total = _EXACT.add(self._total, Decimal(part(kept, 3)))

    def finalize(self) -> t.Any:
        """Return the total."""
        if len(self._codes) > 1:
            return ";"
        return f"{code};{plain(self._total)}" if (code := "".join(self._codes)) else ""


def plain(number: Decimal) -> str:
    """Return a number without an exponent and without zeros at its end."""
    whole, _, places = f"{number.copy_abs():f}".partition(".")
    places = places.rstrip("0")
    sign = "-" if number < 0 else ""
    return f"{sign}{whole}.{places}" if places else f"{sign}{whole}"


def _read(text: str, currencies: Currencies) -> tuple[str, Decimal] | None:
    found = _AMOUNT.fullmatch(text)
    if found is None or (found[1] and found[1] not in currencies.rates):
        return None
    return found[1] or currencies.session, Decimal(found[2])


def _symbol(code: str, amount: Decimal) -> str:
    """Write an amount with two to four places, as in the United States."""
    text = f"{abs(amount):,.4f}"
    while text.endswith("0") and text[-3] != ".":
        text = text[:-1]
    return f"{'-' if amount < 0 else ''}{_SYMBOLS.get(code, code + ' ')}{text}"
