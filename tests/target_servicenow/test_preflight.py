"""The checks of ``--test``, which every run makes before it writes."""

from __future__ import annotations

import typing as t

import pytest

if t.TYPE_CHECKING:
    from conftest import Instance, Singer

VENDOR = "proc_vendor"


def all_ok(instance: Instance) -> list[str]:
    """The lines for tables with nothing to report, and their summary."""
    lines = [
        f"ok       {table} can be read, with its source column correlation_id"
        for table in instance.tables
    ]
    return [*lines, f"{len(lines)} checks: {len(lines)} ok, 0 warnings, 0 errors"]


def findings(printed: list[str]) -> list[str]:
    """The warnings and errors, and the summary."""
    return [line for line in printed if not line.startswith("ok ")]


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
        f"{len(instance.tables)} checks: {len(instance.tables) - 1} ok, 0 warnings, 1 error",
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
    ok = len(instance.tables)
    assert findings(printed) == [
        f"error    {sentence}",
        f"{ok + 1} checks: {ok} ok, 0 warnings, 1 error",
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
        f"{len(instance.tables) + 1} checks: {len(instance.tables)} ok, 1 warning, 0 errors",
    ]
    # A run logs it too, once.
    messages = [*singer.vendors(), *singer.accounts(), *singer.vendors()]
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
            f"{2 * number} checks: {number} ok, {number} warnings, 0 errors",
        ]
    assert instance.run(singer.vendors(singer.vendor("1"))).code == 0
    assert instance.by_source(VENDOR).keys() == {"1"}


def test_hidden_choices_are_no_finding(instance: Instance) -> None:
    instance.behave(**access("sys_choice"))
    assert instance.check() == (0, all_ok(instance))


def test_a_wrong_secret(instance: Instance) -> None:
    assert instance.check(client_secret="hush-hush") == (1, [])
    assert instance.logged("ERROR") == [
        (
            "ServiceNow issued no token: check client_id and client_secret (invalid_client: "
            "client_id or client_secret is wrong)"
        )
    ]
    assert "hush-hush" not in instance.caplog.text
