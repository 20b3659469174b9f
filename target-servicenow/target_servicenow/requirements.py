"""``--requirements``: what an administrator of ServiceNow creates, as a page in Markdown. Pure.

The mapping says which tables, columns, sizes and choices. The steps in requirements.md are those of
ServiceNow's own documentation (Client Credentials, Add the OAuth Application User field, Access
control list rules). docs/servicenow-requirements.md is this page for the default mapping.
"""

from __future__ import annotations

import typing as t
from importlib import resources

from target_servicenow.api.oauth import TOKEN_PATH
from target_servicenow.mapping.types import ColumnType
from target_servicenow.query_rights import needed

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from target_servicenow.mapping.profile import Column, Profile, Table

UNDOCUMENTED = ("proc_vendor", "sn_apo_invoice", "sn_apo_invoice_line")
"""Tables of the default mapping that no public documentation of ServiceNow names."""

_UNPUBLISHED = ("itfm_gl_accounts",)
"""Tables whose columns are not published."""

_TYPES = {
    ColumnType.STRING: "String",
    ColumnType.INTEGER: "Integer",
    ColumnType.DECIMAL: "Decimal",
    ColumnType.BOOLEAN: "True/False",
    ColumnType.DATE: "Date",
    ColumnType.DATETIME: "Date/Time",
    ColumnType.CURRENCY: "Currency",
}


def page(profile: Profile) -> str:
    """Return the page for a mapping."""
    template = (resources.files("target_servicenow") / "requirements.md").read_text("utf-8")
    return template.format(
        caveats=_caveats(profile),
        token=TOKEN_PATH,
        table=profile.tables[0].name,
        rights="\n".join(map(_rights, profile.tables)),
        tables="\n".join(map(_table, profile.tables)),
    )


def _caveats(profile: Profile) -> str:
    """Return what must be known of tables that ServiceNow does not document."""
    names = [table.name for table in profile.tables]
    lines = []
    if absent := [f"`{name}`" for name in UNDOCUMENTED if name in names]:
        lines.append(
            f"{_joined(absent)} {'is' if len(absent) == 1 else 'are'} in no public ServiceNow "
            "documentation. If your instance\nhas no such table, create it as below, or name the "
            "table that you use in the mapping."
        )
    if unpublished := [f"`{name}`" for name in _UNPUBLISHED if name in names]:
        lines.append(
            f"{_joined(unpublished)} comes with Financial Management; its columns are not "
            "published, so compare them with your instance."
        )
    return "".join(f"\n{line}\n" for line in lines)


def _rights(table: Table) -> str:
    queries = (
        f"{right}: {_joined([f'`{n}`' for n in names])}" for right, names in needed(table).items()
    )
    return f"| `{table.name}` | read, create, write | {'; '.join(queries)} |"


def _table(table: Table) -> str:
    optional = " Optional: without it, it is skipped." if table.optional else ""
    lines = [
        f"### {table.name}",
        "",
        f"Filled from `{table.stream}`. Unique index: `{table.source_column}`.{optional}",
        "",
        "| Column | Type | Length or places | Choices | From |",
        "|---|---|---|---|---|",
        f"| `{table.source_column}` | String | {table.source_length} | | the source identifier |",
        *(_column(table, column) for column in table.columns),
        *(
            f"| `{name}` | as `{value}` needs it | | | set once the record is gone |"
            for name, value in table.when_gone.items()
            if name not in {column.name for column in table.columns}
        ),
        "",
    ]
    return "\n".join(lines)


def _column(table: Table, column: Column) -> str:
    size = f"{column.length}" if column.length else ""
    if column.places is not None:
        size = f"scale={column.places}"
    choices = ", ".join(_choices(table, column))
    cells = (f"`{column.name}`", _type(column), size, choices, _source(column))
    return " ".join(f"| {cell}".rstrip() for cell in cells) + " |"


def _type(column: Column) -> str:
    if column.take:
        return f"as `{column.reference}.{column.take}`"
    if column.reference:
        return f"Reference to `{column.reference}`"
    return "Choice" if column.choices else _TYPES[column.type]


def _choices(table: Table, column: Column) -> Iterator[str]:
    """Yield the values that a choice column gets, once each."""
    if column.choices:
        gone = table.when_gone.get(column.name)
        values = [*column.choices.values(), *([gone] if gone else [])]
        yield from (f"`{value}`" for value in dict.fromkeys(values))


def _source(column: Column) -> str:
    """Return what the column is made from, as the mapping says it."""
    if column.value is not None:
        return f"`{column.value.text}`".replace("|", "\\|")
    return ", ".join(f"`{part.text}`".replace("|", "\\|") for part in column.key)


def _joined(words: list[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last
