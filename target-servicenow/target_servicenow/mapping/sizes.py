"""How large the values of a mapped column are, where the mapping says so."""

from __future__ import annotations

import typing as t

from target_servicenow.mapping.expression import MappingError
from target_servicenow.mapping.types import ColumnType

if t.TYPE_CHECKING:
    from collections.abc import Mapping

_WITH_PLACES = {ColumnType.DECIMAL, ColumnType.CURRENCY}


def length_of(spec: Mapping[str, t.Any], kind: ColumnType, place: str) -> int:
    """Return the most characters of a text; 0 where the mapping does not say.

    That of another type does not count: an override that changes the type leaves it behind.

    Raises:
        MappingError: It is not a length; the sentence begins with `place`.
    """
    length = _whole(spec.get("length", 0), f"{place}: length")
    return length if kind is ColumnType.STRING and not spec.get("choices") else 0


def places_of(spec: Mapping[str, t.Any], kind: ColumnType, place: str) -> int | None:
    """Return the most decimal places of a number; None where the mapping does not say.

    Those of another type do not count, as in `length_of`.

    Raises:
        MappingError: It is not a number of places; the sentence begins with `place`.
    """
    places = _whole(spec.get("places", 0), f"{place}: places")
    return places if kind in _WITH_PLACES and "places" in spec else None


def _whole(value: t.Any, place: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise MappingError(f"{place} is {value!r}: it must be a whole number")
    return value
