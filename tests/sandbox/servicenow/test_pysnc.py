"""ServiceNow's own Python client, PySNC, does on the sandbox what its tests do on an instance."""

from __future__ import annotations

import typing as t
from contextlib import contextmanager

import pytest
from pysnc import ServiceNowClient, exceptions

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pysnc import GlideRecord

    from sage300_servicenow_sandbox import Sandbox

CITIES = ("Delft", "delft", "Gouda", "", "Utrecht", "Oude Delft")


@pytest.fixture(scope="module")
def secure(start: Callable[..., Sandbox]) -> Iterator[Sandbox]:
    """A sandbox over https, since PySNC refuses http."""
    with start(vendors=1, accounts=1, batches=0, tls=True) as sandbox:
        yield sandbox


@contextmanager
def logged_in(sandbox: Sandbox, password: str = "sandbox") -> Iterator[ServiceNowClient]:
    account = ("integration", password)
    client = ServiceNowClient(sandbox.servicenow_url, account, verify=str(sandbox.certificate))
    client.session.trust_env = False  # an environment's own authorities would come first
    yield client
    client.session.close()


@pytest.fixture
def pysnc(secure: Sandbox) -> Iterator[ServiceNowClient]:
    secure.reset()
    with logged_in(secure) as client:
        yield client


def insert(client: ServiceNowClient, table: str, **values: str) -> str:
    """Insert a row and return its sys_id."""
    record = client.GlideRecord(table)
    record.initialize()
    for name, value in values.items():
        record.set_value(name, value)
    return str(record.insert())


def vendors(client: ServiceNowClient, number: int) -> list[str]:
    """Insert vendors; their sys_ids."""
    return [insert(client, "proc_vendor", name=f"Vendor {n}", city="Delft") for n in range(number)]


def found(client: ServiceNowClient, *query: str) -> GlideRecord:
    """Read the vendors that a query finds."""
    record = client.GlideRecord("proc_vendor")
    record.add_query(*query)
    record.query()
    return record


def test_insert_get_update_delete(pysnc: ServiceNowClient) -> None:
    record = pysnc.GlideRecord("proc_vendor")
    record.initialize()
    record.name = "Copper Works"
    record.active = "false"
    record.no_such_column = "ignored"
    sys_id = record.insert()
    assert (len(sys_id), record.sys_id, record.sys_mod_count) == (32, sys_id, "0")
    assert (record.get_value("sys_created_by"), "no_such_column" in record) == (
        "integration",
        False,
    )
    read = pysnc.GlideRecord("proc_vendor")
    assert read.get(sys_id)
    assert (read.name, bool(read.active)) == ("Copper Works", False)
    read.city = "Delft"
    assert read.update() == sys_id
    assert (read.city, read.sys_mod_count) == ("Delft", "1")
    assert read.update() == sys_id  # without anything to change
    assert read.sys_mod_count == "1"
    assert read.delete()
    assert not pysnc.GlideRecord("proc_vendor").get(sys_id)
    assert not pysnc.GlideRecord("proc_vendor").get("name", "Copper Works")


def test_a_sys_id_of_the_caller_keeps_its_case(pysnc: ServiceNowClient) -> None:
    """Kind: an identifier that comes back otherwise than it was chosen."""
    chosen = "AAAABBBBCCCCDDDDEEEEFFFF00001111"
    record = pysnc.GlideRecord("proc_vendor")
    record.initialize()
    record.set_new_guid_value(chosen)
    record.name = "Copper Works"
    assert record.insert() == chosen
    read = pysnc.GlideRecord("proc_vendor")
    assert read.get(chosen)
    assert read.sys_id == chosen
    assert read.delete()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (("city", "Delft"), 2),
        (("city", "!=", "Gouda"), 5),
        (("city", "IN", "Gouda,Utrecht"), 2),
        (("city", "NOT IN", "Gouda,Utrecht"), 4),
        (("city", "STARTSWITH", "Del"), 2),
        (("city", "ENDSWITH", "delft"), 3),
        (("city", "LIKE", "elf"), 3),
        (("city", ">=", "Gouda"), 3),
        (("city", "nowhere"), 0),
        (("no_such_column", "x"), 6),
    ],
)
def test_conditions(pysnc: ServiceNowClient, query: tuple[str, ...], expected: int) -> None:
    for number, city in enumerate(CITIES):
        insert(pysnc, "proc_vendor", name=f"Vendor {number}", city=city)
    record = found(pysnc, *query)
    assert (len(record), len(list(record))) == (expected, expected)


def test_conditions_together(pysnc: ServiceNowClient) -> None:
    for number, city in enumerate(CITIES):
        insert(pysnc, "proc_vendor", name=f"Vendor {number}", city=city)
    empty, filled, either, both = (pysnc.GlideRecord("proc_vendor") for _ in range(4))
    empty.add_null_query("city")
    filled.add_not_null_query("city")
    either.add_query("city", "Gouda").add_or_condition("city", "Utrecht")
    both.add_active_query()
    both.add_encoded_query("cityLIKEdelft")
    counts = []
    for record in (empty, filled, either, both):
        record.query()
        counts.append(record.get_row_count())
    assert counts == [1, 5, 2, 3]
    ordered = pysnc.GlideRecord("proc_vendor")
    ordered.order_by_desc("city")
    ordered.query()
    assert [str(row.city) for row in ordered][:3] == ["Utrecht", "Oude Delft", "Gouda"]


@pytest.mark.parametrize(("size", "limit", "rows"), [(3, 9, 9), (3, 7, 7), (4, None, 11)])
def test_paging(pysnc: ServiceNowClient, size: int, limit: int | None, rows: int) -> None:
    sys_ids = sorted(vendors(pysnc, 11))
    record = pysnc.GlideRecord("proc_vendor", batch_size=size)
    record.fields = "sys_id"
    record.limit = limit
    record.query()
    assert len(record) == 11
    assert [row.sys_id for row in record] == sys_ids[:rows]
    assert [row.sys_id for row in record] == sys_ids[:rows]  # rewound


def test_references(pysnc: ServiceNowClient) -> None:
    [vendor, other] = vendors(pysnc, 2)
    invoice = insert(pysnc, "sn_apo_invoice", invoice_number="IN-1", vendor=vendor)
    record = pysnc.GlideRecord("sn_apo_invoice")
    record.fields = ["invoice_number", "vendor", "vendor.name", "vendor.city"]
    assert record.get(invoice)
    assert (record.vendor, record.get_display_value("vendor")) == (vendor, "Vendor 0")
    assert (record.vendor.name, record.vendor.city) == ("Vendor 0", "Delft")
    record.vendor = other
    assert record.update() == invoice
    by_name = pysnc.GlideRecord("sn_apo_invoice")
    assert by_name.get("vendor.name", "Vendor 1")
    assert by_name.sys_id == invoice


def test_many_rows_are_changed_and_deleted_in_a_batch(pysnc: ServiceNowClient) -> None:
    """Kind: items without an Accept header, and deletes without a body, as this client sends."""
    vendors(pysnc, 6)
    record = found(pysnc, "city", "Delft")
    for number, row in enumerate(record):
        if number % 2:
            row.city = "Gouda"
    answers: list[str] = []
    record.update_multiple(lambda answer: answers.append(answer.json()["result"]["city"]["value"]))
    assert answers == ["Gouda"] * 3
    assert [row.sys_mod_count for row in found(pysnc, "city", "Gouda")] == ["1"] * 3
    assert found(pysnc, "city", "Gouda").delete_multiple()
    assert len(found(pysnc, "name", "STARTSWITH", "Vendor")) == 3


def test_a_business_rule_refuses_some_rows_of_a_batch(
    secure: Sandbox, pysnc: ServiceNowClient
) -> None:
    rule = {"table": "proc_vendor", "action": "refuse", "when": "cityLIKEEICAR"}
    secure.servicenow.behave(business_rules=[rule])
    vendors(pysnc, 6)
    record = found(pysnc, "city", "Delft")
    for number, row in enumerate(record):
        row.city = "Gouda" if number < 3 else "EICAR"
    assert not record.update_multiple()
    assert len(found(pysnc, "city", "Gouda")) == 3
    assert len(found(pysnc, "city", "EICAR")) == 0


def test_a_query_of_23000_characters_inside_a_batch(
    secure: Sandbox, pysnc: ServiceNowClient
) -> None:
    """Kind: a query too long for any address, which is read to its end inside a Batch call."""
    [sys_id, _] = vendors(pysnc, 2)
    record = pysnc.GlideRecord("proc_vendor")
    for _ in range(2300):
        record.add_query("AAAA", "BBBB")  # ignored, and 10 characters long
    record.add_query("sys_id", sys_id)
    record.query()
    assert len(record.get_encoded_query()) > 23_000
    assert secure.log.entries()[-1]["path"] == "/api/now/v1/batch"
    assert (len(record), record.next(), record.sys_id) == (1, True, sys_id)


def test_an_address_that_is_too_long_is_answered_with_a_page(pysnc: ServiceNowClient) -> None:
    """Kind: an answer that is no JSON, from what stands before the instance."""
    record = pysnc.GlideRecord("A" * 23_000)
    with pytest.raises(exceptions.RequestException, match=r"^<.*html>.*"):
        record.get("does not matter")


def test_refusals(secure: Sandbox, pysnc: ServiceNowClient) -> None:
    with pytest.raises(exceptions.RequestException, match="Invalid table sys_user_list"):
        pysnc.GlideRecord("sys_user_list").get("does not matter")
    secure.servicenow.behave(access=[{"table": "proc_vendor", "operation": "create"}])
    with pytest.raises(exceptions.RoleException, match="ACL Exception Insert Failed"):
        insert(pysnc, "proc_vendor", name="Copper Works")
    with (
        logged_in(secure, "wrong") as stranger,
        pytest.raises(exceptions.AuthenticationException, match="User Not Authenticated"),
    ):
        stranger.GlideRecord("proc_vendor").get("does not matter")
