"""The ledger's file: what is none is left as it is, and told in one sentence."""

from __future__ import annotations

import sqlite3
import typing as t
from contextlib import closing

import pytest

from target_servicenow.ledger.file import APPLICATION, FORMAT, LedgerError, claim, to_read, to_write

if t.TYPE_CHECKING:
    from pathlib import Path


def test_a_ledger_is_made_with_its_folder_and_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "ledger.sqlite"
    with closing(to_write(path)) as db, closing(to_write(path)), closing(to_read(path)) as reading:
        db.execute("INSERT INTO runs VALUES (1, '', NULL, 'running', 'apply', '', 0, '')")
        assert reading.execute("SELECT status FROM runs").fetchall() == [("running",)]
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_one_run_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    first = claim(path)
    with pytest.raises(LedgerError, match=r"^Another run is writing by the ledger .*: let it end"):
        claim(path)
    first.close()
    claim(path).close()


def test_a_lock_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite.lock").mkdir()
    with pytest.raises(LedgerError, match=r"^Setting ledger_path: .*unable to open"):
        claim(tmp_path / "ledger.sqlite")


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(LedgerError, match=r"^Setting ledger_path: .*cannot be used") as caught:
        to_write(tmp_path / "file" / "ledger.sqlite")
    assert str(caught.value).endswith("; name another file, in a folder that can be written")


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to look at " * 10, encoding="utf-8")
    with pytest.raises(LedgerError, match=r"^Setting ledger_path: .*not a database"):
        to_write(path)
    assert path.read_text(encoding="utf-8").startswith("not a database, but")


@pytest.mark.parametrize(
    ("application", "layout", "told"),
    [
        (0, 0, "it holds something else"),
        (
            APPLICATION,
            99,
            f"it is of format 99, and this version of the target keeps format {FORMAT}",
        ),
    ],
    ids=["another program's", "another version's"],
)
def test_a_database_that_is_another(
    tmp_path: Path, application: int, layout: int, told: str
) -> None:
    path = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE runs (n)")
        db.execute(f"PRAGMA application_id = {application}")
        db.execute(f"PRAGMA user_version = {layout}")
    before = path.read_bytes()
    with pytest.raises(LedgerError) as caught:
        to_write(path)
    assert str(caught.value) == (
        f"Setting ledger_path: {path} cannot be used as the ledger ({told}); name another file, "
        "in a folder that can be written"
    )
    with pytest.raises(LedgerError) as caught:
        to_read(path)
    assert str(caught.value) == (
        f"{path} is not a ledger ({told}): name the file of the setting ledger_path with --ledger"
    )
    assert path.read_bytes() == before
