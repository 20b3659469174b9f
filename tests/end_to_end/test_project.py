"""The project's own promises: the demo, and what is generated from the plugins."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.xdist_group("project")  # one Meltano at a time in its folder


def test_the_demo_tells_what_happened() -> None:
    shown = subprocess.run(
        [sys.executable, str(ROOT / "demo.py")],
        capture_output=True,
        encoding="utf-8",
        timeout=280,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    first, second = json.loads((ROOT / "output" / "demo.json").read_text(encoding="utf-8"))["runs"]
    for table, outcomes in first["outcomes"].items():
        assert outcomes["created"] > 0
        assert sum(outcomes.values()) == outcomes["created"], table
    updated = {table: outcomes["updated"] for table, outcomes in second["outcomes"].items()}
    posted = sum(
        int(line.rpartition("with ")[2].split()[0])
        for line in shown.stdout.splitlines()
        if ": posted, with " in line
    )
    assert posted > 1
    assert updated == {
        "itfm_gl_accounts": 3,
        "cmn_cost_center": 0,
        "proc_vendor": 7,
        "sn_apo_invoice": posted,
        "sn_apo_invoice_line": 0,
    }
    assert not any(outcomes["created"] for outcomes in second["outcomes"].values())
    assert second["sage_calls"] < first["sage_calls"]
    assert second["servicenow_calls"] < first["servicenow_calls"]


def test_what_is_said_about_the_plugins_is_what_they_say_of_themselves() -> None:
    checked = subprocess.run(
        [sys.executable, str(ROOT / "plugins" / "generate.py"), "--check"],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
