"""What ServiceNow drops or alters without a word is told once a column, with its count."""

from __future__ import annotations

import json
import typing as t

import pytest

if t.TYPE_CHECKING:
    from conftest import Instance, Singer

VENDOR = "proc_vendor"


def mapped(**columns: t.Any) -> dict[str, t.Any]:
    return {"tables": {VENDOR: {"columns": columns}}}


def altered(instance: Instance) -> dict[str, dict[str, dict[str, str]]]:
    """By vendor, the columns that came back otherwise."""
    rows = instance.query(
        "SELECT identifier, altered FROM outcomes WHERE run = (SELECT max(run) FROM runs)"
    )
    return {name.rpartition(":")[2]: json.loads(text) for name, text in rows}


GROUPS = {"table": VENDOR, "column": "vendor_group", "choices": {"big": "Big"}}
NOWHERE = "0" * 32
CASES: dict[str, tuple[dict[str, t.Any], dict[str, t.Any], str, dict[str, str]]] = {
    "an unknown column": (
        {},
        mapped(u_absent="City"),
        "u_absent",
        {"old": "", "new": "Delft"},
    ),
    "a bad choice": (
        {"columns": [GROUPS]},
        mapped(vendor_group="City"),
        "vendor_group",
        {"old": "", "new": "Delft"},
    ),
    "a bad reference": (
        {},
        mapped(gl_account={"reference": None, "key": None, "value": f"'{NOWHERE}'"}),
        "gl_account",
        {"old": "", "new": NOWHERE},
    ),
    "a read-only column": (
        {"columns": [{"table": VENDOR, "column": "fax", "read_only": True}]},
        mapped(fax="City"),
        "fax",
        {"old": "", "new": "Delft"},
    ),
    "a column that may not be written": (
        {"access": [{"table": VENDOR, "operation": "create", "column": "fax"}]},
        mapped(fax="City"),
        "fax",
        {"old": "", "new": "Delft"},
    ),
    "a value of another type": (
        {},
        mapped(start_date="City"),
        "start_date",
        {"old": "", "new": "Delft"},
    ),
    "a business rule": (
        {"business_rules": [{"table": VENDOR, "action": "set", "column": "fax", "value": "0800"}]},
        mapped(fax="City"),
        "fax",
        {"old": "0800", "new": "Delft"},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_swallowed_is_told_once_a_column(
    instance: Instance, singer: Singer, case: str
) -> None:
    switches, overrides, name, change = CASES[case]
    instance.behave(**switches)
    vendors = [singer.vendor(n, City="Delft" if n < 70 else "") for n in range(80)]
    result = instance.run([*singer.vendors(*vendors), singer.state(1)], mapping_overrides=overrides)
    assert (result.code, result.states) == (0, [1])
    assert instance.counts(VENDOR) == {"created": 80}
    hit = range(80) if name == "gl_account" else range(70)
    assert altered(instance) == {str(n): {name: change} if n in hit else {} for n in range(80)}
    told = [said for said in instance.logged("WARNING") if "altered" in said]
    assert told == [
        (
            f"ServiceNow altered proc_vendor.{name} in {len(hit)} rows; the ledger has what was "
            "sent and stored"
        )
    ]


def test_over_long_text_is_told_where_the_dictionary_is_closed(
    instance: Instance, singer: Singer
) -> None:
    hidden = {"table": "sys_dictionary", "operation": "read", "column": "*"}
    instance.behave(access=[hidden])
    vendors = [singer.vendor(n, City="x" * (59 + n)) for n in range(4)]
    assert instance.run(singer.vendors(*vendors)).code == 0
    assert altered(instance) == {
        "0": {},
        "1": {},
        "2": {"city": {"old": "x" * 60, "new": "x" * 61}},
        "3": {"city": {"old": "x" * 60, "new": "x" * 62}},
    }
    assert instance.logged("WARNING")[-1] == (
        "ServiceNow altered proc_vendor.city in 2 rows; the ledger has what was sent and stored"
    )


def test_over_long_text_that_the_instance_refuses_is_the_rows_fault(
    instance: Instance, singer: Singer
) -> None:
    hidden = {"table": "sys_dictionary", "operation": "read", "column": "*"}
    instance.behave(access=[hidden], over_long="refuse")
    vendors = [singer.vendor(n, City="x" * (59 + n)) for n in range(4)]
    assert instance.run(singer.vendors(*vendors)).code == 0
    assert instance.by_source(VENDOR).keys() == {"0", "1"}
    assert instance.rejects() == {
        n: (
            "rejected",
            (
                "ServiceNow did not insert the row (another may have its unique value): Operation "
                f"Failed: Error during insert of proc_vendor (Vendor {n})"
            ),
        )
        for n in ("2", "3")
    }


def test_several_columns_and_tables_are_told_each(instance: Instance, singer: Singer) -> None:
    overrides = {
        "tables": {
            VENDOR: {"columns": {"u_one": "City", "u_two": "Email"}},
            "sn_apo_invoice": {"columns": {"u_three": "PONumber"}},
        }
    }
    messages = [
        *singer.vendors(*(singer.vendor(n, City="Delft", Email=f"{n}@b") for n in range(3))),
        *singer.batches(singer.batch(1, {"PONumber": "p"}, {"PONumber": ""})),
    ]
    assert instance.run(messages, mapping_overrides=overrides).code == 0
    told = [said.split() for said in instance.logged("WARNING") if "altered" in said]
    assert [(words[2], words[4]) for words in told] == [
        ("proc_vendor.u_one", "3"),
        ("proc_vendor.u_two", "3"),
        ("sn_apo_invoice.u_three", "1"),
    ]
