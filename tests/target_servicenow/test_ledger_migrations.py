"""Migrating a ledger of format 1: nothing is lost, and its rows get their causes.

`data/ledger-format-1.ledger` was written by the code of that format, in runs against the sandbox:
rows created, adopted, updated, held and rejected, a plan, records validated against their schema, a
run that stopped, one that ended before it recorded what it had written, and one killed while
sending.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import typing as t
from contextlib import closing
from decimal import Decimal
from importlib import resources
from pathlib import Path

import pytest
from click.testing import CliRunner

from target_servicenow.commands.group import ledger
from target_servicenow.ledger import file
from target_servicenow.ledger.file import FORMAT, LedgerError
from target_servicenow.ledger.writer import LedgerWriter
from target_servicenow.outcomes import Cause

if t.TYPE_CHECKING:
    from collections.abc import Iterator

COMPANY = "sage300:SAMINC"
FORMAT_1 = Path(__file__).with_name("data") / "ledger-format-1.ledger"

OUTCOME = (
    'number, run, at, "table", identifier, sys_id, outcome, changes, {}, status, attempts, reason'
)
REJECT = '"table", identifier, run, outcome, reason, stream, payload'


@pytest.fixture
def old_ledger(tmp_path: Path) -> Path:
    return Path(shutil.copy(FORMAT_1, tmp_path / "ledger.sqlite"))


@pytest.fixture
def writer(old_ledger: Path) -> Iterator[LedgerWriter]:
    """The ledger, opened and migrated by a run."""
    started = LedgerWriter(old_ledger)
    started.start(mode="apply", mapping="default")
    yield started
    started.close()


def query(path: Path, sql: str) -> list[tuple[t.Any, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(sql).fetchall()


def run_command(path: Path, *words: str) -> str:
    result = CliRunner().invoke(ledger, ["--ledger", str(path), *words])
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def format_of(path: Path) -> int:
    [(number,)] = query(path, "PRAGMA user_version")
    return int(number)


@pytest.mark.parametrize("table", ["counts", "records", "schemas", "sending"])
def test_unchanged_tables_keep_every_row(
    old_ledger: Path, writer: LedgerWriter, table: str
) -> None:
    rows = query(old_ledger, f"SELECT * FROM {table}")
    assert rows == query(FORMAT_1, f"SELECT * FROM {table}") != []
    assert writer.run == 8


def test_outcomes_and_rejects_keep_every_row(old_ledger: Path, writer: LedgerWriter) -> None:
    found = query(old_ledger, f"SELECT {OUTCOME.format('altered')} FROM outcomes")
    assert found == query(FORMAT_1, f"SELECT {OUTCOME.format('swallowed')} FROM outcomes") != []
    found = query(old_ledger, f"SELECT {REJECT} FROM rejects")
    assert found == query(FORMAT_1, f"SELECT {REJECT} FROM rejects") != []
    assert writer.run == 8


def test_the_killed_run_is_closed(old_ledger: Path, writer: LedgerWriter) -> None:
    *earlier, killed = query(FORMAT_1, "SELECT * FROM runs ORDER BY run")
    assert killed[3] == "running"
    columns = "run, started, finished, status, mode, mapping, calls, message"
    *found, seventh, _ = query(old_ledger, f"SELECT {columns} FROM runs ORDER BY run")
    assert found == earlier
    assert (seventh[3], seventh[7]) == ("stopped", "interrupted")
    assert writer.run == 8


def test_migrated_tables_match_the_schema(
    old_ledger: Path, writer: LedgerWriter, tmp_path: Path
) -> None:
    fresh = tmp_path / "fresh.sqlite"
    file.open_to_write(fresh).close()

    def layout(path: Path) -> dict[str, t.Any]:
        tables = query(path, "SELECT name, sql FROM sqlite_master WHERE type = 'table'")
        pragmas = ("table_xinfo", "index_list", "foreign_key_list")
        return {
            name: ("WITHOUT ROWID" in sql, *(query(path, f"PRAGMA {p}({name})") for p in pragmas))
            for name, sql in tables
        }

    assert layout(old_ledger) == layout(fresh)
    assert format_of(old_ledger) == format_of(fresh) == FORMAT
    assert writer.run == 8


def test_held_and_rejected_rows_keep_cause_and_payload(writer: LedgerWriter) -> None:
    rejects = {reject.identifier.split(":", 2)[-1]: reject for reject in writer.pending()}
    assert {name: (reject.outcome, reject.cause) for name, reject in rejects.items()} == {
        "GLAccount:7000": ("rejected", "record"),
        "(no key) a033552fb3afbf479ca7fb816d40504e": ("rejected", "record"),
        "Vendor:2": ("rejected", "schema"),
        "Vendor:3": ("rejected", "length"),
        "Vendor:5": ("rejected", "record"),
        "Vendor:6": ("held", "adoption"),
        "Vendor:8": ("rejected", "duplicate"),
        "Vendor:9": ("held", "adoption"),
        "Vendor:10": ("held", "adoption"),
        "Invoice:1:1": ("rejected", "refused"),
        "Invoice:2:1": ("held", "reference"),
    }
    [payload] = writer.payloads([rejects["Invoice:2:1"]])
    [invoice] = payload["Invoices"]
    amounts = {name: value for name, value in invoice.items() if isinstance(value, Decimal)}
    assert {name: str(value) for name, value in amounts.items()} == {
        "TaxTotal": "12.90",
        "DocumentTotalIncludingTax": "1234567890123456789.001",
        "ExchangeRate": "0.10000000000000000001",
    }
    [payload] = writer.payloads([rejects["Vendor:5"]])
    assert payload["Comment"] == "half \ud83d of a pair, wh\u00f6le \U0001f600"


def test_rows_being_sent_are_known(writer: LedgerWriter) -> None:
    sending = writer.unfinished("proc_vendor")
    assert {name.rpartition(":")[2]: note.outcome for name, note in sending.items()} == {
        "1": "updated",
        **dict.fromkeys(("200", "201", "202"), "created"),
    }
    note = sending[f"{COMPANY}:Vendor:1"]
    assert (note.run, note.changes) == (7, {"city": {"old": "Gouda", "new": "Hoorn"}})


REASONS = [
    ("it does not fit its schema: data.City must be string or null", "schema"),
    ("it does not fit its schema: vendor points at x, which proc_vendor does not hold", "schema"),
    ("too long for proc_vendor: city (61 characters, the column holds 60)", "length"),
    ("column start_date: 'soon' is not a date", "record"),
    ("column state: 'Lost' is none of its choices (Open, Posted)", "record"),
    ("column name: 'int(Name)' cannot be worked out: invalid literal", "record"),
    ("a part of its key (CompanyID, VendorNumber) is empty", "record"),
    ("'int(Name)' cannot be worked out: ServiceNow is no number", "record"),
    ("Invoices is not a list of objects", "record"),
    ("[] is no code", "record"),
    ("no rule of cost_center fits it", "no_rule"),
    ("vendor points at sage300:SAMINC:Vendor:77, which proc_vendor does not hold", "reference"),
    (
        (
            f"2 rows of proc_vendor carry correlation_id {COMPANY}:Vendor:8 (a, b): delete or "
            "clear all but one; none was changed"
        ),
        "duplicate",
    ),
    (
        (
            "2 rows of proc_vendor have name 'Twin' and no correlation_id (a, b): set "
            f"correlation_id to {COMPANY}:Vendor:6 on the right one"
        ),
        "adoption",
    ),
    (
        (
            "2 records have name 'Twin' and could claim the row a of proc_vendor: set its "
            f"correlation_id to {COMPANY}:Vendor:9 if it is this one's"
        ),
        "adoption",
    ),
    ("the row is too large for the instance", "too_large"),
    (
        "ServiceNow refuses the row: Operation Failed: it points at a, which b does not hold",
        "refused",
    ),
    ("ServiceNow does not insert the row (another may stand in its place): x", "refused"),
    ("ServiceNow has no such row: No Record found", "refused"),
    ("the answer was lost; the row was found afterwards", "lost_answer"),
    ("written in run 5, whose end was not recorded", "lost_answer"),
    ("", ""),
    ("an unknown reason", ""),
]


def test_every_old_reason_gets_its_cause(old_ledger: Path) -> None:
    with closing(sqlite3.connect(old_ledger, isolation_level=None)) as db:
        for number, (reason, _) in enumerate(REASONS):
            values = (f"reason {number}", reason)
            db.execute("INSERT INTO rejects VALUES ('t', ?, 1, 'held', ?, 's', '{}')", values)
            db.execute(
                "INSERT INTO outcomes"
                " SELECT NULL, run, '', 't', ?, '', '', '{}', '{}', 0, 0, ? FROM runs LIMIT 1",
                values,
            )
        file.upgrade(db, old_ledger)
        for table in ("rejects", "outcomes"):
            causes = db.execute(
                f"SELECT reason, cause FROM {table} WHERE identifier LIKE 'reason %'"
            ).fetchall()
            assert sorted(causes) == sorted(REASONS)


def test_the_schema_lists_every_cause() -> None:
    schema = (resources.files("target_servicenow.ledger") / "schema.sql").read_text("utf-8")
    assert [cause for cause in Cause if cause not in schema] == []


def test_the_upgrade_is_logged_once(old_ledger: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    for _ in range(2):
        run = LedgerWriter(old_ledger)
        run.start(mode="plan", mapping="default")
        run.close()
    assert caplog.messages == [f"The ledger {old_ledger} was upgraded from format 1 to {FORMAT}"]


def test_only_the_run_that_holds_the_lock_upgrades(old_ledger: Path) -> None:
    with closing(file.lock(old_ledger)), closing(LedgerWriter(old_ledger)) as second:
        with pytest.raises(LedgerError, match=r"^Another run is using the ledger "):
            second.start(mode="apply", mapping="default")
        assert format_of(old_ledger) == 1


def test_a_failed_upgrade_leaves_the_ledger_alone(old_ledger: Path) -> None:
    with closing(sqlite3.connect(old_ledger)) as db:
        db.execute("ALTER TABLE rejects DROP COLUMN reason")  # which the last step reads
        contents = list(db.iterdump())
    sentence = (
        f"The ledger {old_ledger} (ledger_path) cannot be upgraded to format {FORMAT} and stays as "
        "it was (no such column: reason): check that its disk has room and that the file is "
        "intact, then run again"
    )
    with closing(LedgerWriter(old_ledger)) as run, pytest.raises(LedgerError) as caught:
        run.start(mode="apply", mapping="default")
    assert str(caught.value) == sentence
    with closing(sqlite3.connect(old_ledger)) as db:
        assert list(db.iterdump()) == contents
    assert format_of(old_ledger) == 1
    result = CliRunner().invoke(ledger, ["--ledger", str(old_ledger), "runs"])
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"Error: {sentence}\n")


@pytest.mark.parametrize("upgraded", [False, True], ids=["format 1", "upgraded"])
def test_commands_read_it(old_ledger: Path, upgraded: bool) -> None:  # noqa: FBT001
    with closing(LedgerWriter(old_ledger)) as run:
        if upgraded:
            run.start(mode="apply", mapping="default")
            run.finish(status="finished", calls=0)
    contents = old_ledger.read_bytes()
    assert upgraded or contents == FORMAT_1.read_bytes()

    explained = run_command(old_ledger, "explain", f"{COMPANY}:Vendor:2").splitlines()
    assert explained[1] == f"  {COMPANY}:Vendor:2 in proc_vendor"
    assert "  last seen in run 4" in explained
    assert explained[-2].endswith(": rejected (schema)")
    assert explained[-1] == "    it does not fit its schema: data.City must be string or null"
    assert (
        "    u_absent: sent two, stored (blank)"
        in run_command(old_ledger, "explain", "11").splitlines()
    )

    lines = run_command(old_ledger, "rejects").splitlines()
    group = lines.index("More than one existing row could be this record: 3 rows (adoption)")
    assert lines[group + 3] == "  Vendor 10 of SAMINC, shared name: held since run 4"
    assert lines[group + 4] == f"    proc_vendor {COMPANY}:Vendor:10"
    rejects = json.loads(run_command(old_ledger, "rejects", "--json"))
    assert {row["cause"] for row in rejects if row["table"] == "proc_vendor"} == {
        *("adoption", "duplicate", "length", "record", "schema"),
    }

    runs = json.loads(run_command(old_ledger, "runs", "--json"))[-1]
    assert runs["outcomes"]["sn_apo_invoice"]["created"] == 2
    exported = run_command(old_ledger, "export").splitlines()
    assert len(exported) == 3 + 11
    assert sum('"TaxTotal":12.90' in line for line in exported) == 1

    assert old_ledger.read_bytes() == contents
    assert format_of(old_ledger) == (FORMAT if upgraded else 1)
