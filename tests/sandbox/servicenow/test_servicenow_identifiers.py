"""sys_ids come from the seed, and none repeats."""

from __future__ import annotations

import pytest

TABLES = ("proc_vendor", "cmn_cost_center")
NAMED = {"name": "Copper Works"}


def test_the_same_seed_makes_the_same_sys_ids_which_look_random(open_instance):
    made = []
    for seed, name in ((1, "one"), (1, "two"), (2, "three")):
        app = open_instance(name, random_seed=seed)
        made.append([app.insert(table, NAMED)["sys_id"] for table in TABLES * 100])
        app.close()
    assert made[0] == made[1]
    assert len({*made[0], *made[2]}) == 400
    assert {len(sys_id) for sys_id in made[0]} == {32}
    assert made[0] != sorted(made[0])
    # As many different ones at every place as there are hexadecimal digits.
    assert all(len(set(digits)) == 16 for digits in zip(*made[0], strict=True))


def test_no_sys_id_repeats_after_a_restart(open_instance):
    app = open_instance(random_seed=1)
    first = app.insert("proc_vendor", NAMED)["sys_id"]
    app.close()
    app = open_instance(random_seed=1)
    assert app.insert("cmn_cost_center", NAMED)["sys_id"] != first
    app.close()


def test_a_sys_id_copied_from_an_instance_with_the_same_seed_is_not_made_again(open_instance):
    app, twin = open_instance(random_seed=1), open_instance("twin", random_seed=1)
    brought = [app.insert("proc_vendor", NAMED)["sys_id"] for _ in range(3)]
    app.close()
    for sys_id in brought[:2]:
        assert twin.insert("proc_vendor", {**NAMED, "sys_id": sys_id})["sys_id"] == sys_id
    assert twin.insert("proc_vendor", NAMED)["sys_id"] == brought[2]
    assert len(twin.rows("proc_vendor")) == 3
    twin.close()


def test_a_refused_insert_uses_up_no_sys_id(open_instance):
    app, twin = open_instance(random_seed=1), open_instance("twin", random_seed=1)
    app.behave(business_rules=[{"table": "proc_vendor", "action": "refuse", "when": "name=no"}])
    with pytest.raises(Exception, match="Business Rule"):
        app.insert("proc_vendor", {"name": "no"})
    assert app.insert("proc_vendor", NAMED)["sys_id"] == twin.insert("proc_vendor", NAMED)["sys_id"]
    app.close()
    twin.close()
