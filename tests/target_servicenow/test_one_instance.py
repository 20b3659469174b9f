"""A ledger belongs to one instance: rows held for one are never created in another."""

from __future__ import annotations

import typing as t

import pytest

from target_servicenow.config import read

if t.TYPE_CHECKING:
    from conftest import Instance, Singer


def elsewhere(instance: Instance) -> str:
    """Another address of the same server."""
    return instance.config["instance_url"].replace("127.0.0.1", "localhost")


@pytest.mark.parametrize("mode", ["apply", "plan"])
def test_another_instance_is_refused(instance: Instance, singer: Singer, mode: str) -> None:
    """Kind: after a change of the address alone, held rows are created in another instance."""
    batch = singer.batches(singer.batch(1, {"VendorNumber": "5"}))
    assert instance.run([*batch, singer.state(1)]).code == 0
    instance.take_counters()
    other = elsewhere(instance)
    messages = [*singer.vendors(singer.vendor("5")), singer.state(2)]
    result = instance.run(messages, instance_url=other, mode=mode)
    ours, theirs = (url.partition("//")[2] for url in (instance.config["instance_url"], other))
    assert (result.code, result.states) == (1, [])
    assert result.errors == [
        (
            f"The ledger {instance.ledger} (ledger_path) belongs to {ours}, not to {theirs}: "
            "correct instance_url, or give each instance a ledger and a state of its own, by "
            "another ledger_path and a first run without state"
        )
    ]
    assert instance.take_counters()["calls"] == 0
    assert instance.query("SELECT COUNT(*) FROM runs") == [(1,)]
    assert instance.run(messages).states == [2]
    assert instance.by_key("sn_apo_invoice").keys() == {"1:1"}


def test_a_mistyped_address_binds_the_ledger_to_nothing(instance: Instance, singer: Singer) -> None:
    messages = singer.vendors(singer.vendor("1"))
    wrong = "http://127.0.0.1:1"
    assert instance.run(messages, instance_url=wrong).code == 1
    assert instance.run([], instance_url=elsewhere(instance)).code == 0
    assert instance.run(messages, mode="plan", instance_url=elsewhere(instance)).code == 0
    assert instance.run(messages).code == 0
    assert instance.run(messages, instance_url=wrong).code == 1
    assert instance.logged("ERROR")[0].startswith(f"The ledger {instance.ledger} (ledger_path) ")


def test_rows_left_on_their_way_bind_it_too(instance: Instance, singer: Singer) -> None:
    """Kind: a run that was killed while it sent its first rows."""
    assert instance.run(singer.vendors(singer.vendor("1"))).code == 0
    with instance.writing() as ledger:
        ledger.execute(
            "INSERT INTO sending SELECT \"table\", identifier, run, at, 'created', '{}'"
            " FROM outcomes"
        )
        ledger.execute("DELETE FROM counts")
    assert instance.run([], instance_url=elsewhere(instance)).code == 1


@pytest.mark.parametrize(
    ("setting", "address"),
    [
        ("dev12345", "dev12345.service-now.com"),
        (" https://DEV12345.Service-Now.com/ ", "dev12345.service-now.com"),
        ("https://dev12345.service-now.com:443", "dev12345.service-now.com"),
        ("http://dev12345.service-now.com:80/", "dev12345.service-now.com"),
        ("https://dev12345.service-now.com.", "dev12345.service-now.com"),
        ("https://dev12345.service-now.com:8443", "dev12345.service-now.com:8443"),
        ("http://[::1]:8301", "[::1]:8301"),
        ("https://test.example.com", "test.example.com"),
    ],
)
def test_one_address_however_it_is_written(setting: str, address: str) -> None:
    assert read({"instance_url": setting}).instance == address
