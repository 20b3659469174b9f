"""The instance's behaviours: each run ends with the right rows, or with one sentence."""

from __future__ import annotations

import typing as t

import pytest

if t.TYPE_CHECKING:
    from conftest import Instance, Singer

ATTEMPTS = "(attempts: 1); nothing is lost: run again when the instance answers"
BASIC = {"auth_method": "basic", "username": "integration", "password": "sandbox"}
CREDENTIALS = (
    "ServiceNow rejected the credentials while reading the mapped tables: check client_id and "
    "client_secret (or username and password), and that the integration user is active"
)

STOPS: dict[str, tuple[dict[str, t.Any], dict[str, t.Any], str]] = {
    "asleep": (
        {"hibernating": True},
        {},
        f"ServiceNow sent an unreadable answer while requesting a token {ATTEMPTS}",
    ),
    "asleep, with Basic": (
        {"hibernating": True},
        BASIC,
        f"ServiceNow sent an unreadable answer while reading the mapped tables {ATTEMPTS}",
    ),
    "maintenance": (
        {"maintenance": True},
        {},
        f"ServiceNow failed while requesting a token (HTTP 503) {ATTEMPTS}",
    ),
    "grant disabled": (
        {"client_credentials_enabled": False},
        {},
        (
            "ServiceNow has the client credentials grant switched off: an administrator must set "
            "the property glide.oauth.inbound.client.credential.grant_type.enabled to true"
        ),
    ),
    "no application user": (
        {"application_user": ""},
        {},
        (
            "ServiceNow knows the OAuth client but not the user it acts for: set the OAuth "
            "Application User on its registry record (unauthorized_client: integration user is "
            "not configured)"
        ),
    ),
    "Basic disabled": ({"basic_auth": False}, BASIC, CREDENTIALS),
    "create not allowed": (
        {"access": [{"table": "proc_vendor", "operation": "create", "column": "*"}]},
        {},
        (
            "ServiceNow denied access while writing proc_vendor (Operation Failed: ACL Exception "
            "Insert Failed due to security constraints): give the integration user the role or "
            "access rule it needs"
        ),
    ),
    "source column not queryable": (
        {"access": [{"table": "proc_vendor", "operation": "query", "column": "correlation_id"}]},
        {},
        (
            "ServiceNow does not let the integration user query proc_vendor by correlation_id "
            "(Insufficient rights to query records: Field(s) present in the query do not have "
            "permission to be read), so its rows cannot be found: give it an access rule of the "
            "operation query_match for the table and for correlation_id"
        ),
    ),
    "no calls allowed": (
        {"rate_rules": [{"resource": "batch", "per_hour": 0}]},
        {"max_retries": 0},
        (
            "ServiceNow limited the rate of requests while reading the mapped tables (Rate limit "
            f"exceeded: Rate limit of 0 requests per hour for Batch API exceeded) {ATTEMPTS}"
        ),
    ),
}


@pytest.mark.parametrize("case", STOPS)
def test_a_behaviour_that_stops_the_run(instance: Instance, singer: Singer, case: str) -> None:
    switches, settings, sentence = STOPS[case]
    instance.behave(**switches)
    vendors = singer.vendors(*(singer.vendor(n) for n in range(60)))
    result = instance.run([*vendors, singer.state(1)], **settings)
    assert (result.code, result.states, result.errors) == (1, [], [sentence])
    assert instance.query("SELECT status, message FROM runs") == [("stopped", sentence)]
    assert instance.rows("proc_vendor") == []
    assert instance.written() == (60 if case == "create not allowed" else 0, 0)
    defaults = {
        "hibernating": False,
        "maintenance": False,
        "client_credentials_enabled": True,
        "application_user": "integration",
        "basic_auth": True,
        "access": [],
        "rate_rules": [],
    }
    instance.behave(**defaults)
    assert instance.query("SELECT * FROM sending") == []
    assert instance.query("SELECT * FROM rejects") == []
    assert instance.run(vendors, **settings).code == 0
    assert instance.by_source("proc_vendor").keys() == {str(n) for n in range(60)}


def test_update_not_allowed(instance: Instance, singer: Singer) -> None:
    assert instance.run(singer.vendors(*(singer.vendor(n) for n in range(3)))).code == 0
    instance.behave(access=[{"table": "proc_vendor", "operation": "write", "column": "*"}])
    moved = singer.vendors(*(singer.vendor(n, City="Delft") for n in range(3)))
    result = instance.run([*moved, singer.state(1)])
    assert (result.code, result.states) == (1, [])
    assert result.errors == [
        (
            "ServiceNow denied access while writing proc_vendor (Operation Failed: ACL Exception "
            "Update Failed due to security constraints): give the integration user the role or "
            "access rule it needs"
        )
    ]


def test_the_run_waits_out_an_hourly_limit(instance: Instance, singer: Singer) -> None:
    now = instance.sandbox.clock.now()
    instance.sandbox.clock.advance(3598.5 - (now.minute * 60 + now.second))
    instance.behave(rate_rules=[{"resource": "batch", "per_hour": 5}])
    vendors = singer.vendors(*(singer.vendor(n) for n in range(20)))
    result = instance.run([*vendors, singer.state(1)], max_retries=2, workers=1)
    assert (result.code, result.states) == (0, [1])
    assert len(instance.by_source("proc_vendor")) == 20
    assert instance.counts("proc_vendor") == {"created": 20}
    assert instance.take_counters()["by_status"]["429"] == 1
    [message] = [line for line in instance.logged("WARNING") if "trying again" in line]
    assert message.startswith("ServiceNow limited the rate of requests while ")


def test_a_full_request_pool(instance: Instance, singer: Singer) -> None:
    instance.behave(slots=1, queue=0, row_cost_ms=10)
    vendors = singer.vendors(*(singer.vendor(n) for n in range(130)))
    result = instance.run([*vendors, singer.state(1)], workers=3, max_retries=8)
    assert (result.code, result.states) == (0, [1])
    assert instance.counts("proc_vendor") == {"created": 130}
    assert len(instance.by_source("proc_vendor")) == 130
    assert instance.take_counters()["by_status"]["429"] >= 1


@pytest.mark.parametrize("cut_off_item", ["committed", "not_committed", "alternate"])
def test_a_batch_that_takes_too_long(instance: Instance, singer: Singer, cut_off_item: str) -> None:
    instance.behave(row_cost_ms=10, batch_limit_seconds=0.2, cut_off_item=cut_off_item)
    vendors = singer.vendors(*(singer.vendor(n) for n in range(80)))
    result = instance.run([*vendors, singer.state(1)], workers=1)
    assert (result.code, result.states) == (0, [1])
    rows = instance.by_source("proc_vendor")
    assert rows.keys() == {str(n) for n in range(80)}
    assert {row["sys_mod_count"] for row in rows.values()} == {"0"}
    assert instance.counts("proc_vendor") == {"created": 80}
    assert instance.take_counters()["batch_items_by_status"]["500"] >= 1


def test_short_lived_tokens(instance: Instance, singer: Singer) -> None:
    instance.behave(token_seconds=2)

    def messages():
        yield singer.schema("APVendors")
        for number in range(5):
            yield singer.vendor(number)
            instance.sandbox.clock.advance(3)
            yield singer.state(number)

    result = instance.run(messages(), checkpoint_seconds=0)
    assert (result.code, result.states[-1]) == (0, 4)
    assert len(instance.by_source("proc_vendor")) == 5
    assert instance.take_counters()["token_calls"] >= 5


def test_a_unique_index(instance: Instance, singer: Singer) -> None:
    instance.insert_row("proc_vendor", name="Typed in", vendor_number="1")
    instance.behave(unique=[{"table": "proc_vendor", "columns": ["vendor_number"]}])
    vendors = singer.vendors(singer.vendor("1"), singer.vendor("2"))
    result = instance.run([*vendors, singer.state(1)])
    assert (result.code, result.states) == (0, [1])
    assert sorted(row["name"] for row in instance.rows("proc_vendor")) == ["Typed in", "Vendor 2"]
    assert instance.rejects() == {
        "1": (
            "rejected",
            (
                "ServiceNow did not insert the row (another may have its unique value): Operation "
                "Failed: Error during insert of proc_vendor (Vendor 1)"
            ),
        )
    }
    instance.behave(unique=[{"table": "proc_vendor", "columns": ["name"]}])
    renamed = singer.vendors(singer.vendor("2", VendorName="Typed in"))
    assert instance.run(renamed).code == 0
    assert instance.rejects()["2"] == (
        "rejected",
        (
            "ServiceNow refused the row: Operation Failed: Error during update of proc_vendor "
            "(Typed in)"
        ),
    )


def test_a_business_rule_that_refuses_a_row(instance: Instance, singer: Singer) -> None:
    rule = {
        "table": "proc_vendor",
        "action": "refuse",
        "when": "city=Delft",
        "message": "No Delft",
    }
    instance.behave(business_rules=[rule])
    vendors = [singer.vendor(n, City="Delft" if n == 1 else "Gouda") for n in range(4)]
    result = instance.run([*singer.vendors(*vendors), singer.state(1)])
    assert (result.code, result.states) == (0, [1])
    assert instance.by_source("proc_vendor").keys() == {"0", "2", "3"}
    outcome, reason = instance.rejects()["1"]
    assert outcome == "rejected"
    assert reason.startswith(
        "ServiceNow refused the row: Operation Failed: Operation against file 'proc_vendor' was "
        "aborted by Business Rule 'No Delft"
    )
    instance.behave(business_rules=[])
    assert instance.run([]).code == 0
    assert instance.by_source("proc_vendor").keys() == {"0", "1", "2", "3"}
    assert instance.rejects() == {}


def test_a_data_policy(instance: Instance, singer: Singer) -> None:
    policy = {"table": "proc_vendor", "mandatory": ["email"], "when": "active=true"}
    instance.behave(data_policies=[policy])
    vendors = [singer.vendor(1), singer.vendor(2, Email="a@b"), singer.vendor(3, Status="Inactive")]
    assert instance.run(singer.vendors(*vendors)).code == 0
    assert instance.by_source("proc_vendor").keys() == {"2", "3"}
    assert instance.rejects() == {
        "1": (
            "rejected",
            (
                "ServiceNow refused the row: Operation Failed: Data Policy Exception: The "
                "following fields are mandatory: Email"
            ),
        )
    }


def test_an_instance_that_chooses_sys_ids(instance: Instance, singer: Singer) -> None:
    instance.behave(properties={"glide.rest.table_api.admin_only_sys_fields": True})
    messages = singer.vendors(*(singer.vendor(n) for n in range(120)))
    assert instance.run(messages, workers=2).code == 0
    assert len(instance.by_source("proc_vendor")) == 120
    instance.take_counters()
    assert instance.run(messages, workers=2).code == 0
    assert instance.written() == (0, 0)


def test_hidden_rows_of_others(instance: Instance, singer: Singer) -> None:
    """Access rules that hide rows make pages short; our rows are found nevertheless."""
    for number in range(5):
        instance.insert_row("proc_vendor", name=f"secret {number}", company_code="SECRET")
    hidden = {"table": "proc_vendor", "operation": "read", "column": "*"}
    instance.behave(access=[{**hidden, "when": "company_code=SECRET"}])
    messages = [*singer.vendors(*(singer.vendor(n) for n in range(60))), singer.state(1)]
    # A table that shows no rows cannot be distinguished from one that may not be read.
    assert instance.run(messages).errors == [
        (
            "The integration user cannot read proc_vendor (visible rows: 0 of 5): give it a role "
            "that can read the table"
        )
    ]
    instance.insert_row("proc_vendor", name="anyone")
    for outcome in ("created", "unchanged"):
        result = instance.run(messages)
        assert (result.code, result.states, result.errors) == (0, [1], [])
        assert instance.counts("proc_vendor") == {outcome: 60}
    assert len(instance.rows("proc_vendor")) == 66


def test_unlisted_choices_are_accepted(instance: Instance, singer: Singer) -> None:
    instance.behave(properties={"glide.rest.choice.allow_non_existing_value": True})
    overrides = {"tables": {"sn_apo_invoice": {"columns": {"invoice_type": "'other'"}}}}
    messages = singer.batches(singer.batch(1, {}))
    assert instance.run(messages, mapping_overrides=overrides).code == 0
    assert instance.rows("sn_apo_invoice")[0]["invoice_type"] == "other"
    assert instance.logged("WARNING") == []
