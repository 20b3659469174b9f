"""The client of the control endpoints that the sandbox ships."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sage300_servicenow_sandbox.control_client import ControlClient, ControlError


def test_any_address_of_either_side_will_do(client):
    sandbox = client.sandbox
    for url in (sandbox.sage_url, sandbox.servicenow_url, f"{sandbox.servicenow_url}/api/now/x?y"):
        assert len(ControlClient(url).records("SAMINC", "APVendors")) == 12


def test_amounts_keep_every_digit_both_ways(client):
    amount = Decimal("123456789012345.125")
    edited = client.control.edit("SAMINC", "APVendors", "1010", CreditLimit=amount)
    assert edited["CreditLimit"] == amount
    [vendor] = [v for v in client.records("APVendors") if v["VendorNumber"] == "1010"]
    assert vendor["CreditLimit"] == amount


def test_a_key_may_hold_anything_a_url_must_not(client):
    number = "A/B ?é#"
    client.control.copy("SAMINC", "APVendors", "1010", VendorNumber=number)
    assert client.control.edit("SAMINC", "APVendors", number, City="Leeds")["City"] == "Leeds"
    assert client.control.delete("SAMINC", "APVendors", number)["VendorNumber"] == number


def test_a_refusal_is_an_error_with_the_endpoints_sentence(client):
    with pytest.raises(ControlError, match="SAMINC has no APVendors with the key 9") as error:
        client.control.edit("SAMINC", "APVendors", "9", City="Leeds")
    assert error.value.status == 404


def test_the_log_and_the_counts_are_of_calls_to_the_systems_only(client):
    client.control.reset_counters()
    client.get("APVendors", top=1)
    assert [entry["path"] for entry in client.control.log()] == [
        "/Sage300WebApi/v1.0/-/SAMINC/AP/APVendors"
    ]
    assert client.control.counters()["sage300"]["calls"] == 1
