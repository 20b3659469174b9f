"""Names in a mapping: its own fields, and ServiceNow's tables and columns."""

from __future__ import annotations

import re
import typing as t

from target_servicenow.mapping.expression import MappingError

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def reserved(column: str, source_column: str) -> str:
    """Return why no value can be written to a column, as a clause, or "".

    A value of the source's in the identity of a row would make the next run lose that row.
    """
    if column.lower() == source_column.lower():
        return "holds the source identifiers (source_column)"
    if column.lower().startswith("sys_"):
        return "belongs to ServiceNow, as all sys_ columns do"
    return "" if column else "has no name"


def check_columns(source_column: str, columns: Sequence[str], place: str) -> None:
    """Refuse columns that cannot be written, or that are none.

    Raises:
        MappingError: The first of them; the sentence begins with `place`.
    """
    only_names([source_column, *columns], place)
    if why := reserved(source_column, ""):
        raise MappingError(f"{place}: source_column {source_column} {why}: name another column")
    for column in columns:
        if why := reserved(column, source_column):
            raise MappingError(
                f"{place}, column {column}: it cannot be mapped, since it {why}: remove it, or "
                "name another column"
            )


def only_text(names: Iterable[t.Any], place: str) -> None:
    """Refuse names that are not text: YAML reads a bare ``on``, ``no`` or ``2026`` as no text.

    Raises:
        MappingError: The first of them; the sentence begins with `place`.
    """
    for name in names:
        if not isinstance(name, str):
            raise MappingError(f"{place}: the name {name!r} is not text: put it in quotes")


def only_names(names: Iterable[str], place: str) -> None:
    """Refuse names that ServiceNow has not; in a query they could be read as more than a name.

    Raises:
        MappingError: The first of them; the sentence begins with `place`.
    """
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9_]+", name):
            raise MappingError(
                f"{place}: {name!r} is not the name of a table or column in ServiceNow, which is "
                "made of letters, digits and underscores"
            )


def only_known(data: Mapping[str, t.Any], known: set[str], place: str) -> None:
    """Refuse fields that a mapping does not have.

    Raises:
        MappingError: The first of them; the sentence begins with `place`.
    """
    for field in data:
        if field not in known:
            raise MappingError(f"{place}: {field!r} is not one of {', '.join(sorted(known))}")
