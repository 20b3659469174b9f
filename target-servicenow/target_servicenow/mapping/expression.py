"""Expressions of a mapping: simpleeval, the language of Singer stream maps, compiled once."""

from __future__ import annotations

import ast
import typing as t
from decimal import Decimal

from simpleeval import DEFAULT_OPERATORS, EvalWithCompoundTypes, InvalidExpression, NameNotDefined
from typing_extensions import override

from target_servicenow.errors import TargetError

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MISSING: t.Any = type("Missing", (), {"__repr__": lambda _: "MISSING"})()
"""The value of an expression when the record lacks a property it names."""

PARENT = "parent"
"""Inside `each`, the record around the entry: ``parent.BatchStatus``."""

RECORD = "record"
"""As in stream maps, a property of any name: ``record['Vendor Number']``."""

CACHED_RESULTS = 256
"""Results that an expression over one property keeps; most properties have few values."""


class MappingError(TargetError):
    """The mapping is wrong; the sentence names the table and the column."""


class RecordError(Exception):
    """The record does not fit the mapping; the message is a clause for the ledger."""


def parent_name(name: str) -> str:
    """Return the name by which an expression looks up a property of the parent record."""
    return f"{PARENT}.{name}"


def _first(*values: t.Any) -> t.Any:
    """Return the first value that is not empty."""
    return next((value for value in values if value not in (None, "")), "")


def _join(separator: str, *values: t.Any) -> str:
    """Join the values that are not empty."""
    return separator.join(str(value).strip() for value in values if str(value or "").strip())


def _optional_field(fields: t.Any, name: str) -> str:
    """Return the value of an optional field from a record's list of them, or "".

    Raises:
        ValueError: The value is not a list of optional fields.
    """
    listed = fields or []
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        raise ValueError("not a list of optional fields")
    for item in listed:
        if item.get("OptionalField") == name:
            return str(item.get("Value") or "").strip()
    return ""


FUNCTIONS: dict[str, Callable[..., t.Any]] = {
    "str": str,
    "int": int,
    "decimal": lambda value: Decimal(str(value)),
    "len": len,
    "first": _first,
    "join": _join,
    "optional_field": _optional_field,
}
"""Functions that a mapping may call. No float: amounts stay exact."""


class _Rewriter(ast.NodeTransformer):
    """Makes ``0.5`` the decimal 0.5, and ``parent.X`` and ``record['X']`` one name each."""

    @override
    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        if isinstance(node.value, float):
            exact: t.Any = Decimal(repr(node.value))
            return ast.copy_location(ast.Constant(exact), node)
        return node

    @override
    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.value.id == PARENT:
            return ast.copy_location(ast.Name(parent_name(node.attr), ast.Load()), node)
        return self.generic_visit(node)

    @override
    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        name = node.slice.value if isinstance(node.slice, ast.Constant) else None
        if isinstance(node.value, ast.Name) and isinstance(name, str):
            if node.value.id == PARENT:
                name = parent_name(name)
            if node.value.id in {PARENT, RECORD}:
                return ast.copy_location(ast.Name(name, ast.Load()), node)
        return self.generic_visit(node)


class _Evaluator(EvalWithCompoundTypes):  # type: ignore[misc]  # simpleeval is not typed
    """simpleeval without its walk through whole values.

    simpleeval searches every container it touches for functions and modules, so that a batch of
    400 invoices is searched 400 times. A record is JSON and holds neither, and what an expression
    builds itself was checked part by part.
    """

    @override
    def _check_disallowed_items(self, item: t.Any) -> None:
        if not isinstance(item, dict | list):
            super()._check_disallowed_items(item)


class Property:
    """A property by its name, whatever characters that has.

    Attributes:
        text: The expression as it is written.
        name: The property, when the expression is nothing else.
        names: Every property the expression reads; those of the parent as ``parent.X``.
    """

    def __init__(self, name: str) -> None:
        """Keep the name."""
        self.text = name
        self.name: str | None = name
        self.names = {name}

    def __call__(self, record: Mapping[str, t.Any]) -> t.Any:
        """Return the value for one record; MISSING when the record lacks the property."""
        return record.get(self.text, MISSING)


class Expression(Property):
    """One compiled expression."""

    def __init__(self, text: str) -> None:
        """Compile the text.

        Raises:
            MappingError: It is not an expression, or calls an unknown function.
        """
        self.text = text
        try:
            tree = ast.parse(text.strip(), mode="eval")
        except (SyntaxError, ValueError) as error:
            raise MappingError(
                f"{text!r} is not an expression ({error}); a property of any name is written as "
                "record['Vendor Number']"
            ) from None
        called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        functions = [node for node in called if isinstance(node, ast.Name)]
        if unknown := {node.id for node in functions} - FUNCTIONS.keys():
            raise MappingError(
                f"{text!r} calls {min(unknown)}; a mapping can call {', '.join(sorted(FUNCTIONS))}"
            )
        body = _Rewriter().visit(tree.body)
        self.name = body.id if isinstance(body, ast.Name) else None
        self.names = {
            node.id
            for node in ast.walk(body)
            if isinstance(node, ast.Name) and node not in functions
        }
        self._paths = [
            node
            for node in ast.walk(body)
            if isinstance(node, ast.Attribute | ast.Subscript) and node not in called
        ]
        self._only = next(iter(self.names)) if len(self.names) == 1 else None
        self._cache: dict[str, t.Any] = {}
        self._body = body
        self._plain_call = _plain_call(body)
        self._evaluator = _Evaluator(
            operators=DEFAULT_OPERATORS, functions=dict(FUNCTIONS), names={}
        )

    @override
    def __call__(self, record: Mapping[str, t.Any]) -> t.Any:
        """Return the value for one record; MISSING when the record lacks a property.

        Raises:
            RecordError: The record's values do not fit the expression.
        """
        if self.name is not None:
            return record.get(self.name, MISSING)
        if self._only is None:
            return self._evaluate(record)
        text = record.get(self._only)
        if type(text) is not str:
            return self._evaluate(record)
        if text not in self._cache:
            if len(self._cache) >= CACHED_RESULTS:
                self._cache.clear()
            self._cache[text] = self._evaluate(record)
        return self._cache[text]

    def _evaluate(self, record: Mapping[str, t.Any]) -> t.Any:
        self._evaluator.names = record
        try:
            if self._plain_call is not None:
                function, arguments = self._plain_call
                values = [
                    record.get(node.id, MISSING) if isinstance(node, ast.Name) else node.value
                    for node in arguments
                ]
                return MISSING if MISSING in values else function(*values)
            return self._evaluator.eval(self.text, previously_parsed=self._body)
        except NameNotDefined:
            return MISSING
        except (InvalidExpression, ArithmeticError, TypeError, ValueError, LookupError) as error:
            if self._leads_nowhere():
                return MISSING
            raise RecordError(f"{self.text!r} cannot be evaluated: {error}") from None

    def _leads_nowhere(self) -> bool:
        """Tell whether a path such as ``Address.City`` goes through an object that is not there."""
        for node in self._paths:
            try:
                around = self._evaluator.eval(self.text, previously_parsed=node.value)
                name = (
                    node.attr if isinstance(node, ast.Attribute) else ast.literal_eval(node.slice)
                )
            except (InvalidExpression, ArithmeticError, TypeError, ValueError, LookupError):
                continue
            if around is None or (isinstance(around, dict) and name not in around):
                return True
        return False


def _plain_call(
    body: ast.expr,
) -> tuple[Callable[..., t.Any], list[ast.Name | ast.Constant]] | None:
    """Return function and arguments of a call of properties and constants alone, else None.

    Most expressions that are more than a property are such a call, and need no evaluator.
    """
    if not isinstance(body, ast.Call) or not isinstance(body.func, ast.Name) or body.keywords:
        return None
    arguments = [node for node in body.args if isinstance(node, ast.Name | ast.Constant)]
    return (FUNCTIONS[body.func.id], arguments) if len(arguments) == len(body.args) else None
