"""What cannot work is said before rows are written."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from conftest import Instance, Singer


def vendor_table(**changes: t.Any) -> dict[str, t.Any]:
    return {"tables": {"proc_vendor": changes}}


def test_a_misspelt_source_column_stops_the_run(instance: Instance, singer: Singer) -> None:
    instance.insert_row("proc_vendor", name="Someone else")
    before = instance.rows("proc_vendor")
    result = instance.run(
        [*singer.vendors(singer.vendor("1")), singer.state(1)],
        mapping_overrides=vendor_table(source_column="corelation_id"),
    )
    assert (result.code, result.states) == (1, [])
    assert result.errors == [
        (
            "proc_vendor has no column corelation_id for the source identifier, or hides it: add "
            "it there (text, 100 characters), or name another one as source_column in "
            "mapping_overrides"
        )
    ]
    assert instance.rows("proc_vendor") == before


def test_another_source_column_serves(instance: Instance, singer: Singer) -> None:
    overrides = vendor_table(source_column="correlation_display")
    for _ in range(2):
        assert (
            instance.run(singer.vendors(singer.vendor("1")), mapping_overrides=overrides).code == 0
        )
    [row] = instance.rows("proc_vendor")
    assert row["correlation_display"] == "sage300:SAMINC:Vendor:1"
    assert row["correlation_id"] == ""


def test_an_unknown_table_stops_the_run(instance: Instance, singer: Singer) -> None:
    overrides = {
        "tables": {
            "proc_vendor": None,
            "sn_apo_invoice": None,
            "u_vendors": {
                "stream": "APVendors",
                "identity": {"entity": "Vendor", "key": ["VendorNumber"]},
                "columns": {"name": "VendorName"},
            },
        }
    }
    result = instance.run(
        [*singer.vendors(singer.vendor("1")), singer.state(1)], mapping_overrides=overrides
    )
    assert (result.code, result.states) == (1, [])
    assert result.errors == [
        (
            "ServiceNow failed at reading u_vendors (Invalid table u_vendors): correct the "
            "table's name in the mapping, or install the application it belongs to"
        )
    ]


def test_a_property_the_tap_does_not_send(instance: Instance, singer: Singer) -> None:
    schema = singer.schema("APVendors")
    del schema["schema"]["properties"]["Email"]
    result = instance.run([schema, singer.vendor("1")])
    assert result.code == 1
    assert result.errors == [
        (
            "Column proc_vendor.email is made from Email, which stream APVendors does not send: "
            "select the property in the tap, or take the column out with mapping_overrides"
        )
    ]
    assert instance.rows("proc_vendor") == []


OTHER = {"type": "RECORD", "stream": "others", "record": {"id": 1, "name": "one"}}


def test_a_stream_nothing_maps(instance: Instance, singer: Singer) -> None:
    schema = singer.stream_schema("others", {"id": {}, "name": {}}, ["id"])
    vendors = singer.vendors(singer.vendor("1"))
    result = instance.run([schema, OTHER, *vendors, singer.state(1)])
    assert (result.code, result.states) == (1, [])
    assert result.errors == [
        (
            "Nothing maps stream others (mapping default maps APInvoiceBatches, APVendors, "
            "GLAccounts): deselect it in the tap, map it, or set unmapped_streams to skip or "
            "passthrough"
        )
    ]
    result = instance.run([schema, OTHER, *vendors, singer.state(1)], unmapped_streams="skip")
    assert (result.code, result.states) == (0, [1])
    assert instance.by_source("proc_vendor").keys() == {"1"}


def test_batch_messages_are_refused(instance: Instance, singer: Singer) -> None:
    message = {
        "type": "BATCH",
        "stream": "APVendors",
        "encoding": {"format": "jsonl", "compression": "gzip"},
        "manifest": ["file:///no-such-file"],
    }
    result = instance.run([*singer.vendors(), message, singer.state(1)])
    assert (result.code, result.states) == (1, [])
    assert result.errors == [
        (
            "Line 2 of the input is a BATCH message of stream APVendors, which this target does "
            "not take (switch batch_config off in the tap): check that what is piped in is a "
            "Singer tap's output"
        )
    ]
