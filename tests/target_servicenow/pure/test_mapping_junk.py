"""No value that YAML can hold makes reading a mapping fail: it serves, or a sentence says why."""

from __future__ import annotations

import datetime as dt
import typing as t
from copy import deepcopy

from target_servicenow.mapping.expression import MappingError
from target_servicenow.mapping.parse import parse

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

JUNK = [
    *(None, True, 7, 1.5, "", "x(", "no such thing", [], {}, [[]], [None], [{}], {"a": 1}),
    *({"a": {"b": []}}, {True: "x"}, dt.date(2026, 1, 31), {"value": ["x"]}, {"reference": []}),
]


def places(data: t.Any) -> Iterator[tuple[t.Any, ...]]:
    """Every place in a mapping's data, as the keys that lead to it."""
    inner = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in inner:
        yield (key,)
        if isinstance(value, dict | list):
            yield from ((key, *rest) for rest in places(value))


def refusal(data: t.Any) -> str:
    """What is said of a mapping; "" when it is sound."""
    try:
        parse(data, "mine")
    except MappingError as error:
        return str(error)
    return ""


def test_nothing_that_yaml_can_hold_is_a_traceback(
    sound: dict[str, t.Any], subtests: pytest.Subtests
) -> None:
    whole = {**sound, "rules": {"center": [{"when": "A", "code": "B"}, {"otherwise": "none"}]}}
    whole["tables"]["vendor"].update(
        where="A", create_when="B", optional=True, when_gone={"active": "false"}
    )
    for place in places(whole):
        for junk in JUNK:
            data = deepcopy(whole)
            inner = data
            for key in place[:-1]:
                inner = inner[key]
            inner[place[-1]] = junk
            with subtests.test(place=place, junk=junk):
                said = refusal(data)
                assert said.startswith("Mapping mine") or not said
                assert "\n" not in said
