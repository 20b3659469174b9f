"""Expressions of a mapping: simpleeval, the language of Singer stream maps, compiled once."""

from __future__ import annotations

import ast
import typing as t
from decimal import Decimal

from simpleeval import EvalWithCompoundTypes, InvalidExpression, NameNotDefined
from typing_extensions import override

from target_servicenow.errors import TargetError
from target_servicenow.mapping.functions import FUNCTIONS, METHODS, OPERATORS, bounded

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


_CALLABLE = FUNCTIONS | {f".{name}": method for name, method in METHODS.items()}
"""Functions by their names, and methods by theirs with a dot."""

_REFUSED = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Starred, ast.Lambda)
"""What could make much of little."""


class _Rewriter(ast.NodeTransformer):
    """Makes ``0.5`` the decimal 0.5, and ``parent.X`` and ``record['X']`` one name each.

    A call of a method becomes one of a function, ``X.upper()`` as ``.upper(X)``, which checks what
    it is called with.
    """

    @override
    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Attribute):
            name = ast.copy_location(ast.Name(f".{node.func.attr}", ast.Load()), node)
            node = ast.copy_location(
                ast.Call(name, [node.func.value, *node.args], node.keywords), node
            )
        return self.generic_visit(node)

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
            body = _Rewriter().visit(ast.parse(text.strip(), mode="eval").body)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise MappingError(
                f"{text!r} is not an expression ({error}); a property of any name is written as "
                "record['Vendor Number']"
            ) from None
        called = [node.func for node in ast.walk(body) if isinstance(node, ast.Call)]
        _check(text, body, {node.id for node in called if isinstance(node, ast.Name)})
        self.name = body.id if isinstance(body, ast.Name) else None
        self.names = {
            node.id for node in ast.walk(body) if isinstance(node, ast.Name) and node not in called
        }
        self._paths = [
            node for node in ast.walk(body) if isinstance(node, ast.Attribute | ast.Subscript)
        ]
        self._only = next(iter(self.names)) if len(self.names) == 1 else None
        self._cache: dict[str, t.Any] = {}
        self._body = body
        self._plain_call = _plain_call(body)
        self._evaluator = _Evaluator(operators=OPERATORS, functions=dict(_CALLABLE), names={})

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
                return MISSING if MISSING in values else bounded(function(*values))
            return bounded(self._evaluator.eval(self.text, previously_parsed=self._body))
        except NameNotDefined:
            return MISSING
        except RecursionError:
            raise RecordError(f"{self.text[:80]!r}... is nested too deeply") from None
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


def _check(text: str, body: ast.AST, called: set[str]) -> None:
    """Check what an expression calls and how it is built.

    Raises:
        MappingError: It could run away, or calls what a mapping cannot.
    """
    for name in sorted(called - _CALLABLE.keys()):
        known = METHODS if name.startswith(".") else FUNCTIONS
        raise MappingError(f"{text!r} calls {name}; a mapping can call {', '.join(sorted(known))}")
    for node in ast.walk(body):
        if isinstance(node, _REFUSED) or (
            isinstance(node, ast.FormattedValue) and node.format_spec
        ):
            raise MappingError(
                f"{text!r} is not an expression that a mapping can hold: it must be without loops, "
                "functions of its own and formats"
            )


def _plain_call(
    body: ast.expr,
) -> tuple[Callable[..., t.Any], list[ast.Name | ast.Constant]] | None:
    """Return function and arguments of a call of properties and constants alone, else None.

    Most expressions that are more than a property are such a call, and need no evaluator.
    """
    if not isinstance(body, ast.Call) or not isinstance(body.func, ast.Name) or body.keywords:
        return None
    arguments = [node for node in body.args if isinstance(node, ast.Name | ast.Constant)]
    return (_CALLABLE[body.func.id], arguments) if len(arguments) == len(body.args) else None
