"""Which columns of a table hold the amount of money that a row stands for. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from decimal import Decimal

from target_servicenow.mapping.expression import MappingError
from target_servicenow.mapping.names import only_known
from target_servicenow.mapping.types import ColumnType
from target_servicenow.money import Money

if t.TYPE_CHECKING:
    from collections.abc import Mapping

_FIELDS = {"amount", "currency", "credit"}
_NUMERIC = {ColumnType.DECIMAL, ColumnType.INTEGER, ColumnType.CURRENCY}


@dataclass(frozen=True)
class MoneyColumns:
    """The columns of a table that tell how much money a row stands for.

    Attributes:
        amount: The column that holds the amount.
        currency: The column that holds its code, unless the amount is of type currency, which holds
            its own.
        credit: The value of each column that marks a row as a credit, whose amount is negative.
    """

    amount: str
    currency: str | None = None
    credit: Mapping[str, str] = field(default_factory=dict)

    def of(self, values: Mapping[str, str]) -> Money | None:
        """Return the amount of a row; None where it has none.

        Args:
            values: Its columns in ServiceNow's string forms.
        """
        text = values.get(self.amount)
        if not text:
            return None
        code, _, number = text.rpartition(";")
        if not code and self.currency is not None:
            code = values.get(self.currency, "").strip().upper()
        amount = Decimal(number)
        if self.credit and all(values.get(name) == mark for name, mark in self.credit.items()):
            amount = amount.copy_negate()
        return Money(code, amount)


def parse_money(data: t.Any, types: Mapping[str, ColumnType], place: str) -> MoneyColumns | None:
    """Check a table's ``money``.

    Args:
        data: What the mapping says; None where it says nothing.
        types: The types of the table's columns that have a value of their own.
        place: Where that is, for the sentence.

    Raises:
        MappingError: It is not valid.
    """
    if data is None:
        return None
    if not isinstance(data, dict) or not data.get("amount"):
        raise MappingError(f"{place}: money needs amount, the column that holds the amount")
    only_known(data, _FIELDS, f"{place}, money")
    credit = data.get("credit", {})
    if not isinstance(credit, dict):
        raise MappingError(
            f"{place}: credit in money must give the value of each column that marks a credit"
        )
    money = MoneyColumns(
        amount=str(data["amount"]),
        currency=str(data["currency"]) if "currency" in data else None,
        credit={str(name): str(value) for name, value in credit.items()},
    )
    for name in (money.amount, money.currency, *money.credit):
        if name is not None and name not in types:
            raise MappingError(
                f"{place}: money names {name}, which is not one of its columns with a value: name "
                "another one, or remove it with money: null"
            )
    kind = types[money.amount]
    if kind not in _NUMERIC:
        raise MappingError(
            f"{place}: money names {money.amount} as its amount, which is of type {kind}: it must "
            "be of type decimal, integer or currency"
        )
    if money.currency is None and kind is not ColumnType.CURRENCY:
        raise MappingError(
            f"{place}: money needs currency, the column that holds the code, unless its amount is "
            "of type currency, which holds its own"
        )
    return money
