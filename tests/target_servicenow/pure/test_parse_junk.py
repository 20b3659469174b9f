"""Junk in place of any value of a mapping: parsing accepts it or reports what is wrong."""

from __future__ import annotations

import datetime as dt
import itertools
import typing as t
from copy import deepcopy

from target_servicenow.mapping.expression import MappingError
from target_servicenow.mapping.parse import parse

if t.TYPE_CHECKING:
    from collections.abc import Iterator

JUNK = [
    *(None, True, 7, 1.5, "", "x(", "no such thing", [], {}, [[]], [None], [{}], {"a": 1}),
    *({"a": {"b": []}}, {True: "x"}, dt.date(2026, 1, 31), {"value": ["x"]}, {"reference": []}),
]


def paths(data: t.Any) -> Iterator[tuple[t.Any, ...]]:
    """The path of keys to every value."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        yield (key,)
        if isinstance(value, dict | list):
            yield from ((key, *rest) for rest in paths(value))


def mistake(mapping: dict[str, t.Any], path: tuple[t.Any, ...], value: t.Any) -> str:
    """The message for a mapping with a value replaced; "" when it is still valid."""
    mapping = deepcopy(mapping)
    parent: t.Any = mapping
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = value
    try:
        parse(mapping, "mine")
    except MappingError as error:
        return str(error)
    return ""


def test_junk_anywhere_in_a_mapping(valid_mapping: dict[str, t.Any]) -> None:
    rules = {"center": [{"when": "A", "code": "B"}, {"otherwise": "none"}]}
    mapping = {**valid_mapping, "rules": rules}
    mapping["tables"]["vendor"].update(
        where="A", create_when="B", optional=True, when_gone={"active": "false"}
    )
    for path, junk in itertools.product(paths(mapping), JUNK):
        message = mistake(mapping, path, junk)
        assert message.startswith("Mapping mine") or not message, (path, junk)
        assert "\n" not in message, (path, junk)
