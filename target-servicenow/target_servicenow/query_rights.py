"""Checking that the account may make the queries that find rows.

To read a column is one right, to query it for certain values (``query_match``) another, and to
query it for the beginning of a value (``query_range``) a third. ServiceNow refuses a query whose
right is missing.
"""

from __future__ import annotations

import typing as t
from urllib.parse import quote, urlencode

from target_servicenow.api import batch
from target_servicenow.api.errors import Action
from target_servicenow.findings import Finding, Level

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from target_servicenow.mapping.profile import Table

_OPERATORS = {"query_match": "IN", "query_range": "STARTSWITH"}
_NOTHING = ":~"
"""A value that no row has."""


def try_out(table: Table) -> Iterator[batch.Item]:
    """Yield a request for each right that finding the rows of a table takes; it finds none."""
    for right, columns in needed(table).items():
        for column in columns:
            parameters = urlencode(
                {
                    "sysparm_query": f"{column}{_OPERATORS[right]}{_NOTHING}",
                    "sysparm_fields": "sys_id",
                    "sysparm_limit": "1",
                    "sysparm_no_count": "true",
                },
                quote_via=quote,
            )
            address = f"/api/now/table/{quote(table.name, safe='')}?{parameters}"
            what = f"looking up {table.name}"
            yield batch.Item(_name(table, right, column), "GET", address, what=what)


def check(table: Table, answers: Mapping[str, batch.ItemReply]) -> Iterator[Finding]:
    """Yield a line for each right, by the answers to `try_out`: an error where it is missing."""
    for right, columns in needed(table).items():
        denied = {
            column: answer.verdict.text
            for column in columns
            if (answer := answers.get(_name(table, right, column)))
            and answer.verdict.action is Action.DENIED
        }
        if denied:
            names = " and ".join(denied)
            yield Finding(
                table.name,
                Level.ERROR,
                f"ServiceNow does not let the integration user query {table.name} by {names} "
                f"({next(iter(denied.values()))}), so its rows cannot be found: give it an access "
                f"rule of the operation {right} for the table and for {names}",
            )
            continue
        names = " and ".join(columns)
        answered = all(
            (answer := answers.get(_name(table, right, column)))
            and answer.verdict.action is Action.OK
            for column in columns
        )
        if answered:
            yield Finding(table.name, Level.OK, f"{table.name} can be queried by {names} ({right})")
        else:
            yield Finding(
                table.name,
                Level.UNTESTED,
                f"{table.name}: ServiceNow did not answer queries by {names} ({right}); run again",
            )


def needed(table: Table) -> dict[str, tuple[str, ...]]:
    """Return the columns to be queried, by the right that it takes."""
    columns = {"query_match": (table.source_column, *filter(None, [table.adopt_by]))}
    if table.each and table.when_gone:  # entries that their record no longer holds
        columns["query_range"] = (table.source_column,)
    return columns


def _name(table: Table, right: str, column: str) -> str:
    return f"{table.name} {right} {column}"
