"""A run with a ledger of format 1 retries held and rejected rows, from their payloads.

The instance holds none of the rows that were ambiguous or duplicates, so they can be created now.
"""

from __future__ import annotations

import shutil
import typing as t
from pathlib import Path

import pytest

if t.TYPE_CHECKING:
    from conftest import Instance, Singer

FORMAT_1 = Path(__file__).with_name("data") / "ledger-format-1.ledger"


@pytest.fixture
def upgraded(instance: Instance) -> Instance:
    """An instance with this ledger, whose last run was killed long ago."""
    shutil.copy(FORMAT_1, instance.ledger)
    instance.age_sending()
    return instance


def causes(instance: Instance) -> dict[str, str]:
    rows = instance.query("SELECT identifier, cause FROM rejects")
    return {identifier.split(":", 2)[-1]: cause for identifier, cause in rows}


def test_held_and_rejected_rows_are_retried(upgraded: Instance, singer: Singer) -> None:
    [(sys_id,)] = upgraded.query("SELECT sys_id FROM records WHERE identifier LIKE '%:Vendor:2'")
    identifier = "sage300:SAMINC:Vendor:2"
    upgraded.insert_row("proc_vendor", sys_id=sys_id, name="Vendor 2", correlation_id=identifier)
    missing = singer.vendor("77")
    assert upgraded.run(singer.vendors(missing), on_long_text="truncate").code == 0

    vendors = upgraded.by_source("proc_vendor")
    assert vendors.keys() == {"2", "3", "6", "8", "9", "10", "77"}
    assert vendors["2"]["city"] == "7"
    assert vendors["3"]["city"] == "x" * 60
    [invoice] = upgraded.rows("sn_apo_invoice")
    assert invoice["correlation_id"] == "sage300:SAMINC:Invoice:2:1"
    assert invoice["vendor"] == vendors["77"]["sys_id"]
    assert (invoice["tax_amount"], invoice["total_amount"]) == ("12.9", "1234567890123456789.001")
    assert causes(upgraded) == {
        "(no key) a033552fb3afbf479ca7fb816d40504e": "record",
        "GLAccount:7000": "record",
        "Vendor:5": "record",
        "Invoice:1:1": "refused",
    }


def test_a_schema_mismatch_is_not_retried_until_its_next_version(
    upgraded: Instance,
) -> None:
    assert upgraded.run([], validate_records=True).code == 0
    assert "2" not in upgraded.by_source("proc_vendor")
    assert causes(upgraded)["Vendor:2"] == "schema"


def test_rows_that_a_killed_run_was_sending_are_looked_up(
    upgraded: Instance, singer: Singer
) -> None:
    upgraded.insert_row(
        "proc_vendor", name="Vendor 200", correlation_id="sage300:SAMINC:Vendor:200"
    )
    vendors = singer.vendors(singer.vendor("200"), singer.vendor("201"))
    assert upgraded.run(vendors).code == 0
    found = upgraded.query(
        "SELECT identifier, run, outcome, cause FROM outcomes"
        " WHERE identifier LIKE '%:Vendor:20_' ORDER BY number"
    )
    assert [(name.rpartition(":")[2], *rest) for name, *rest in found] == [
        ("200", 7, "created", "lost_answer"),
        ("200", 8, "updated", ""),
        ("201", 8, "created", ""),
    ]
    sending = upgraded.query("SELECT identifier FROM sending ORDER BY identifier")
    assert sending == [("sage300:SAMINC:Vendor:1",), ("sage300:SAMINC:Vendor:202",)]
