"""Encoded queries made at random, answered by the instance and worked out again in plain Python."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sage300_servicenow_sandbox.servicenow import encoded_query, schema, sql

TABLE = "sn_apo_invoice"
VENDORS = {
    "": {"vendor": "", "vendor.name": "", "vendor.on_hold": "", "account": ""},
    "alpha": {"vendor.name": "Alpha Paper", "vendor.on_hold": "false", "account": ""},
    "beta": {"vendor.name": "beta_steel 5%", "vendor.on_hold": "true", "account": "5000"},
}
# vendor, invoice_number, po_number, state, batch_number, total_amount, invoice_date, on_hold
INVOICES = [
    ("alpha", "INV-1", "", "open", "9", "100.5", "2026-01-05", "false"),
    ("beta", "INV-2", "PO1", "posted", "10", "20", "2026-01-20", "true"),
    ("", "inv-3", "inv-3", "posted", "", "", "", "false"),
    ("alpha", "Inv_4", "INV_4", "cancelled", "100", "-5.25", "2026-02-01", "false"),
    ("beta", "100%", "100", "open", "-3", "0", "2025-12-31", "true"),
    ("alpha", "a\\b", "PO1", "open", "9", "20", "2026-01-20", "false"),
]
COLUMNS = (
    *("vendor", "invoice_number", "po_number", "state"),
    *("batch_number", "total_amount", "invoice_date", "on_hold"),
)
ACCOUNT = "vendor.gl_account.account_number"
KINDS = {
    **dict.fromkeys((*COLUMNS, "vendor.name", ACCOUNT), "text"),
    "batch_number": "integer",
    "total_amount": "decimal",
    "invoice_date": "date",
    "on_hold": "boolean",
    "vendor.on_hold": "boolean",
}
UNKNOWN = ("no_such", "vendor.no_such", "state.name", "vendor.gl_account.name.x")


# What a condition means, worked out without a line of the sandbox's.


@dataclass(frozen=True)
class Term:
    """One condition; `text` is how it is written."""

    field: str
    operator: str
    value: str

    @property
    def text(self):
        return f"{self.field}{self.operator}{self.value}"

    def known(self):
        if self.operator == "SAMEAS" and self.value not in KINDS:
            return False
        return self.field in KINDS

    def holds(self, row):
        held = row[self.field]
        if self.operator in PARTS:
            return PARTS[self.operator](held.lower(), self.value.lower())
        if self.operator in {"<", "<=", ">", ">="}:
            return self.compared(held, self.operator, self.value)
        low, _, high = self.value.partition("@")
        texts = self.value.split(",") if self.operator.endswith("IN") else [self.value]
        return {
            "ISEMPTY": lambda: held == "",
            "EMPTYSTRING": lambda: held == "",
            "ISNOTEMPTY": lambda: held != "",
            "ANYTHING": lambda: True,
            "SAMEAS": lambda: held.lower() == row[self.value].lower(),
            "=": lambda: self.among(held, texts),
            "IN": lambda: self.among(held, texts),
            "!=": lambda: not self.among(held, texts),
            "NOT IN": lambda: not self.among(held, texts),
            "BETWEEN": lambda: self.compared(held, ">=", low) and self.compared(held, "<=", high),
        }[self.operator]()

    def among(self, held, texts):
        kind = KINDS[self.field]
        wanted = [understood(kind, text) for text in texts]
        return stored(kind, held) in [value for value in wanted if value is not None]

    def compared(self, held, operator, text):
        kind = KINDS[self.field]
        bound = understood(kind, text)
        if held == "" or bound is None or bound == "":
            return False
        mine = stored(kind, held)
        return {
            "<": mine < bound,
            "<=": mine <= bound,
            ">": mine > bound,
            ">=": mine >= bound,
        }[operator]


PARTS = {
    "LIKE": lambda held, value: value in held,
    "NOT LIKE": lambda held, value: value not in held,
    "STARTSWITH": lambda held, value: held.startswith(value),
    "ENDSWITH": lambda held, value: held.endswith(value),
}


def understood(kind, text):
    """Return what a text stands for in a column of a kind; None where it stands for nothing."""
    if text == "":
        return "false" if kind == "boolean" else ""
    if kind == "boolean":
        return {"true": "true", "1": "true", "false": "false", "0": "false"}.get(text.lower())
    if kind in {"integer", "decimal"}:
        pattern = r"[+-]?\d+" if kind == "integer" else r"[+-]?\d+(\.\d+)?"
        return Decimal(text) if re.fullmatch(pattern, text) else None
    if kind == "date":
        return text[:10] if re.fullmatch(r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?", text) else None
    return text.lower()


def stored(kind, held):
    """Return what a stored text stands for: nothing stays nothing, as behind an empty reference."""
    return understood(kind, held) if held else ""


def expected(rows, groups, orders):
    """Return the letters of the rows that an expression asks for, in its order."""
    kept = []
    for group in groups:
        known = [[term for term in any_of if term.known()] for any_of in group]
        kept += [[any_of for any_of in known if any_of]] if any(known) else []
    found = [
        row
        for row in rows
        if not kept
        or any(all(any(term.holds(row) for term in any_of) for any_of in group) for group in kept)
    ]
    for field, descending in reversed(orders):  # each sort keeps the order of equals
        if field in KINDS:
            found.sort(key=lambda row, field=field: sorting(field, row), reverse=descending)
    return "".join(row["letter"] for row in found)


def sorting(field, row):
    """Return the place of a row in a field's order: numbers by size, nothing before all else."""
    value = stored(KINDS[field], row[field])
    number = KINDS[field] in {"integer", "decimal"}
    return (value != "", value or Decimal(0)) if number else value


TEXTS = ("INV", "inv-3", "posted", "PO1", "100", "5%", "_", "\\", "alpha", "e", "", "'", "OR x")
VALUES = {
    "text": (*TEXTS, "5000", "beta", "open"),
    "integer": ("9", "010", "-3", "100", "x", "", "9.5"),
    "decimal": ("20", "20.000", "-5.25", "0", "100.5", "19.999", "x", ""),
    "date": ("2026-01-20", "2026-01-05 00:00:00", "2025-12-31", "20260105", ""),
    "boolean": ("true", "1", "FALSE", "maybe", ""),
}
PLAIN = ("=", "!=", "<", "<=", ">", ">=")


@st.composite
def terms(draw):
    field = draw(st.sampled_from([*KINDS, *UNKNOWN]))
    value = st.sampled_from(VALUES[KINDS.get(field, "text")])
    operator = draw(
        st.sampled_from(
            [
                *(*PLAIN, *PARTS, "IN", "NOT IN", "BETWEEN", "SAMEAS"),
                *("ISEMPTY", "ISNOTEMPTY", "EMPTYSTRING", "ANYTHING"),
            ]
        )
    )
    if operator == "SAMEAS":
        return Term(field, operator, draw(st.sampled_from([*KINDS, *UNKNOWN])))
    if operator == "BETWEEN":
        return Term(field, operator, f"{draw(value)}@{draw(value)}")
    if operator in {"IN", "NOT IN"}:
        return Term(field, operator, ",".join(draw(st.lists(value, min_size=1, max_size=3))))
    if operator in {"ISEMPTY", "ISNOTEMPTY", "EMPTYSTRING", "ANYTHING"}:
        return Term(field, operator, "")
    if operator in PARTS:
        return Term(field, operator, draw(st.sampled_from(TEXTS)))
    return Term(field, operator, draw(value))


GROUPS = st.lists(
    st.lists(st.lists(terms(), min_size=1, max_size=3), min_size=1, max_size=3),
    min_size=1,
    max_size=3,
)
ORDERS = st.lists(st.tuples(st.sampled_from([*KINDS, *UNKNOWN]), st.booleans()), max_size=2)


def written(groups, orders):
    conditions = "^NQ".join(
        "^".join("^OR".join(term.text for term in any_of) for any_of in group) for group in groups
    )
    return "".join(
        [
            conditions,
            *(f"^ORDERBY{'DESC' if descending else ''}{field}" for field, descending in orders),
        ]
    )


@pytest.fixture
def rows(instance):
    """The invoices as plain rows, every field by its path."""
    account = instance.app.insert("itfm_gl_accounts", {"name": "Rent", "account_number": "5000"})[
        "sys_id"
    ]
    keys = {"": ""}
    for name in ("alpha", "beta"):
        values = VENDORS[name]
        row = instance.app.insert(
            "proc_vendor",
            {
                "name": values["vendor.name"],
                "on_hold": values["vendor.on_hold"],
                "gl_account": account if values["account"] else "",
            },
        )
        keys[name] = row["sys_id"]
    found = []
    for position, (vendor, *values) in enumerate(INVOICES):
        row = dict(zip(COLUMNS, [keys[vendor], *values], strict=True))
        letter = "ABCDEF"[position]
        instance.app.insert(TABLE, {**row, "correlation_id": letter, "sys_id": f"{position}" * 32})
        walked = {ACCOUNT: VENDORS[vendor]["account"], **VENDORS[vendor]}
        found.append({**walked, **row, "letter": letter})
    return found


@settings(
    max_examples=1000,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(groups=GROUPS, orders=ORDERS)
@example(groups=[[[Term("no_such", "=", "1")]]], orders=[])
def test_random_queries_are_answered_as_plain_python_answers_them(instance, rows, groups, orders):
    query = written(groups, orders)
    found = instance.list(TABLE, query=query, fields="correlation_id")
    wanted = expected(rows, groups, orders)
    assert "".join(row["correlation_id"] for row in found) == wanted, query
    # The conditions of the instance's own rules are asked of rows that are not stored yet.
    tables = schema.load()
    where = sql.where(tables, TABLE, encoded_query.parse(query))
    connection = instance.app._rows.connection
    held = [
        row["correlation_id"]
        for row in instance.app.rows(TABLE)
        if sql.holds(connection, tables.tables[TABLE], row, where)
    ]
    assert held == sorted(wanted), query
