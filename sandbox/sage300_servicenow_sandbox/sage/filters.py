"""`$filter` to SQL: the V4 dialect, as strict about types as the library Sage 300 uses.

Comparisons follow OData's rule for null (only `eq null` and `ne` hold), text is compared byte by
byte. Nothing of the filter becomes part of the SQL text: literals are bound.
"""

from __future__ import annotations

import datetime as dt
import re
import typing as t
from dataclasses import dataclass

from odata_query import ast
from odata_query.exceptions import ODataException, UnknownFunctionException
from odata_query.grammar import ODataLexer, ODataParser
from odata_query.visitor import NodeVisitor
from typing_extensions import override

from sage300_servicenow_sandbox.sage.errors import invalid_parameters
from sage300_servicenow_sandbox.sage.store import Sql, column

if t.TYPE_CHECKING:
    from sage300_servicenow_sandbox.sage.behaviours import Comparison, DateLiterals
    from sage300_servicenow_sandbox.sage.model import Property
    from sage300_servicenow_sandbox.sage.resources import Resource

_OPERATORS: t.Final = {
    ast.Eq: ("Equal", "IS"),
    ast.NotEq: ("NotEqual", "IS NOT"),
    ast.Lt: ("LessThan", "<"),
    ast.LtE: ("LessThanOrEqual", "<="),
    ast.Gt: ("GreaterThan", ">"),
    ast.GtE: ("GreaterThanOrEqual", ">="),
}
_EDM: t.Final = {
    "string": "Edm.String",
    "decimal": "Edm.Decimal",
    "int32": "Edm.Int32",
    "int64": "Edm.Int64",
    "date": "Edm.DateTimeOffset",
    "time": "Edm.DateTimeOffset",
    "boolean": "Edm.Boolean",
}
_DEEPEST: t.Final = 40
_QUOTED_DATE: t.Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:T00:00:00Z?)?")
_LARGEST_INTEGER: t.Final = 2**63 - 1


@dataclass(frozen=True)
class _Term(Sql):
    """SQL with the EDM type of what it gives, and the property whose enum that is."""

    edm: str
    enum: Property | None = None


class _Lexer(ODataLexer):
    """The library's lexer, which otherwise reads `AllocationsAllowed` as `all` and a rest."""

    tokens = ODataLexer.tokens
    ANY = r"any\b"  # type: ignore[assignment]
    ALL = r"all\b"  # type: ignore[assignment]
    NOT = r"not(?:\s+|(?=\())"  # type: ignore[assignment]


class _V3Lexer(_Lexer):
    """Reads dates as OData V3 writes them, and no others."""

    tokens = _Lexer.tokens

    @override
    @_(r"datetime'[^']*'")  # type: ignore[name-defined, untyped-decorator, unused-ignore]  # noqa: F821
    def DATETIME(self, token: t.Any) -> t.Any:
        token.value = ast.DateTime(token.value.removeprefix("datetime'")[:-1] + "Z")
        return token


def where(
    resource: Resource, text: str, dates: DateLiterals, comparison: Comparison = "binary"
) -> Sql:
    """Translate a filter on a resource to an SQL condition.

    Args:
        resource: The resource.
        text: The filter.
        dates: How dates are written.
        comparison: How text is compared.

    Raises:
        SageError: InvalidParameters, where the real server would refuse the filter.
    """
    try:
        lexer = _V3Lexer() if dates == "v3" else _Lexer()
        tree = ODataParser().parse(lexer.tokenize(text.strip()))
        condition: _Term = _Translator(resource, dates, comparison).visit(tree)
    except UnknownFunctionException as error:
        raise invalid_parameters(
            f"An unknown function with name '{error.function_name}' was found. This may also be "
            "a function import or a key lookup on a navigation property, which is not allowed."
        ) from None
    except ODataException:
        raise invalid_parameters(f"Syntax error in the filter expression '{text}'.") from None
    return _boolean(condition)


def unknown_property(resource: Resource, name: str) -> Exception:
    """Return the refusal of a property that the resource lacks; its wording was captured."""
    type_name = f"{resource.namespace}.{resource.record_type.name}"
    return invalid_parameters(f"Could not find a property named '{name}' on type '{type_name}'.")


class _Translator(NodeVisitor):  # type: ignore[misc, unused-ignore]
    """Visits the parsed filter; each visit returns SQL."""

    def __init__(self, resource: Resource, dates: DateLiterals, comparison: Comparison) -> None:
        self._resource = resource
        self._dates = dates
        self._collation = " COLLATE NOCASE" if comparison == "ignore_case" else ""
        self._depth = 0

    @override
    def visit(self, node: ast._Node) -> _Term:
        """Translate a node, unless it lies deeper than SQLite's own parser could follow."""
        if self._depth == _DEEPEST:
            raise invalid_parameters(f"The filter is nested deeper than {_DEEPEST} levels.")
        self._depth += 1
        term: _Term = super().visit(node)
        self._depth -= 1
        return term

    @override
    def generic_visit(self, node: ast._Node) -> _Term:
        """Refuse what the Web API's documents never mention: lambdas, arithmetic, lists."""
        raise invalid_parameters(f"{type(node).__name__} is not supported in a filter.")

    def visit_Identifier(self, node: ast.Identifier) -> _Term:  # noqa: N802
        prop = self._resource.record_type.properties.get(node.name)
        if prop is None or prop.kind == "collection" or node.namespace:
            raise unknown_property(self._resource, ".".join((*node.namespace, node.name)))
        text = column(self._resource, prop.name)
        if prop.members:
            type_name = self._resource.enum_name(self._resource.record_type.name, prop)
            return _Term(text, (), type_name, enum=prop)
        return _Term(text, (), _EDM[prop.kind])

    def visit_String(self, node: ast.String) -> _Term:  # noqa: N802
        return _Term("?", (node.val,), "Edm.String")

    def visit_Integer(self, node: ast.Integer) -> _Term:  # noqa: N802
        value = node.py_val
        return _Term("?", (value if abs(value) <= _LARGEST_INTEGER else float(value),), "Edm.Int32")

    def visit_Float(self, node: ast.Float) -> _Term:  # noqa: N802
        return _Term("?", (node.py_val,), "Edm.Decimal")

    def visit_Boolean(self, node: ast.Boolean) -> _Term:  # noqa: N802
        return _Term("?", (int(node.py_val),), "Edm.Boolean")

    def visit_Null(self, _node: ast.Null) -> _Term:  # noqa: N802
        return _Term("NULL", (), "null")

    def visit_Date(self, node: ast.Date) -> _Term:  # noqa: N802
        return _Term("?", (node.val,), "Edm.Date")

    def visit_DateTime(self, node: ast.DateTime) -> _Term:  # noqa: N802
        if self._dates == "quoted":
            raise invalid_parameters(f"Unrecognized literal '{node.val}'.")
        try:
            instant = node.py_val
        except ValueError:
            raise invalid_parameters(f"Unrecognized date '{node.val}'.") from None
        if instant.tzinfo is None or instant.microsecond:
            raise invalid_parameters(
                f"Unrecognized 'Edm.DateTimeOffset' literal '{node.val}': whole seconds and an "
                "offset are expected, such as 2024-01-01T00:00:00Z."
            )
        return _Term(
            "?", (f"{instant.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}",), "Edm.DateTimeOffset"
        )

    def visit_Compare(self, node: ast.Compare) -> _Term:  # noqa: N802
        if type(node.comparator) not in _OPERATORS:
            return self.generic_visit(node.comparator)
        name, operator = _OPERATORS[type(node.comparator)]
        left, right = self.visit(node.left), self.visit(node.right)
        if self._dates == "quoted" and left.edm == "Edm.DateTimeOffset":
            right = _quoted_date(right)
        _check_comparable(name, left, right)
        collation = self._collation if left.edm == right.edm == "Edm.String" else ""
        text = f"({left.text} {operator} {right.text}{collation})"
        return _Term(text, left.values + right.values, "Edm.Boolean")

    def visit_BoolOp(self, node: ast.BoolOp) -> _Term:  # noqa: N802
        operands = [_boolean(self.visit(operand)) for operand in _chain(node)]
        operator = " AND " if isinstance(node.op, ast.And) else " OR "
        return _Term(
            "(" + operator.join(operand.text for operand in operands) + ")",
            tuple(value for operand in operands for value in operand.values),
            "Edm.Boolean",
        )

    def visit_UnaryOp(self, node: ast.UnaryOp) -> _Term:  # noqa: N802
        if isinstance(node.op, ast.USub):
            return self.generic_visit(node.op)
        operand = _boolean(self.visit(node.operand))
        # A comparison with null is false in OData, unknown in SQL.
        return _Term(f"({operand.text} IS NOT TRUE)", operand.values, "Edm.Boolean")

    def visit_Call(self, node: ast.Call) -> _Term:  # noqa: N802
        function = _FUNCTIONS.get(node.func.name)
        if function is None:
            raise UnknownFunctionException(node.func.name)
        arguments = [self.visit(argument) for argument in node.args]
        for argument in arguments:
            if argument.edm != "Edm.String":
                raise invalid_parameters(
                    f"No function signature for the function with name '{node.func.name}' "
                    f"matches the specified arguments."
                )
        template, edm = function
        text = template.format(*(argument.text for argument in arguments))
        # An argument that the template names twice is bound twice.
        order = [int(part[0]) for part in template.split("{")[1:]]
        values = tuple(value for index in order for value in arguments[index].values)
        return _Term(text, values, edm)


_FUNCTIONS: t.Final = {
    "startswith": ("(substr({0}, 1, length({1})) = {1})", "Edm.Boolean"),
    "endswith": ("(length({1}) = 0 OR substr({0}, -length({1})) = {1})", "Edm.Boolean"),
    "contains": ("(instr({0}, {1}) > 0)", "Edm.Boolean"),
    "length": ("length({0})", "Edm.Int32"),
}
_NUMBERS: t.Final = {"Edm.Decimal", "Edm.Int32", "Edm.Int64"}


def _chain(node: ast.BoolOp) -> list[ast._Node]:
    """Return the operands of `a and b and c`, which the parser nests to the left."""
    operands: list[ast._Node] = []
    left: ast._Node = node
    while isinstance(left, ast.BoolOp) and left.op == node.op:
        operands.append(left.right)
        left = left.left
    return [left, *reversed(operands)]


def _quoted_date(term: _Term) -> _Term:
    """Read text as a date, at midnight; leave everything else to the type check."""
    found = _QUOTED_DATE.fullmatch(str(term.values[0])) if term.edm == "Edm.String" else None
    return _Term("?", (f"{found[1]}T00:00:00Z",), "Edm.DateTimeOffset") if found else term


def _boolean(condition: _Term) -> _Term:
    if condition.edm != "Edm.Boolean":
        raise invalid_parameters("The filter is not a condition: it is neither true nor false.")
    return condition


def _check_comparable(operator: str, left: _Term, right: _Term) -> None:
    if left.edm == right.edm or "null" in (left.edm, right.edm):
        return
    if left.edm in _NUMBERS and right.edm in _NUMBERS:
        return
    if left.enum and right.edm == "Edm.String" and operator in ("Equal", "NotEqual"):
        _check_member(left.enum, right.values[0])
        return
    raise invalid_parameters(
        "A binary operator with incompatible types was detected. Found operand types "
        f"'{left.edm}' and '{right.edm}' for operator kind '{operator}'."
    )


def _check_member(enum: Property, member: str) -> None:
    if member not in (enum.members or ()):
        raise invalid_parameters(
            f"The string '{member}' is not a valid enumeration type constant of '{enum.name}'."
        )
