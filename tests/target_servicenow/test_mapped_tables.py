"""The tables of a run: what a stream must send, unmapped streams, and optional tables."""

from __future__ import annotations

import typing as t

import pytest

if t.TYPE_CHECKING:
    from conftest import Instance, Singer


def test_a_missing_property(instance: Instance, singer: Singer) -> None:
    schema = singer.schema("APVendors")
    del schema["schema"]["properties"]["Email"]
    result = instance.run([schema, singer.vendor("1")])
    assert result.code == 1
    assert result.errors == [
        (
            "Column proc_vendor.email is made from Email, which stream APVendors does not send: "
            "select the property in the tap, or remove the column with mapping_overrides"
        )
    ]
    assert instance.rows("proc_vendor") == []


def test_an_unmapped_stream(instance: Instance, singer: Singer) -> None:
    unmapped = [
        singer.stream_schema("others", {"id": {}, "name": {}}, ["id"]),
        singer.record("others", {"id": 1, "name": "one"}),
    ]
    vendors = singer.vendors(singer.vendor("1"))
    result = instance.run([*unmapped, *vendors, singer.state(1)])
    assert (result.code, result.states) == (1, [])
    mapped = sorted({table.stream for table in singer.profile.tables})
    assert result.errors == [
        (
            f"Stream others is not mapped (mapping default maps {', '.join(mapped)}): deselect it "
            "in the tap, map it, or set unmapped_streams to skip or passthrough"
        )
    ]
    result = instance.run([*unmapped, *vendors, singer.state(1)], unmapped_streams="skip")
    assert (result.code, result.states) == (0, [1])
    assert instance.by_source("proc_vendor").keys() == {"1"}


def test_another_source_column(instance: Instance, singer: Singer) -> None:
    overrides = {"tables": {"proc_vendor": {"source_column": "correlation_display"}}}
    vendors = singer.vendors(singer.vendor("1"))
    for _ in range(2):
        assert instance.run(vendors, mapping_overrides=overrides).code == 0
    [row] = instance.rows("proc_vendor")
    assert row["correlation_display"] == "sage300:SAMINC:Vendor:1"
    assert row["correlation_id"] == ""


OPTIONAL = ("cmn_cost_center", "sn_apo_invoice_line")


@pytest.mark.parametrize("absent", [(), OPTIONAL[:1], OPTIONAL[1:], OPTIONAL], ids=str)
def test_absent_optional_tables_are_skipped(
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
    written_lines = instance.rows("sn_apo_invoice_line")
    assert len(written_lines) == ("sn_apo_invoice_line" not in absent)
    for line in written_lines:
        assert (line["gl_account"], line["cost_center"]) == (
            account["sys_id"],
            account["cost_center"],
        )
    skipped = [line for line in instance.logged("INFO") if "is optional and skipped" in line]
    assert skipped == [
        (
            f"{table} is optional and skipped: ServiceNow denied access while reading {table} "
            "(User Not Authorized: Failed API level ACL Validation): give the integration user the "
            "role or access rule it needs"
        )
        for table in absent
    ]
    code, printed = instance.check()
    assert code == 0
    warnings = [line.split()[1] for line in printed if line.startswith("warning")]
    assert warnings == list(absent)
    assert not any(line.startswith("error") for line in printed)
    assert instance.rejects() == {}
