"""The switches: what they take, and that a reset puts them back."""

import json
import re
from dataclasses import fields
from decimal import Decimal

import pytest

from sage300_servicenow_sandbox.servicenow.behaviours import Behaviours


def test_every_switch_says_what_it_is_for_and_how_sure_that_is():
    for one in fields(Behaviours):
        assert one.metadata["text"].endswith("."), one.name
        assert one.metadata["sure"] in {"documented", "measured", "assumed"}, one.name


def test_switches_are_shown_as_json(instance):
    shown = instance.app.behaviours
    assert json.loads(json.dumps(shown)) == shown
    assert shown["slots"] == 4
    assert shown["access"] == []
    rule = {"table": "proc_vendor", "operation": "read"}
    instance.app.behave(access=[rule], slots=2)
    changed = instance.app.behaviours
    full = {**rule, "column": "*", "when": "", "allowed": False}
    assert changed == {**shown, "slots": 2, "access": [full]}
    instance.app.behave(**changed)
    assert instance.app.behaviours == changed


def test_a_reset_is_a_stock_instance_again(instance):
    stock = instance.app.behaviours
    instance.app.behave(
        hibernating=True, unique=[{"table": "proc_vendor", "columns": ["vendor_number"]}]
    )
    instance.app.reset()
    assert instance.app.behaviours == stock
    for name in ("Copper Works", "Tin Works"):
        instance.send("POST", "proc_vendor", {"name": name, "vendor_number": "1200"})
    assert len(instance.list("proc_vendor")) == 2


VENDOR = {"table": "proc_vendor"}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"no_such": 1}, "no_such does not exist; there are hibernating"),
        ({"hibernating": "yes"}, "hibernating has to be true or false, not 'yes'."),
        ({"slots": True}, "slots has to be a whole number from 0 to 1,000,000, not True."),
        ({"slots": 0}, "slots has to be 1 or more"),
        ({"queue": -1}, "queue has to be a whole number from 0 to 1,000,000, not -1."),
        ({"row_cost_ms": "12"}, "row_cost_ms has to be a number from 0 to 1,000,000, not '12'."),
        ({"row_cost_ms": float("nan")}, "row_cost_ms has to be a number"),
        ({"row_cost_ms": Decimal("NaN")}, "row_cost_ms has to be a number"),
        ({"batch_limit_seconds": Decimal("1e999")}, "batch_limit_seconds has to be a number"),
        ({"token_seconds": 10**400}, "token_seconds has to be a whole number from 0"),
        ({"self": 1}, "self does not exist"),
        ({"application_user": None}, "application_user has to be text, not None."),
        ({"over_long": "cut"}, "over_long has to be truncate or refuse, not 'cut'."),
        ({"access": VENDOR}, "access has to be a list"),
        ({"access": [VENDOR]}, "access[0].operation is missing."),
        ({"access": ["proc_vendor"]}, "access[0] has to be an object, not 'proc_vendor'."),
        ({"access": [{**VENDOR, "operation": "see"}]}, "access[0].operation has to be read or"),
        ({"access": [{**VENDOR, "who": "x"}]}, "access[0].who does not exist"),
        ({"access": [{"table": "nothing", "operation": "read"}]}, "no table nothing."),
        (
            {"access": [{**VENDOR, "operation": "read", "column": "colour"}]},
            "The table proc_vendor has no column colour.",
        ),
        (
            {"access": [{**VENDOR, "operation": "write", "when": "active=true"}]},
            "The access rule on proc_vendor cannot have a condition",
        ),
        (
            {"access": [{**VENDOR, "operation": "read", "when": "colour=red"}]},
            "The table proc_vendor has no use for 'colour' in 'colour=red'.",
        ),
        ({"no_web_services": ["nothing"]}, "The instance has no table nothing."),
        ({"properties": {"glide.nothing": True}}, "A name in properties has to be glide."),
        ({"properties": ["x"]}, "properties has to be an object"),
        ({"columns": [{**VENDOR, "column": "colour"}]}, "proc_vendor has no column colour."),
        (
            {"columns": [{**VENDOR, "column": "city", "max_length": "9"}]},
            "columns[0].max_length has to be a whole number from 0 to 1,000,000, not '9'.",
        ),
        ({"data_policies": [{**VENDOR, "mandatory": ["colour"]}]}, "has no column colour."),
        (
            {"business_rules": [{**VENDOR, "action": "set", "column": "active", "value": "x"}]},
            "A business rule of proc_vendor cannot set active to 'x'",
        ),
        ({"business_rules": [{**VENDOR, "action": "set"}]}, "proc_vendor has no column ."),
        ({"unique": [{**VENDOR, "columns": ["colour"]}]}, "proc_vendor has no column colour."),
        ({"rate_rules": [{"resource": "import", "per_hour": 1}]}, "rate_rules[0].resource has"),
    ],
)
def test_what_cannot_be_switched_is_told_in_a_sentence(instance, changes, sentence):
    before = instance.app.behaviours
    with pytest.raises(ValueError, match=re.escape(sentence)) as refusal:
        instance.app.behave(**{"token_seconds": 60, **changes})
    assert str(refusal.value).count("\n") == 0
    assert instance.app.behaviours == before
