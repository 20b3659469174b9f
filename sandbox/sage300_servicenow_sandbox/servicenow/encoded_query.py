"""Parsing encoded queries such as `active=true^nameLIKEpaper^ORDERBYname`. Pure.

`^` is AND, `^OR` binds to the condition beside it, `^NQ` starts another group of conditions, any
one of which suffices. There is no escape for `^`, nor for `,` in IN and `@` in BETWEEN.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Collection

_OPERATORS = (
    "!=",
    "<=",
    ">=",
    "=",
    "<",
    ">",
    "NOT LIKE",
    "LIKE",
    "STARTSWITH",
    "ENDSWITH",
    "NOT IN",
    "IN",
    "ISEMPTY",
    "ISNOTEMPTY",
    "EMPTYSTRING",
    "ANYTHING",
    "BETWEEN",
    "SAMEAS",
)
_CONDITION = re.compile(f"([a-z0-9_.]+)({'|'.join(_OPERATORS)})(.*)", re.DOTALL)
# Nothing between two separators, and the mark that ServiceNow's own lists end a query with.
_NO_TERMS = frozenset({"", "EQ", "OR", "NQ"})


@dataclass(frozen=True)
class Condition:
    """One comparison; `field` may be dot-walked."""

    field: str
    operator: str
    value: str


@dataclass(frozen=True)
class Order:
    """One column to sort by."""

    field: str
    descending: bool


AnyOf = tuple[Condition, ...]
AllOf = tuple[AnyOf, ...]


@dataclass(frozen=True)
class EncodedQuery:
    """A parsed query.

    Attributes:
        groups: The groups of conditions, any of which must hold; without any, all rows match.
        orders: What to sort by.
        dropped: The terms that are not conditions.
    """

    groups: tuple[AllOf, ...]
    orders: tuple[Order, ...]
    dropped: tuple[str, ...]

    def without(self, operators: Collection[str]) -> EncodedQuery:
        """Return the query as it is where some operators are not understood."""
        kept = [
            [tuple(term for term in any_of if term.operator not in operators) for any_of in group]
            for group in self.groups
        ]
        lost = [
            f"{term.field}{term.operator}{term.value}"
            for group in self.groups
            for any_of in group
            for term in any_of
            if term.operator in operators
        ]
        return EncodedQuery(
            tuple(parts for group in kept if (parts := tuple(filter(None, group)))),
            self.orders,
            (*self.dropped, *lost),
        )


def parse(text: str) -> EncodedQuery:
    """Parse an encoded query.

    A term that is not a condition (an empty one, an unknown operator) is dropped, as the real
    parser drops it: `^^^` matches every row.
    """
    groups: list[list[list[Condition]]] = [[]]
    orders: list[Order] = []
    dropped: list[str] = []
    for term in text.split("^"):
        if term.startswith("ORDERBY"):
            descending = term.startswith("ORDERBYDESC")
            name = term.removeprefix("ORDERBYDESC" if descending else "ORDERBY")
            orders.append(Order(name, descending))
            continue
        if term.startswith("NQ"):
            groups.append([])
        beside = term.startswith("OR")
        condition = _condition(term[2:] if term.startswith(("NQ", "OR")) else term)
        if condition is None:
            dropped += [term] if term not in _NO_TERMS else []
            continue
        if beside and groups[-1]:
            groups[-1][-1].append(condition)
        else:
            groups[-1].append([condition])
    return EncodedQuery(
        tuple(tuple(tuple(any_of) for any_of in group) for group in groups if group),
        tuple(orders),
        tuple(dropped),
    )


def _condition(term: str) -> Condition | None:
    found = _CONDITION.fullmatch(term)
    return Condition(*found.groups()) if found else None
