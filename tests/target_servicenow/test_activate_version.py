"""ACTIVATE_VERSION: rows missing from a complete read are set inactive, up to a limit."""

from __future__ import annotations

import typing as t
from contextlib import closing

import pytest

from target_servicenow.ledger.reader import LedgerReader

if t.TYPE_CHECKING:
    from conftest import Instance, Singer


def vendors(
    singer: Singer,
    version: int,
    numbers: t.Any,
    *,
    company: str = "SAMINC",
    complete: bool = True,
    **more: t.Any,
) -> list[dict[str, t.Any]]:
    """A read of vendors under a version, which ACTIVATE_VERSION completes."""
    records = [
        {**singer.vendor(n, CompanyID=company), "version": version, "stream": "APVendors"}
        for n in numbers
    ]
    end = {"type": "ACTIVATE_VERSION", "stream": "APVendors", "version": version, **more}
    return singer.vendors(*records, *([end] if complete else []))


def inactive(instance: Instance) -> set[str]:
    rows = instance.by_key("proc_vendor")
    return {key for key, row in rows.items() if row["active"] == "false"}


def test_missing_rows_are_set_inactive(instance: Instance, singer: Singer) -> None:
    assert instance.run(vendors(singer, 1, range(20))).code == 0
    before = instance.by_key("proc_vendor")
    instance.take_counters()
    result = instance.run([*vendors(singer, 2, range(18)), singer.state({"n": 1})])
    assert (result.code, result.states) == (0, [{"n": 1}])
    assert inactive(instance) == {"18", "19"}
    assert instance.written() == (0, 2)
    after = instance.by_key("proc_vendor")
    assert {k: after[k] for k in after if k not in {"18", "19"}} == {
        k: before[k] for k in before if k not in {"18", "19"}
    }
    assert after["18"]["name"] == before["18"]["name"]
    assert instance.counts("proc_vendor") == {"unchanged": 18, "updated": 2}
    assert instance.outcomes() == [("18", "updated"), ("19", "updated")]


def test_an_aliased_stream(instance: Instance, singer: Singer) -> None:
    maps = {"Suppliers": {"__alias__": "APVendors"}}
    for version, count in ((1, 20), (2, 19)):
        sent = [
            {**message, "stream": "Suppliers"} for message in vendors(singer, version, range(count))
        ]
        assert instance.run(sent, stream_maps=maps).code == 0
    assert inactive(instance) == {"19"}
    assert instance.query("SELECT stream FROM schemas") == [("APVendors",)]


def test_a_returning_row_becomes_active_again(instance: Instance, singer: Singer) -> None:
    for version, count in ((1, 20), (2, 18), (3, 20)):
        assert instance.run(vendors(singer, version, range(count))).code == 0
    assert inactive(instance) == set()


REASON = (
    "7 of 20 rows (35%) were not in the complete read of SAMINC, more than max_inactive_percent "
    "(10) allows, so none of them was changed: if they are really gone, raise the setting and run "
    "again"
)


def held_back(singer: Singer, instance: Instance) -> None:
    """Read 20 vendors, and then 13 of them."""
    assert instance.run(vendors(singer, 1, range(20))).code == 0
    before = instance.rows("proc_vendor")
    accounts = singer.accounts(singer.account("1"))
    result = instance.run([*vendors(singer, 2, range(13)), *accounts, singer.state({"n": 1})])
    assert (result.code, result.states, result.errors) == (0, [{"n": 1}], [])
    assert instance.rows("proc_vendor") == before
    assert len(instance.rows("itfm_gl_accounts")) == 1


def test_too_many_missing_rows_are_held_back(instance: Instance, singer: Singer) -> None:
    """A guard that strikes holds that inactivation back, and the run goes on."""
    held_back(singer, instance)
    assert instance.logged("WARNING") == [f"proc_vendor: {REASON}"]
    listed = instance.rejects()
    assert listed == {str(n): ("held", REASON) for n in range(13, 20)}
    assert instance.counts("proc_vendor") == {"unchanged": 13, "held": 7}
    # It stays so, until the setting is raised.
    assert instance.run([]).code == 0
    assert instance.rejects() == listed
    assert inactive(instance) == set()
    assert instance.run([], max_inactive_percent=35).code == 0
    assert inactive(instance) == {str(n) for n in range(13, 20)}
    assert instance.rejects() == {}


def test_rows_held_back_that_return(instance: Instance, singer: Singer) -> None:
    held_back(singer, instance)
    assert instance.run(vendors(singer, 3, range(20))).code == 0
    assert instance.rejects() == {}
    assert inactive(instance) == set()


def test_rows_held_back_that_are_set_inactive_by_hand(instance: Instance, singer: Singer) -> None:
    held_back(singer, instance)
    for row in instance.rows("proc_vendor"):
        if row["vendor_number"] in {"13", "14"}:
            instance.update_row("proc_vendor", row["sys_id"], active="false")
    assert instance.run([]).code == 0
    assert instance.rejects().keys() == {str(n) for n in range(15, 20)}


def test_rows_held_back_are_no_records_to_export(instance: Instance, singer: Singer) -> None:
    held_back(singer, instance)
    with closing(LedgerReader(instance.ledger)) as ledger:
        assert list(ledger.messages()) == []
        assert {reject["cause"] for reject in ledger.rejects()} == {"too_many_gone"}


def test_five_rows_may_always_go(instance: Instance, singer: Singer) -> None:
    """A small company must be able to lose a vendor."""
    assert instance.run(vendors(singer, 1, range(8))).code == 0
    assert instance.run(vendors(singer, 2, range(3))).code == 0
    assert inactive(instance) == {"3", "4", "5", "6", "7"}


def test_one_company_cut_short_among_large_ones(instance: Instance, singer: Singer) -> None:
    """29 of its 30 vendors are under a tenth of the whole table."""
    small = vendors(singer, 1, range(1000, 1030), company="SMALL")
    large = vendors(singer, 1, range(400), complete=False)
    assert instance.run([*large, *small]).code == 0
    cut = vendors(singer, 2, range(1000, 1001), company="SMALL")
    large = vendors(singer, 2, range(390), complete=False)
    result = instance.run([*large, *cut, singer.state(1)])
    assert (result.code, result.states) == (0, [1])
    assert inactive(instance) == {str(n) for n in range(390, 400)}
    assert instance.rejects().keys() == {str(n) for n in range(1001, 1030)}


def test_the_limit_ignores_rows_already_inactive(instance: Instance, singer: Singer) -> None:
    """Rows that went earlier must not add up until the limit stops every run."""
    for version in range(1, 9):
        numbers = range(version - 1, 20)
        assert instance.run(vendors(singer, version, numbers)).code == 0, version
    assert inactive(instance) == {str(n) for n in range(7)}
    instance.take_counters()
    assert instance.run(vendors(singer, 9, range(7, 20)), max_inactive_percent=0).code == 0
    assert instance.written() == (0, 0)


def test_an_empty_read_changes_nothing(instance: Instance, singer: Singer) -> None:
    assert instance.run(vendors(singer, 1, range(5))).code == 0
    assert instance.run(vendors(singer, 2, [])).code == 0
    assert inactive(instance) == set()


READ = {"partitions": [{"CompanyID": "SAMINC"}, {"CompanyID": "OTHER"}]}
"""What an ACTIVATE_VERSION says that it covers."""


def test_a_company_that_was_read_and_has_nothing_left(instance: Instance, singer: Singer) -> None:
    """Kind: all rows of a company are gone, and the tap says that it read the company."""
    assert instance.run(vendors(singer, 1, range(4))).code == 0
    other = vendors(singer, 1, range(10, 14), company="OTHER")
    third = vendors(singer, 1, range(20, 24), company="THIRD")
    assert instance.run([*other, *third]).code == 0
    assert instance.run(vendors(singer, 2, range(4), **READ)).code == 0
    assert inactive(instance) == {"10", "11", "12", "13"}


def test_a_guard_before_a_company_that_has_nothing_left(instance: Instance, singer: Singer) -> None:
    """Kind: an answer without rows, where there were many."""
    assert instance.run(vendors(singer, 1, range(4))).code == 0
    assert instance.run(vendors(singer, 1, range(10, 20), company="OTHER")).code == 0
    assert instance.run(vendors(singer, 2, range(4), **READ)).code == 0
    assert inactive(instance) == set()
    assert instance.rejects().keys() == {str(n) for n in range(10, 20)}
    assert instance.logged("WARNING") == [
        (
            "proc_vendor: 10 of 10 rows (100%) were not in the complete read of OTHER, more than "
            "max_inactive_percent (10) allows, so none of them was changed: if they are really "
            "gone, raise the setting and run again"
        )
    ]


@pytest.mark.parametrize("said", [None, "SAMINC", {}, [1], [{}], [{"CompanyID": None}]], ids=str)
def test_what_a_version_covers_is_not_known(
    instance: Instance, singer: Singer, said: object
) -> None:
    """Kind: another tap's own property of that name."""
    assert instance.run(vendors(singer, 1, range(4))).code == 0
    assert instance.run(vendors(singer, 2, [], partitions=said)).code == 0
    assert inactive(instance) == set()
    assert instance.run(vendors(singer, 3, range(3), partitions=said)).code == 0
    assert inactive(instance) == {"3"}


def test_an_unknown_version_changes_nothing(instance: Instance, singer: Singer) -> None:
    assert instance.run(vendors(singer, 1, range(5))).code == 0
    end = {"type": "ACTIVATE_VERSION", "stream": "APVendors", "version": 77}
    assert instance.run([*singer.vendors(singer.vendor("new")), end]).code == 0
    unknown = {"type": "ACTIVATE_VERSION", "stream": "nobody", "version": 1}
    assert instance.run([*singer.vendors(), unknown]).code == 0
    assert inactive(instance) == set()


def test_other_companies_are_untouched(instance: Instance, singer: Singer) -> None:
    both = [
        *vendors(singer, 1, range(20), complete=False),
        *vendors(singer, 1, range(20, 40), company="OTHER"),
    ]
    assert instance.run(both).code == 0
    assert instance.run(vendors(singer, 2, range(19))).code == 0
    assert inactive(instance) == {"19"}
    # A company whose name is a prefix of another's.
    assert instance.run(vendors(singer, 3, range(40, 42), company="SAM")).code == 0
    assert inactive(instance) == {"19"}


def test_a_read_spread_over_two_runs(instance: Instance, singer: Singer) -> None:
    assert instance.run(vendors(singer, 1, range(20))).code == 0
    assert instance.run(vendors(singer, 2, range(10), complete=False)).code == 0
    assert inactive(instance) == set()
    assert instance.run(vendors(singer, 2, range(10, 19))).code == 0
    assert inactive(instance) == {"19"}


def test_rows_that_came_under_a_later_version(instance: Instance, singer: Singer) -> None:
    """Kind: a run that was killed, so that the tap does not know of the version it had begun."""
    both = [*vendors(singer, 1, range(8)), *vendors(singer, 1, range(10, 18), company="OTHER")]
    assert instance.run(both).code == 0
    assert instance.run(vendors(singer, 2, range(7), complete=False)).code == 0
    assert instance.run(vendors(singer, 3, range(5), complete=False)).code == 0
    assert instance.run(vendors(singer, 2, range(10, 17), company="OTHER", **READ)).code == 0
    assert inactive(instance) == {"7", "17"}


def test_held_and_rejected_rows_are_not_missing(instance: Instance, singer: Singer) -> None:
    assert instance.run(vendors(singer, 1, range(20))).code == 0
    messages = vendors(singer, 2, range(20))
    messages[1]["record"]["StartDate"] = "soon"
    messages[2]["record"]["GLAccount"] = "none"
    assert instance.run(messages).code == 0
    assert {key: outcome for key, (outcome, _) in instance.rejects().items()} == {
        "0": "rejected",
        "1": "held",
    }
    assert inactive(instance) == set()


def test_a_row_deleted_in_servicenow_is_not_recreated_to_be_set_inactive(
    instance: Instance, singer: Singer
) -> None:
    assert instance.run(vendors(singer, 1, range(20))).code == 0
    instance.delete_row("proc_vendor", instance.by_key("proc_vendor")["19"]["sys_id"])
    assert instance.run(vendors(singer, 2, range(19))).code == 0
    assert instance.by_key("proc_vendor").keys() == {str(n) for n in range(19)}
    assert instance.rejects() == {}


def test_accounts(instance: Instance, singer: Singer) -> None:
    def read(version: int, count: int) -> list[dict[str, t.Any]]:
        records = [
            {**singer.account(str(n), Status="Active"), "version": version} for n in range(count)
        ]
        end = {"type": "ACTIVATE_VERSION", "stream": "GLAccounts", "version": version}
        return [*singer.accounts(*records), end]

    assert instance.run(read(1, 12)).code == 0
    assert instance.run(read(2, 11)).code == 0
    rows = instance.by_source("itfm_gl_accounts")
    assert {key for key, row in rows.items() if row["active"] == "false"} == {"11"}


def test_rows_from_records_without_a_version(instance: Instance, singer: Singer) -> None:
    assert instance.run(singer.vendors(*(singer.vendor(n) for n in range(5)))).code == 0
    assert instance.run(vendors(singer, 1, range(4)), max_inactive_percent=20).code == 0
    assert inactive(instance) == {"4"}
