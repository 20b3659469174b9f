"""The checks of ``--test``, which every run makes before it writes."""

from __future__ import annotations

import typing as t

import pytest

if t.TYPE_CHECKING:
    from conftest import Instance, Singer

VENDOR = "proc_vendor"


RANGES = ("sn_apo_invoice", "sn_apo_invoice_line")
NAMES = {"cmn_cost_center": "code", "itfm_gl_accounts": "account_number", VENDOR: "name"}


def lines_of(table: str, *, empty: bool = True) -> list[str]:
    """The lines for a table with nothing to report: one for each right."""
    first = (
        (
            f"untested {table} has no rows yet: what the integration user can read of them shows "
            "with the first"
        )
        if empty
        else f"ok       {table} can be read, with its source column correlation_id"
    )
    names = " and ".join(["correlation_id", *filter(None, [NAMES.get(table)])])
    described = "is described in ServiceNow's dictionary: its mapped columns were compared"
    ranges = [f"ok       {table} can be queried by correlation_id (query_range)"]
    return [
        first,
        f"ok       {table} {described}",
        f"ok       {table} can be queried by {names} (query_match)",
        *(ranges if table in RANGES else []),
        (
            f"untested {table}: the right to create rows cannot be seen without creating one; the "
            "first run shows it"
        ),
        (
            f"untested {table}: the right to update rows cannot be seen without writing; "
            "--test-write sets one to what it already is"
        ),
    ]


def all_ok(instance: Instance) -> list[str]:
    """The lines for tables without rows and with nothing to report, and their summary."""
    lines = [line for table in instance.tables for line in lines_of(table)]
    ok = sum(line.startswith("ok") for line in lines)
    total = len(lines)
    return [*lines, f"{total} checks: {ok} ok, {total - ok} untested, 0 warnings, 0 errors"]


def findings(printed: list[str]) -> list[str]:
    """The warnings and errors, and what the summary counts of them."""
    *lines, summary = printed
    told = [line for line in lines if not line.startswith(("ok ", "untested "))]
    return [*told, summary.partition(" untested, ")[2]]


def access(
    table: str, operation: str = "read", column: str = "*", **rule: t.Any
) -> dict[str, t.Any]:
    denied = {"table": table, "operation": operation, "column": column, **rule}
    return {"access": [denied]}


def column(name: str, **changes: t.Any) -> dict[str, t.Any]:
    return {"columns": [{"table": VENDOR, "column": name, **changes}]}


def mapped(**columns: t.Any) -> dict[str, t.Any]:
    return {"tables": {VENDOR: {"columns": columns}}}


def identified_by(name: str, **more: t.Any) -> dict[str, t.Any]:
    return {"tables": {VENDOR: {"source_column": name, **more}}}


def test_nothing_to_report(instance: Instance) -> None:
    assert instance.check() == (0, all_ok(instance))
    counters = instance.take_counters()
    assert (counters["calls"], counters["token_calls"]) == (3, 1)  # two Batch calls
    # Each table, 3 requests for the dictionary, and those for rights: each source column, three
    # natural keys, and the beginnings of two source columns.
    requests = 2 * len(instance.tables) + 3 + 3 + 2
    assert counters["batch_items"] == {"GET": requests, "POST": 0, "PATCH": 0}
    assert instance.query("SELECT * FROM runs") == []  # a check is no run


NO_SOURCE = (
    "proc_vendor has no column {} for the source identifier, or hides it: add it there (text, 100 "
    "characters), or name another one as source_column in mapping_overrides"
)
ERRORS: dict[str, tuple[dict[str, t.Any], dict[str, t.Any], str]] = {
    "a table closed to web services": (
        {"no_web_services": [VENDOR]},
        {},
        (
            "ServiceNow denied access while reading proc_vendor (User Not Authorized: Failed API "
            "level ACL Validation): give the integration user the role or access rule it needs"
        ),
    ),
    "a table that shows no rows": (
        access(VENDOR),
        {},
        (
            "The integration user cannot read proc_vendor (visible rows: 0 of 1): give it a role "
            "that can read the table"
        ),
    ),
    "no source column": ({}, identified_by("u_sage"), NO_SOURCE.format("u_sage")),
    "a hidden source column": (
        access(VENDOR, column="correlation_id"),
        {},
        NO_SOURCE.format("correlation_id"),
    ),
    "a short source column": (
        {},
        identified_by("tax_number"),
        (
            "proc_vendor.tax_number holds the source identifiers, so it must be writable and hold "
            "100 characters (it holds 40): change the column, or source_length in mapping_overrides"
        ),
    ),
    "a shortened source column": (
        column("correlation_id", max_length=32),
        {},
        (
            "proc_vendor.correlation_id holds the source identifiers, so it must be writable and "
            "hold 100 characters (it holds 32): change the column, or source_length in "
            "mapping_overrides"
        ),
    ),
    "a read-only source column": (
        column("correlation_id", read_only=True),
        {},
        (
            "proc_vendor.correlation_id holds the source identifiers, so it must be writable and "
            "hold 100 characters (it holds 100): change the column, or source_length in "
            "mapping_overrides"
        ),
    ),
}


@pytest.mark.parametrize(("switches", "overrides", "sentence"), ERRORS.values(), ids=ERRORS)
def test_an_error_stops_the_run(
    instance: Instance,
    singer: Singer,
    switches: dict[str, t.Any],
    overrides: dict[str, t.Any],
    sentence: str,
) -> None:
    instance.insert_row(VENDOR, name="Someone")
    before = instance.rows(VENDOR)
    instance.behave(**switches)
    code, printed = instance.check(mapping_overrides=overrides)
    assert code == 1
    assert findings(printed) == [
        f"error    {sentence}",
        "0 warnings, 1 error",
    ]
    messages = [*singer.vendors(singer.vendor("1")), singer.state(1)]
    result = instance.run(messages, mapping_overrides=overrides)
    assert (result.code, result.states, result.errors) == (1, [], [sentence])
    assert instance.written() == (0, 0)
    instance.behave(access=[], no_web_services=[])
    assert instance.rows(VENDOR) == before


def test_a_missing_table(instance: Instance, singer: Singer) -> None:
    absent = {
        "stream": "APVendors",
        "identity": {"entity": "V", "key": ["VendorNumber"]},
        "columns": {"name": "VendorName"},
    }
    overrides = {"tables": {"u_absent": absent}}
    code, printed = instance.check(mapping_overrides=overrides)
    assert code == 1
    sentence = (
        "ServiceNow failed while reading u_absent (Invalid table u_absent): correct the table's "
        "name in the mapping, or install the application it belongs to"
    )
    assert findings(printed) == [
        f"error    {sentence}",
        "0 warnings, 1 error",
    ]
    messages = [*singer.vendors(singer.vendor("1")), singer.state(1)]
    result = instance.run(messages, mapping_overrides=overrides)
    assert (result.code, result.states, result.errors) == (1, [], [sentence])
    assert instance.written() == (0, 0)


WARNINGS: dict[str, tuple[dict[str, t.Any], dict[str, t.Any], str]] = {
    "absent columns": (
        {},
        mapped(u_one="City", u_two="Email"),
        (
            "has no column u_one, u_two: the mapped values will not be stored; add the columns, or "
            "remove them with mapping_overrides"
        ),
    ),
    "a read-only column": (
        column("city", read_only=True),
        {},
        "has city read-only: the mapped value will not be stored",
    ),
    "a mandatory column": (
        column("tax_number", mandatory=True),
        {},
        "requires a value in tax_number, which is not mapped: new rows may be refused",
    ),
    "a wrong type": (
        {},
        mapped(active={"value": "StartDate", "type": "date"}),
        "has active as boolean, but the mapping sends date values, which may be dropped",
    ),
    "an amount in a date": (
        {},
        mapped(start_date={"value": "CurrencyCode", "type": "decimal"}),
        "has start_date as glide_date, but the mapping sends decimal values, which may be dropped",
    ),
    "an unknown choice": (
        {
            "columns": [
                {
                    "table": VENDOR,
                    "column": "vendor_group",
                    "choices": {"big": "Big", "small": "Small"},
                }
            ]
        },
        mapped(
            vendor_group={"value": "GroupCode", "choices": {"B": "big", "M": "mid", "H": "huge"}}
        ),
        (
            "has no choice huge, mid for vendor_group: add it to the choice list, or change "
            "choices in mapping_overrides; unknown choices are dropped"
        ),
    ),
    "text in a whole number": (
        column("zip", type="integer"),
        {},
        (
            "has zip as integer, but the mapping sends text, which is dropped where it is no "
            "integer: set type: integer for the column in mapping_overrides, or make the column "
            "text"
        ),
    ),
    "text in a decimal": (
        column("zip", type="decimal"),
        {},
        (
            "has zip as decimal, but the mapping sends text, which is dropped where it is no "
            "decimal: set type: decimal for the column in mapping_overrides, or make the column "
            "text"
        ),
    ),
    "text in true or false": (
        {},
        mapped(active="City"),
        (
            "has active as boolean, but the mapping sends text, which is dropped where it is no "
            "boolean: set type: boolean for the column in mapping_overrides, or make the column "
            "text"
        ),
    ),
    "text in a date": (
        {},
        mapped(start_date={"value": "City", "type": "string"}),
        (
            "has start_date as glide_date, but the mapping sends text, which is dropped where it "
            "is no date: set type: date for the column in mapping_overrides, or make the column "
            "text"
        ),
    ),
    "text in a reference": (
        {},
        {"tables": {VENDOR: {"columns": {"gl_account": "City"}}}},
        (
            "has gl_account as a reference to itfm_gl_accounts, but the mapping sends text, which "
            "is dropped unless it is a sys_id: map the column with reference and key in "
            "mapping_overrides"
        ),
    ),
    "choices in a whole number": (
        column("vendor_group", type="integer"),
        mapped(vendor_group={"value": "GroupCode", "choices": {"B": "1", "M": "mid"}}),
        (
            "has vendor_group as integer, but the mapping sends text, which is dropped where it is "
            "no integer: set type: integer for the column in mapping_overrides, or make the column "
            "text"
        ),
    ),
    "dates in a date-time": (
        column("start_date", type="glide_date_time"),
        {},
        (
            "has start_date as glide_date_time, but the mapping sends dates, which become midnight "
            "in UTC, the day before for users west of it: make the column glide_date"
        ),
    ),
    "date-times in a date": (
        {},
        mapped(start_date={"value": "StartDate", "type": "datetime"}),
        (
            "has start_date as glide_date, but the mapping sends dates with a time, of which the "
            "day in UTC is kept: make the column glide_date_time, or set type: date for it in "
            "mapping_overrides"
        ),
    ),
    "decimal places": (
        column("tax_number", type="decimal", scale=2),
        mapped(tax_number={"value": "Balance", "type": "decimal", "places": 3}),
        (
            "keeps 2 decimal places in tax_number, but the mapping sends up to 3, so numbers are "
            "rounded: set scale=3 in the attributes of the column"
        ),
    ),
    "longer text": (
        column("city", max_length=20),
        {},
        (
            "holds 20 characters in city, but the mapping sends up to 30: lengthen the column, or "
            "set on_long_text to truncate; rows with longer values are rejected otherwise"
        ),
    ),
    "a value for rows that are gone": (
        {},
        {"tables": {VENDOR: {"when_gone": {"active": "gone"}}}},
        (
            "does not store 'gone' in active (boolean), to which when_gone sets rows that are "
            "gone: change when_gone in mapping_overrides"
        ),
    ),
    "a reference to another table": (
        {},
        mapped(
            gl_account=None,
            u_absent=None,
            city={"reference": "itfm_gl_accounts", "key": ["GLAccount"]},
        ),
        (
            "has city as a reference to nothing, but the mapping points at itfm_gl_accounts: such "
            "values are dropped"
        ),
    ),
}


@pytest.mark.parametrize(("switches", "overrides", "clause"), WARNINGS.values(), ids=WARNINGS)
def test_a_warning_does_not_stop_the_run(
    instance: Instance,
    singer: Singer,
    switches: dict[str, t.Any],
    overrides: dict[str, t.Any],
    clause: str,
) -> None:
    instance.behave(**switches)
    code, printed = instance.check(mapping_overrides=overrides)
    assert code == 0
    assert findings(printed) == [
        f"warning  proc_vendor {clause}",
        "1 warning, 0 errors",
    ]
    # A run logs it too, once.
    schema = singer.schema("APVendors", Balance={})
    messages = [schema, *singer.accounts(), schema]
    assert instance.run(messages, mapping_overrides=overrides).code == 0
    assert instance.logged("WARNING") == [f"proc_vendor {clause}"]


@pytest.mark.parametrize("no_dictionary", [False, True])
def test_a_hidden_column(instance: Instance, *, no_dictionary: bool) -> None:
    instance.insert_row(VENDOR, name="Someone")
    hidden = access(VENDOR, column="city")["access"]
    instance.behave(access=hidden + (access("sys_dictionary")["access"] if no_dictionary else []))
    _, printed = instance.check()
    assert [line for line in printed if "city" in line] == [
        (
            "warning  proc_vendor does not show city: changes there alone are not sent; give the "
            "integration user a role that can read the columns, or remove them with "
            "mapping_overrides"
        )
    ]


@pytest.mark.parametrize("table", ["sys_dictionary", "sys_db_object"])
def test_a_hidden_dictionary(instance: Instance, singer: Singer, table: str) -> None:
    instance.behave(**access(table))
    code, printed = instance.check()
    assert code == 0
    if table == "sys_db_object":  # hides what tables extend, which is not needed here
        assert printed == all_ok(instance)
    else:
        number = len(instance.tables)
        assert findings(printed) == [
            *(
                f"warning  The integration user cannot read ServiceNow's dictionary of {name}, so "
                "columns, lengths and types cannot be checked before the first write"
                for name in instance.tables
            ),
            f"{number} warnings, 0 errors",
        ]
    assert instance.run(singer.vendors(singer.vendor("1"))).code == 0
    assert instance.by_source(VENDOR).keys() == {"1"}


def test_choice_lists_that_cannot_be_read(instance: Instance) -> None:
    """Kind: what could not be checked, and is not told."""
    instance.behave(**access("sys_choice"))
    code, printed = instance.check()
    assert (code, findings(printed)) == (0, ["0 warnings, 0 errors"])
    assert [line for line in printed if "sys_choice" in line] == [
        (
            f"untested {table} has choice lists for {columns} that the integration user cannot "
            "read (sys_choice): a choice that is not in them is dropped without an error"
        )
        for table, columns in (
            ("itfm_gl_accounts", "account_type, normal_balance"),
            ("sn_apo_invoice", "invoice_type, state"),
        )
    ]


def test_one_line_for_each_table_and_right(instance: Instance, singer: Singer) -> None:
    """Kind: a checklist that says one thing of a table, whatever it looked at."""
    assert instance.run(singer.vendors(singer.vendor("1"))).code == 0
    _, printed = instance.check()
    assert [line for line in printed if f" {VENDOR} " in line or f" {VENDOR}:" in line] == lines_of(
        VENDOR, empty=False
    )


def test_a_wrong_secret(instance: Instance) -> None:
    assert instance.check(client_secret="hush-hush") == (1, [])
    assert instance.logged("ERROR") == [
        (
            "ServiceNow issued no token: check client_id and client_secret (invalid_client: "
            "client_id or client_secret is wrong)"
        )
    ]
    assert "hush-hush" not in instance.caplog.text


def test_choices_fit_a_column_of_numbers(instance: Instance) -> None:
    """Kind: a warning about choices that are all whole numbers, as states often are."""
    overrides = mapped(vendor_group={"value": "GroupCode", "choices": {"B": "1", "M": "-2"}})
    instance.behave(**column("vendor_group", type="integer"))
    code, printed = instance.check(mapping_overrides=overrides)
    assert (code, findings(printed)) == (0, ["0 warnings, 0 errors"])


def test_a_copied_column_of_another_type(instance: Instance) -> None:
    line = {"cost_center": {"reference": "itfm_gl_accounts", "key": ["GLAccount"], "take": "name"}}
    overrides = {"tables": {"sn_apo_invoice_line": {"columns": line}}}
    _, printed = instance.check(mapping_overrides=overrides)
    assert findings(printed) == [
        (
            "warning  sn_apo_invoice_line has cost_center as a reference to cmn_cost_center, but "
            "the mapping copies itfm_gl_accounts.name, which is string: such values may be dropped"
        ),
        "1 warning, 0 errors",
    ]
