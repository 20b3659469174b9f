"""Values that ServiceNow silently drops or alters are reported once per column, with a count."""

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
    """By vendor, the columns that were stored differently."""
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
    "an unknown choice": (
        {"columns": [GROUPS]},
        mapped(vendor_group="City"),
        "vendor_group",
        {"old": "", "new": "Delft"},
    ),
    "a dangling reference": (
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
    "a column without write access": (
        {"access": [{"table": VENDOR, "operation": "create", "column": "fax"}]},
        mapped(fax="City"),
        "fax",
        {"old": "", "new": "Delft"},
    ),
    "a value of the wrong type": (
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
def test_altered_values_are_reported_once_per_column(
    instance: Instance, singer: Singer, case: str
) -> None:
    switches, overrides, name, change = CASES[case]
    instance.behave(**switches)
    vendors = [singer.vendor(n, City="Delft" if n < 70 else "") for n in range(80)]
    result = instance.run([*singer.vendors(*vendors), singer.state(1)], mapping_overrides=overrides)
    assert (result.code, result.states) == (0, [1])
    assert instance.counts(VENDOR) == {"created": 80}
    affected = range(80) if name == "gl_account" else range(70)
    assert altered(instance) == {str(n): {name: change} if n in affected else {} for n in range(80)}
    assert [line for line in instance.logged("WARNING") if "altered" in line] == [
        (
            f"ServiceNow altered proc_vendor.{name} (rows: {len(affected)}); the ledger shows what "
            "was sent and what was stored"
        )
    ]


def test_an_absent_column_is_not_sent_again(instance: Instance, singer: Singer) -> None:
    overrides = mapped(u_absent="City")
    messages = singer.vendors(singer.vendor("1", City="Delft"))
    assert instance.run(messages, mapping_overrides=overrides).code == 0
    assert instance.logged("WARNING") == [
        (
            "proc_vendor has no column u_absent: the mapped values will not be stored; add the "
            "columns, or remove them with mapping_overrides"
        ),
        (
            "ServiceNow altered proc_vendor.u_absent (rows: 1); the ledger shows what was sent and "
            "what was stored"
        ),
    ]
    instance.take_counters()
    assert instance.run(messages, mapping_overrides=overrides).code == 0
    assert instance.written() == (0, 0)


def test_a_truncated_text_with_a_hidden_dictionary(instance: Instance, singer: Singer) -> None:
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
        "ServiceNow altered proc_vendor.city (rows: 2); the ledger shows what was sent and what "
        "was stored"
    )


def test_a_refused_text_with_a_hidden_dictionary(instance: Instance, singer: Singer) -> None:
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


def test_several_columns_and_tables(instance: Instance, singer: Singer) -> None:
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
    warnings = [line.split(";")[0] for line in instance.logged("WARNING") if "altered" in line]
    assert warnings == [
        "ServiceNow altered proc_vendor.u_one (rows: 3)",
        "ServiceNow altered proc_vendor.u_two (rows: 3)",
        "ServiceNow altered sn_apo_invoice.u_three (rows: 1)",
    ]
