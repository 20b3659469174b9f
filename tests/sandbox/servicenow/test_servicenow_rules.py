"""What an instance's own rules make of what is written."""

import re

import pytest

VENDORS = "/api/now/table/proc_vendor"


def failure(detail):
    return {"error": {"message": "Operation Failed", "detail": detail}, "status": "failure"}


def post(instance, **values):
    return instance.call("POST", VENDORS, json={"name": "Copper Works", **values})


def names(instance):
    return [row["name"] for row in instance.app.rows("proc_vendor")]


def test_a_read_only_column_is_ignored(instance):
    instance.app.behave(columns=[{"table": "proc_vendor", "column": "city", "read_only": True}])
    row = instance.send("POST", "proc_vendor", {"name": "Copper Works", "city": "Ulm"})
    assert row["city"] == ""
    changed = instance.send("PATCH", f"proc_vendor/{row['sys_id']}", {"city": "Ulm"})
    assert changed == row


def test_a_column_can_be_mandatory_shorter_and_of_other_choices(instance):
    instance.app.behave(
        columns=[
            {"table": "proc_vendor", "column": "city", "mandatory": True, "max_length": 3},
            {"table": "proc_vendor", "column": "currency", "choices": {"EUR": "Euro"}},
        ]
    )
    missing = post(instance)
    assert missing.json() == failure(
        "Data Policy Exception: The following fields are mandatory: City"
    )
    row = post(instance, city="Ulmen", currency="USD").json()["result"]
    assert (row["city"], row["currency"]) == ("Ulm", "")
    assert post(instance, city="Ulm", currency="EUR").json()["result"]["currency"] == "EUR"


def test_the_dictionary_shows_the_columns_as_they_were_switched(instance):
    instance.app.behave(
        columns=[
            {
                "table": "proc_vendor",
                "column": "city",
                "read_only": True,
                "mandatory": True,
                "max_length": 3,
                "choices": {"ULM": "Ulm"},
            }
        ]
    )
    query = "name=proc_vendor^element=city"
    fields = "max_length,mandatory,read_only,choice"
    shown = {"max_length": "3", "mandatory": "true", "read_only": "true", "choice": "1"}
    assert instance.list("sys_dictionary", query=query, fields=fields) == [shown]
    choices = instance.list("sys_choice", query=query, fields="value,label")
    assert choices == [{"value": "ULM", "label": "Ulm"}]
    instance.app.behave(columns=[])
    shown = {"max_length": "60", "mandatory": "false", "read_only": "false", "choice": "0"}
    assert instance.list("sys_dictionary", query=query, fields=fields) == [shown]
    assert instance.list("sys_choice", query=query) == []


def test_a_data_policy_requires_columns_under_its_condition(instance):
    policy = {
        "table": "proc_vendor",
        "when": "active=true^countryINDE,AT",
        "mandatory": ["tax_number", "city"],
    }
    instance.app.behave(data_policies=[policy])
    refusal = failure("Data Policy Exception: The following fields are mandatory: City, Tax number")
    refused = post(instance, country="de")
    assert (refused.status_code, refused.json()) == (403, refusal)
    assert names(instance) == []
    assert post(instance, country="FR").status_code == 201
    inactive = post(instance, country="DE", active="false")
    assert inactive.status_code == 201
    path = f"{VENDORS}/{inactive.json()['result']['sys_id']}"
    assert instance.call("PATCH", path, json={"active": "true"}).json() == refusal
    values = {"active": "true", "city": "Ulm", "tax_number": "T1"}
    assert instance.call("PATCH", path, json=values).status_code == 200


def test_a_data_policy_looks_through_references(instance):
    policy = {
        "table": "sn_apo_invoice",
        "when": "vendor.on_hold=true",
        "mandatory": ["short_description"],
    }
    instance.app.behave(data_policies=[policy])
    for hold, status in (("true", 403), ("false", 201)):
        vendor = instance.app.insert("proc_vendor", {"name": hold, "on_hold": hold})
        values = {"invoice_number": "I1", "vendor": vendor["sys_id"]}
        response = instance.call("POST", "/api/now/table/sn_apo_invoice", json=values)
        assert response.status_code == status


def test_a_business_rule_refuses(instance):
    rule = {
        "table": "proc_vendor",
        "when": "nameLIKEcopper^active=true",
        "action": "refuse",
        "message": "No copper",
    }
    instance.app.behave(business_rules=[rule])
    refused = post(instance)
    assert refused.status_code == 403
    assert refused.json()["error"]["message"] == "Operation Failed"
    assert re.fullmatch(
        r"Operation against file 'proc_vendor' was aborted by Business Rule"
        r" 'No copper\^[0-9a-f]{32}'\. Business Rule Stack:No copper",
        refused.json()["error"]["detail"],
    )
    assert names(instance) == []
    tin = instance.send("POST", "proc_vendor", {"name": "Tin"})
    renamed = instance.call("PATCH", f"{VENDORS}/{tin['sys_id']}", json={"name": "Copper"})
    assert renamed.status_code == 403
    assert names(instance) == ["Tin"]
    assert instance.send("POST", "cmn_cost_center", {"name": "Copper"})["name"] == "Copper"


def test_a_business_rule_fails(instance):
    rule = {"table": "proc_vendor", "action": "fail", "when": "name=Copper"}
    instance.app.behave(business_rules=[{**rule, "status": 423, "message": "{locked}"}])
    assert instance.send("POST", "proc_vendor", {"name": "Tin"})["name"] == "Tin"
    failed = instance.call("POST", VENDORS, json={"name": "Copper"})
    assert failed.status_code == 423
    assert failed.json() == {
        "error": {"message": "{locked}", "detail": None},
        "status": "failure",
    }
    assert names(instance) == ["Tin"]


def test_a_business_rule_changes_what_is_stored(instance):
    rules = [
        {"table": "proc_vendor", "action": "set", "column": "currency", "value": "EUR"},
        {
            "table": "proc_vendor",
            "when": "currency=EUR^country=",
            "action": "set",
            "column": "country",
            "value": "DE",
        },
    ]
    # A data policy is met by what a rule has set before it.
    policies = [{"table": "proc_vendor", "mandatory": ["country"]}]
    instance.app.behave(business_rules=rules, data_policies=policies)
    row = post(instance, currency="USD").json()["result"]
    assert (row["currency"], row["country"]) == ("EUR", "DE")
    path = f"proc_vendor/{row['sys_id']}"
    assert instance.send("PATCH", path, {"currency": "USD"}) == row
    changed = instance.send("PATCH", path, {"country": "", "city": "Ulm"})
    assert (changed["country"], changed["city"], changed["sys_mod_count"]) == ("DE", "Ulm", "1")
    by_hand = instance.app.insert("proc_vendor", {"name": "Tin"})
    assert by_hand["currency"] == "EUR"


@pytest.mark.parametrize("unchanged", [False, True])
def test_a_business_rule_and_an_update_that_changes_nothing(instance, unchanged):
    before = post(instance, city="Ulm").json()["result"]
    rule = {"table": "proc_vendor", "action": "set", "column": "country", "value": "DE"}
    instance.app.behave(business_rules=[{**rule, "unchanged": unchanged}])
    after = instance.send("PATCH", f"proc_vendor/{before['sys_id']}", {"city": "Ulm"})
    if not unchanged:
        assert after == before
    else:
        assert (after["country"], after["sys_mod_count"]) == ("DE", "1")


def test_an_asynchronous_business_rule(instance):
    rule = {"table": "proc_vendor", "timing": "async", "action": "set"}
    rule = {**rule, "when": "city=Ulm", "column": "country", "value": "DE"}
    instance.app.behave(business_rules=[rule])
    answer = instance.send("POST", "proc_vendor", {"name": "Tin", "city": "Ulm", "country": "FR"})
    assert answer["country"] == "FR"
    [stored] = instance.list("proc_vendor")
    assert (stored["country"], stored["sys_mod_count"]) == ("DE", "1")
    path = f"proc_vendor/{stored['sys_id']}"
    answer = instance.send("PATCH", path, {"country": "IT"})
    assert (answer["country"], answer["sys_mod_count"]) == ("IT", "2")
    assert [row["country"] for row in instance.list("proc_vendor")] == ["DE"]
    instance.send("PATCH", path, {"city": "Rom", "country": "IT"})
    instance.app.insert("proc_vendor", {"name": "Zinc", "city": "ulm"})
    assert [row["country"] for row in instance.list("proc_vendor", query="ORDERBYname")] == [
        "IT",
        "DE",
    ]


@pytest.mark.parametrize("action", ["refuse", "fail"])
def test_an_asynchronous_business_rule_only_sets(instance, action):
    rule = {"table": "proc_vendor", "timing": "async", "action": action}
    with pytest.raises(ValueError, match=f"cannot {action} a row asynchronously"):
        instance.app.behave(business_rules=[rule])


UNIQUE = {"table": "proc_vendor", "columns": ["company_code", "vendor_number"]}


def test_a_unique_index(instance):
    instance.app.behave(unique=[UNIQUE])
    first = post(instance, company_code="A", vendor_number="x1")
    assert first.status_code == 201
    twice = post(instance, company_code="a", vendor_number="X1")
    assert twice.status_code == 403
    assert twice.json() == failure("Error during insert of proc_vendor (Copper Works)")
    other = post(instance, company_code="A", vendor_number="2")
    path = f"{VENDORS}/{other.json()['result']['sys_id']}"
    moved = instance.call("PATCH", path, json={"vendor_number": "x1"})
    assert moved.status_code == 403
    assert moved.json() == failure("Error during update of proc_vendor (Copper Works)")
    for _ in range(2):
        assert post(instance, company_code="A").status_code == 201
    numbers = sorted(row["vendor_number"] for row in instance.app.rows("proc_vendor"))
    assert numbers == ["", "", "2", "x1"]
    instance.app.behave(unique=[])
    assert post(instance, company_code="A", vendor_number="x1").status_code == 201


def test_a_unique_index_over_duplicates_cannot_be_created(instance):
    for _ in range(2):
        assert post(instance, company_code="A", vendor_number="1").status_code == 201
    before = instance.app.behaviours
    with pytest.raises(ValueError, match="there are duplicates"):
        instance.app.behave(unique=[UNIQUE])
    assert instance.app.behaviours == before
    assert post(instance, company_code="A", vendor_number="1").status_code == 201


def test_text_too_long_for_its_column(instance):
    long = "x" * 61
    assert post(instance, city=long).json()["result"]["city"] == "x" * 60
    instance.app.behave(over_long="refuse")
    refused = post(instance, city=long)
    assert refused.status_code == 403
    assert refused.json() == failure("Error during insert of proc_vendor (Copper Works)")
    fits = post(instance, city="x" * 60).json()["result"]
    again = instance.call("PATCH", f"{VENDORS}/{fits['sys_id']}", json={"city": long})
    assert again.json() == failure("Error during update of proc_vendor ()")
    assert len(names(instance)) == 2


def test_a_reference_to_a_missing_row_is_stored_empty(instance):
    nothing = "0" * 32
    assert post(instance, gl_account=nothing).json()["result"]["gl_account"] == ""


def test_a_choice_that_is_not_in_the_list(instance):
    path, values = "sn_apo_invoice", {"invoice_number": "I1", "state": "lost"}
    assert instance.send("POST", path, values)["state"] == "open"
    instance.app.behave(properties={"glide.rest.choice.allow_non_existing_value": True})
    assert instance.send("POST", path, values)["state"] == "lost"


def test_system_fields_for_administrators_only(instance):
    mine, other = "a" * 32, "b" * 32
    assert post(instance, sys_id=mine).json()["result"]["sys_id"] == mine
    instance.app.behave(properties={"glide.rest.table_api.admin_only_sys_fields": True})
    assert post(instance, sys_id=other).json()["result"]["sys_id"] != other
    values = {"name": "Tin", "sys_id": other}
    assert instance.app.insert("proc_vendor", values)["sys_id"] == other
