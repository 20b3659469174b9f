"""Expressions of a mapping: simpleeval, the language of Singer stream maps, compiled once."""

from __future__ import annotations

import ast
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from simpleeval import DEFAULT_OPERATORS, EvalWithCompoundTypes, InvalidExpression, NameNotDefined

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MISSING: Any = type("Missing", (), {"__repr__": lambda _: "MISSING"})()
"""What an expression gives when the record does not hold a property it names."""

PARENT = "parent"
"""Inside `each`, the record around the entry: ``parent.BatchStatus``."""


REMEMBERED = 256
"""Results an expression over one property remembers."""


class MappingError(Exception):
    """The mapping is wrong. The message is one sentence that names the table and the column."""


class RecordError(Exception):
    """The record does not fit the mapping. The message is one sentence for the ledger."""


def _first(*values: Any) -> Any:
    """The first value that is not empty."""
    return next((value for value in values if value not in (None, "")), "")


def _join(separator: str, *values: Any) -> str:
    """The values that are not empty, with the separator between them."""
    return separator.join(str(value).strip() for value in values if str(value or "").strip())


def _optional_field(fields: Any, name: str) -> str:
    """The value of an optional field, from a record's list of them; "" when it has none.

    Raises:
        ValueError: that is no list of optional fields.
    """
    listed = fields or []
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise ValueError("that is no list of optional fields")
    for one in listed:
        if one.get("OptionalField") == name:
            return str(one.get("Value") or "").strip()
    return ""


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "str": str,
    "int": int,
    "decimal": lambda value: Decimal(str(value)),
    "len": len,
    "first": _first,
    "join": _join,
    "optional_field": _optional_field,
}
"""What a mapping may call. No float: amounts stay exact."""


class _ExactNumbers(ast.NodeTransformer):
    """``0.5`` in a mapping means the decimal 0.5."""

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        if isinstance(node.value, float):
            exact: Any = Decimal(repr(node.value))
            return ast.copy_location(ast.Constant(exact), node)
        return node


class Property:
    """A property by its name, whatever characters that holds."""

    def __init__(self, name: str) -> None:
        """Name it."""
        self.text = name
        self.name: str | None = name
        """The property, when the expression is nothing else."""
        self.names = {name}
        """Every property the expression reads."""
        self.parent_names: set[str] = set()
        """Every property it reads of the record around the entry."""

    def __call__(self, record: Mapping[str, Any]) -> Any:
        """The value for one record; MISSING when the record lacks the property."""
        return record.get(self.text, MISSING)


class Expression(Property):
    """One compiled expression."""

    def __init__(self, text: str) -> None:
        """Compile it.

        Raises:
            MappingError: it is not an expression, or calls what it may not.
        """
        self.text = text
        try:
            tree = ast.parse(text.strip(), mode="eval")
        except (SyntaxError, ValueError) as error:
            raise MappingError(f"{text!r} is not an expression ({error})") from None
        called = {
            node.func.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        if unknown := called - FUNCTIONS.keys():
            raise MappingError(
                f"{text!r} calls {min(unknown)}; a mapping can call {', '.join(sorted(FUNCTIONS))}"
            )
        body = _ExactNumbers().visit(tree.body)
        self.name = body.id if isinstance(body, ast.Name) else None
        self.names = {
            node.id for node in ast.walk(body) if isinstance(node, ast.Name)
        } - FUNCTIONS.keys()
        """Every property the expression reads."""
        self.parent_names = {
            node.attr
            for node in ast.walk(body)
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == PARENT
        }
        """Every property it reads of the record around the entry."""
        self._only = next(iter(self.names)) if len(self.names) == 1 else None
        self._known: dict[str, Any] = {}
        """Results by text, of an expression over one property: most have few values."""
        self._body = body
        self._plain = _plain_call(body)
        self._evaluator = EvalWithCompoundTypes(
            operators=DEFAULT_OPERATORS, functions=dict(FUNCTIONS), names={}
        )

    def __call__(self, record: Mapping[str, Any]) -> Any:
        """The value for one record; MISSING when the record lacks a property.

        Raises:
            RecordError: the record's values do not fit the expression.
        """
        if self.name is not None:
            return record.get(self.name, MISSING)
        if self._only is None:
            return self._evaluate(record)
        text = record.get(self._only)
        if type(text) is not str:
            return self._evaluate(record)
        if text not in self._known:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[text] = self._evaluate(record)
        return self._known[text]

    def _evaluate(self, record: Mapping[str, Any]) -> Any:
        self._evaluator.names = record
        try:
            if self._plain is not None:
                function, arguments = self._plain
                values = [
                    record.get(one.id, MISSING) if isinstance(one, ast.Name) else one.value
                    for one in arguments
                ]
                return MISSING if MISSING in values else function(*values)
            return self._evaluator.eval(self.text, previously_parsed=self._body)
        except NameNotDefined:
            return MISSING
        except (InvalidExpression, ArithmeticError, TypeError, ValueError, LookupError) as error:
            raise RecordError(f"{self.text!r} cannot be worked out: {error}") from None


def _plain_call(
    body: ast.expr,
) -> tuple[Callable[..., Any], list[ast.Name | ast.Constant]] | None:
    """Function and arguments of a call with nothing but properties and constants.

    Most expressions that are more than a property are one, and need no evaluator.
    """
    if not isinstance(body, ast.Call) or not isinstance(body.func, ast.Name) or body.keywords:
        return None
    arguments = [one for one in body.args if isinstance(one, ast.Name | ast.Constant)]
    return (FUNCTIONS[body.func.id], arguments) if len(arguments) == len(body.args) else None
