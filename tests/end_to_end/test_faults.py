"""The pipe on the worst of days: every kind of fault on both sides, run again until it is through.

Each run either ends well or stops with a sentence; in the end every row is there, once, and right.
"""

from __future__ import annotations

import os
import typing as t

import pytest

from sage300_servicenow_sandbox import Sandbox, SandboxOptions

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Pair

KINDS: tuple[dict[str, t.Any], ...] = (
    {"fault": "delay", "seconds": 0.05},
    {"fault": "hang", "seconds": 0.05},
    {"fault": "hang", "seconds": 0.05, "commit": True},
    {"fault": "reset"},
    {"fault": "drop"},
    {"fault": "cut"},
    {"fault": "trickle", "seconds": 0.1},
    {"fault": "error", "status": 500},
    {"fault": "error", "status": 502, "body": "html"},
    {"fault": "error", "status": 503, "commit": True},
    {"fault": "error", "status": 429, "retry_after": 1},
    {"fault": "error", "status": 429},
    {"fault": "html"},
    {"fault": "html", "commit": True},
    {"fault": "unparsable"},
    {"fault": "partial", "side": "servicenow"},
    {"fault": "expire_token", "side": "servicenow"},
)
RUNS = 10
# The target waits until a write whose answer was lost cannot be under way any more. The sandbox
# carries a request out before it spoils the answer, so here there is nothing to wait for.
NO_LATE_COMMITS = """
import sys

if any("target-servicenow" in argument for argument in sys.orig_argv):
    from target_servicenow.api import batch

    batch.commit_seconds = lambda *_, **__: 0.2
"""
TABLES = ("itfm_gl_accounts", "proc_vendor", "sn_apo_invoice")


@pytest.fixture
def small() -> Iterator[Sandbox]:
    """A company small enough to be read again and again."""
    options = SandboxOptions(sage_port=0, servicenow_port=0, vendors=60, accounts=50, batches=16)
    with Sandbox(options) as sandbox:
        yield sandbox


@pytest.mark.parametrize("seed", [1, 2])
def test_every_row_arrives_once_and_right_whatever_breaks(
    small: Sandbox,
    tmp_path: Path,
    pair_class: type[Pair],
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
) -> None:
    (tmp_path / "sitecustomize.py").write_text(NO_LATE_COMMITS, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    pair = pair_class(
        small,
        tmp_path,
        tap={"page_size": 10, "document_page_size": 4, "max_retries": 3},
        target={"batch_size_rows": 20, "max_retries": 3},
    )
    rules = [{**kind, "probability": 0.02} for kind in KINDS]
    pair.control.follow_faults({"seed": seed, "rules": rules})
    state: dict[str, t.Any] | None = None
    for _ in range(RUNS):
        ended = pair.run(state=state)
        state = ended.states[-1] if ended.states else state
        assert "Traceback" not in ended.errors
        if (ended.tap, ended.target) == (0, 0):
            break
        assert ended.errors.strip()
    assert (ended.tap, ended.target) == (0, 0), ended.errors

    met = {rule["fault"] for rule in pair.control.call("GET", "faults")["rules"] if rule["struck"]}
    pair.control.clear_faults()
    assert len(met) >= 4
    arrived = {table: pair.servicenow(table) for table in TABLES}
    assert {table: len(rows) for table, rows in arrived.items()} == {
        "itfm_gl_accounts": 50,
        "proc_vendor": 60,
        "sn_apo_invoice": _invoices(pair),
    }
    # A run without faults and without state finds nothing to correct.
    pair.control.reset_counters()
    checked = pair.run()
    assert (checked.tap, checked.target) == (0, 0), checked.errors
    assert pair.writes() == 0
    assert {table: pair.servicenow(table) for table in TABLES} == arrived


def _invoices(pair: Pair) -> int:
    batches = pair.sage("APInvoiceBatches")
    return sum(len(b["Invoices"]) for b in batches if b["BatchStatus"] != "Deleted")
