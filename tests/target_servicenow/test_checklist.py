"""What an instance lacks: found before a run writes, and listed by ``--test``."""

from __future__ import annotations

import typing as t

import pytest

from target_servicenow.mapping.parse import load

if t.TYPE_CHECKING:
    from conftest import Instance, Singer

VENDOR = "proc_vendor"
TABLES = ("itfm_gl_accounts", VENDOR, "sn_apo_invoice")


def fine(*tables: str) -> list[str]:
    """The lines for tables with nothing to report."""
    return [
        f"ok       {table} can be read, with its source column correlation_id" for table in tables
    ]


def reported(printed: list[str]) -> list[str]:
    """The lines of a checklist that a person has to look at, and its summary."""
    return [line for line in printed if not line.startswith("ok ")]


def access(
    table: str, operation: str = "read", column: str = "*", **rule: t.Any
) -> dict[str, t.Any]:
    given = {"table": table, "operation": operation, "column": column, **rule}
    return {"access": [given]}


def column(name: str, **changes: t.Any) -> dict[str, t.Any]:
    return {"columns": [{"table": VENDOR, "column": name, **changes}]}


def mapped(**columns: t.Any) -> dict[str, t.Any]:
    return {"tables": {VENDOR: {"columns": columns}}}


def kept_in(name: str, **more: t.Any) -> dict[str, t.Any]:
    return {"tables": {VENDOR: {"source_column": name, **more}}}


def test_an_instance_that_lacks_nothing(instance: Instance) -> None:
    tables = [table.name for table in load("default").tables]
    assert instance.check() == (
        0,
        [*fine(*tables), f"{len(tables)} checks: {len(tables)} ok, 0 warnings, 0 errors"],
    )
    counters = instance.take_counters()
    assert (counters["calls"], counters["token_calls"]) == (3, 1)  # two Batch calls
    assert counters["batch_items"] == {"GET": 8, "POST": 0, "PATCH": 0}
    assert instance.query("SELECT * FROM runs") == []  # a check is no run


NO_SOURCE = (
    "proc_vendor has no column {} for the source identifier, or hides it: add it there (text, 100 "
    "characters), or name another one as source_column in mapping_overrides"
)
FAULTS: dict[str, tuple[dict[str, t.Any], dict[str, t.Any], str]] = {
    "a table closed to web services": (
        {"no_web_services": [VENDOR]},
        {},
        (
            "ServiceNow refuses reading proc_vendor (User Not Authorized: Failed API level ACL "
            "Validation): give the integration user the role or access rule it needs"
        ),
    ),
    "a table that shows nothing": (
        access(VENDOR),
        {},
        (
            "The integration user may not read proc_vendor (1 rows exist and none is shown): give "
            "it a role that reads the table"
        ),
    ),
    "no source column": ({}, kept_in("u_sage"), NO_SOURCE.format("u_sage")),
    "a hidden source column": (
        access(VENDOR, column="correlation_id"),
        {},
        NO_SOURCE.format("correlation_id"),
    ),
    "a short source column": (
        {},
        kept_in("tax_number"),
        (
            "proc_vendor.tax_number holds the source identifiers, so it must be writable and hold "
            "100 characters (it holds 40): change the column, or source_length in mapping_overrides"
        ),
    ),
    "a source column that was shortened": (
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


@pytest.mark.parametrize(("switches", "overrides", "sentence"), FAULTS.values(), ids=FAULTS)
def test_what_must_be_changed(
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
    assert reported(printed) == [
        f"error    {sentence}",
        f"{len(TABLES)} checks: {len(TABLES) - 1} ok, 0 warnings, 1 error",
    ]
    messages = [*singer.vendors(singer.vendor("1")), singer.state(1)]
    result = instance.run(messages, mapping_overrides=overrides)
    assert (result.code, result.states, result.errors) == (1, [], [sentence])
    assert instance.written() == (0, 0)
    instance.behave(access=[], no_web_services=[])
    assert instance.rows(VENDOR) == before


def test_a_table_that_is_not_there(instance: Instance) -> None:
    absent = {
        "stream": "APVendors",
        "identity": {"entity": "V", "key": ["VendorNumber"]},
        "columns": {"name": "VendorName"},
    }
    code, printed = instance.check(mapping_overrides={"tables": {"u_absent": absent}})
    assert code == 1
    assert reported(printed) == [
        (
            "error    ServiceNow failed at reading u_absent (Invalid table u_absent): correct the "
            "table's name in the mapping, or install the application it belongs to"
        ),
        f"{len(TABLES) + 1} checks: {len(TABLES)} ok, 0 warnings, 1 error",
    ]


WARNINGS: dict[str, tuple[dict[str, t.Any], dict[str, t.Any], str]] = {
    "absent columns": (
        {},
        mapped(u_one="City", u_two="Email"),
        (
            "has no column u_one, u_two: what is mapped there is omitted; add the columns, or "
            "remove them with mapping_overrides"
        ),
    ),
    "a read-only column": (
        column("city", read_only=True),
        {},
        "has city read-only: what is mapped there is omitted",
    ),
    "a mandatory column": (
        column("tax_number", mandatory=True),
        {},
        "requires a value in tax_number, which is not mapped: new rows may be refused",
    ),
    "a wrong type": (
        {},
        mapped(active={"value": "StartDate", "type": "date"}),
        "has active as boolean, where the mapping makes a date: such values may be dropped",
    ),
    "an amount in a date": (
        {},
        mapped(start_date={"value": "CurrencyCode", "type": "decimal"}),
        (
            "has start_date as glide_date, where the mapping makes a decimal: such values may be "
            "dropped"
        ),
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
            "has city as a reference to nothing, where the mapping points at itfm_gl_accounts: "
            "such values are dropped"
        ),
    ),
}


@pytest.mark.parametrize(("switches", "overrides", "said"), WARNINGS.values(), ids=WARNINGS)
def test_what_should_be_looked_at(
    instance: Instance,
    singer: Singer,
    switches: dict[str, t.Any],
    overrides: dict[str, t.Any],
    said: str,
) -> None:
    instance.behave(**switches)
    code, printed = instance.check(mapping_overrides=overrides)
    assert code == 0
    assert reported(printed) == [
        f"warning  proc_vendor {said}",
        f"{len(TABLES) + 1} checks: {len(TABLES)} ok, 1 warning, 0 errors",
    ]
    # A run goes on, and says it too, once.
    messages = [*singer.vendors(), *singer.accounts(), *singer.vendors()]
    assert instance.run(messages, mapping_overrides=overrides).code == 0
    assert instance.logged("WARNING") == [f"proc_vendor {said}"]


@pytest.mark.parametrize("closed", [False, True])
def test_a_column_that_is_hidden(instance: Instance, *, closed: bool) -> None:
    instance.insert_row(VENDOR, name="Someone")
    hidden = access(VENDOR, column="city")["access"]
    instance.behave(access=hidden + (access("sys_dictionary")["access"] if closed else []))
    _, printed = instance.check()
    assert [line for line in printed if "city" in line] == [
        (
            "warning  proc_vendor does not show city: changes there alone are not sent; give the "
            "integration user a role that reads the columns, or remove them with "
            "mapping_overrides"
        )
    ]


@pytest.mark.parametrize("table", ["sys_dictionary", "sys_db_object"])
def test_a_dictionary_that_is_closed(instance: Instance, singer: Singer, table: str) -> None:
    instance.behave(**access(table))
    code, printed = instance.check()
    assert code == 0
    if table == "sys_db_object":  # what tables extend is then not known, and not needed here
        assert printed == [*fine(*TABLES), "3 checks: 3 ok, 0 warnings, 0 errors"]
    else:
        assert reported(printed) == [
            *(
                f"warning  The integration user may not read ServiceNow's dictionary of {name}: "
                "columns, lengths and types show only by what comes back from a write"
                for name in TABLES
            ),
            "6 checks: 3 ok, 3 warnings, 0 errors",
        ]
    assert instance.run(singer.vendors(singer.vendor("1"))).code == 0
    assert instance.by_source(VENDOR).keys() == {"1"}


def test_choices_that_cannot_be_read_are_no_fault(instance: Instance) -> None:
    instance.behave(**access("sys_choice"))
    assert instance.check() == (0, [*fine(*TABLES), "3 checks: 3 ok, 0 warnings, 0 errors"])


OPTIONAL = ("cmn_cost_center", "sn_apo_invoice_line")


@pytest.mark.parametrize("absent", [(), OPTIONAL[:1], OPTIONAL[1:], OPTIONAL], ids=str)
def test_optional_tables_are_left_out_where_they_are_not_there(
    instance: Instance, singer: Singer, absent: tuple[str, ...]
) -> None:
    instance.behave(no_web_services=list(absent))
    lines = [{"LineNumber": 1, "GLAccount": "6000"}]
    messages = [
        *singer.accounts(singer.account("6000", AccountSegmentCode2="100")),
        *singer.batches(singer.batch(1, {"InvoiceDetails": lines})),
    ]
    result = instance.run([*messages, singer.state(1)])
    assert (result.code, result.states) == (0, [1])
    assert instance.logged("WARNING") == []
    [account] = instance.rows("itfm_gl_accounts")
    assert len(instance.rows("sn_apo_invoice")) == 1
    assert len(instance.rows("cmn_cost_center")) == ("cmn_cost_center" not in absent)
    assert bool(account["cost_center"]) == ("cmn_cost_center" not in absent)
    found = instance.rows("sn_apo_invoice_line")
    assert len(found) == ("sn_apo_invoice_line" not in absent)
    for line in found:
        assert (line["gl_account"], line["cost_center"]) == (
            account["sys_id"],
            account["cost_center"],
        )
    left_out = [said for said in instance.logged("INFO") if "is optional and skipped" in said]
    assert left_out == [
        (
            f"{table} is optional and skipped: ServiceNow refuses reading {table} (User "
            "Not Authorized: Failed API level ACL Validation): give the integration user the role "
            "or access rule it needs"
        )
        for table in absent
    ]
    code, printed = instance.check()
    assert code == 0
    assert [line.split()[:2] for line in reported(printed)[:-1]] == [
        ["warning", table] for table in absent
    ]
    assert instance.rejects() == {}


def test_an_instance_that_cannot_be_asked(instance: Instance) -> None:
    assert instance.check(client_secret="hush-hush") == (1, [])
    assert instance.logged("ERROR") == [
        (
            "ServiceNow issued no token: check client_id and client_secret (invalid_client: "
            "client_id or client_secret is wrong)"
        )
    ]
    assert "hush-hush" not in instance.caplog.text
