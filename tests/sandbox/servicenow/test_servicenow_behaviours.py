"""The switches: what they take, and that a reset puts them back."""

import json
import re
from decimal import Decimal

import pytest

from sage300_servicenow_sandbox.declared import DeclarationError


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
        ({"no_such": 1}, "Invalid behaviours: object contains unknown field `no_such`"),
        ({"self": 1}, "Invalid behaviours: object contains unknown field `self`"),
        ({"hibernating": "yes"}, "Invalid behaviours at hibernating: expected `bool`, got `str`"),
        ({"slots": True}, "Invalid behaviours at slots: expected `int`, got `bool`"),
        ({"slots": 0}, "Invalid behaviours at slots: expected `int` >= 1"),
        ({"row_cost_ms": Decimal("NaN")}, "Invalid behaviours at row_cost_ms: "),
        ({"batch_limit_seconds": Decimal("1e999")}, "Invalid behaviours at batch_limit_seconds: "),
        ({"access": [VENDOR]}, "at access[0]: object missing required field `operation`"),
        (
            {"access": [{**VENDOR, "operation": "see"}]},
            "at access[0].operation: invalid enum value 'see', choose from create, ",
        ),
        ({"access": [{"table": "nothing", "operation": "read"}]}, "no table nothing"),
        (
            {"access": [{**VENDOR, "operation": "read", "column": "colour"}]},
            "The table proc_vendor has no column colour",
        ),
        (
            {"access": [{**VENDOR, "operation": "write", "when": "active=true"}]},
            "The access rule on proc_vendor cannot have a condition",
        ),
        (
            {"access": [{**VENDOR, "operation": "read", "when": "colour=red"}]},
            "The table proc_vendor cannot use 'colour' in the query 'colour=red'",
        ),
        ({"no_web_services": ["nothing"]}, "The instance has no table nothing"),
        (
            {"properties": {"glide.nothing": True}},
            "at a key of properties: invalid enum value 'glide.nothing', choose from glide.",
        ),
        ({"columns": [{**VENDOR, "column": "colour"}]}, "proc_vendor has no column colour"),
        ({"data_policies": [{**VENDOR, "mandatory": ["colour"]}]}, "has no column colour"),
        (
            {"business_rules": [{**VENDOR, "action": "set", "column": "active", "value": "x"}]},
            "A business rule of proc_vendor cannot set active to 'x'",
        ),
        ({"unique": [{**VENDOR, "columns": ["colour"]}]}, "proc_vendor has no column colour"),
    ],
)
def test_a_behaviour_that_is_not_possible_is_refused_in_a_sentence(instance, changes, sentence):
    before = instance.app.behaviours
    with pytest.raises(DeclarationError, match=re.escape(sentence)) as refusal:
        instance.app.behave(**{"token_seconds": 60, **changes})
    assert "\n" not in str(refusal.value)
    assert instance.app.behaviours == before
