"""The ledger's file: opening, locking, and files that are not ledgers, which are left alone."""

from __future__ import annotations

import os
import sqlite3
import typing as t
from contextlib import closing

import pytest
from click.testing import CliRunner

from target_servicenow.commands.group import ledger
from target_servicenow.errors import TargetError
from target_servicenow.ledger.entries import Entry
from target_servicenow.ledger.file import (
    APPLICATION,
    FORMAT,
    LedgerError,
    lock,
    open_to_read,
    open_to_write,
)
from target_servicenow.ledger.reader import LedgerReader
from target_servicenow.ledger.writer import LedgerWriter

if t.TYPE_CHECKING:
    from pathlib import Path


def test_a_ledger_is_created_along_with_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "new" / "ledger.sqlite"
    with closing(open_to_write(path)) as db, closing(open_to_write(path)):
        db.execute("INSERT INTO runs VALUES (1, '', NULL, 'running', 'apply', '', 0, '', '', '')")
        with closing(open_to_read(path)) as reading:
            assert reading.execute("SELECT status FROM runs").fetchall() == [("running",)]
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
        assert db.execute("PRAGMA user_version").fetchone() == (FORMAT,)


@pytest.mark.skipif(os.name == "nt", reason="links take a privilege on Windows")
@pytest.mark.parametrize("name", ["ledger.sqlite", "symbolic", "hard", "folder/ledger.sqlite"])
def test_the_lock_is_exclusive_by_whatever_name(tmp_path: Path, name: str) -> None:
    """A link to the ledger, or to its folder, is the same ledger."""
    path = tmp_path / "ledger.sqlite"
    open_to_write(path).close()
    (tmp_path / "symbolic").symlink_to(path)
    (tmp_path / "hard").hardlink_to(path)
    (tmp_path / "folder").symlink_to(tmp_path)
    first = lock(path)
    with pytest.raises(LedgerError) as caught:
        lock(tmp_path / name)
    assert str(caught.value) == (
        f"Another run is using the ledger {tmp_path / name} (ledger_path): wait until it ends, "
        "then run again"
    )
    first.close()
    lock(tmp_path / name).close()


def test_the_lock_has_no_file_to_delete(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    open_to_write(path).close()
    with closing(lock(path)):
        for other in tmp_path.iterdir():
            if other != path:
                other.unlink()
        with pytest.raises(LedgerError, match=r"^Another run is using the ledger "):
            lock(path)


def test_a_lock_that_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").mkdir()
    with pytest.raises(LedgerError, match=r"^The ledger .* cannot be used \("):
        lock(tmp_path / "ledger.sqlite")


def test_a_parent_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    path = tmp_path / "file" / "ledger.sqlite"
    with pytest.raises(TargetError) as caught:
        open_to_write(path)
    assert str(caught.value).startswith(f"The ledger {path} (ledger_path) cannot be used (")
    assert str(caught.value).endswith("): name another file, in a writable folder")


def test_a_text_file(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to look at " * 10, encoding="utf-8")
    with pytest.raises(LedgerError, match="file is not a database"):
        open_to_write(path)
    assert path.read_text(encoding="utf-8").startswith("not a database, but")


def test_an_empty_file(tmp_path: Path) -> None:
    """Kind: a truncated copy is taken for a new ledger, and what waited in it is forgotten."""
    path = tmp_path / "ledger.sqlite"
    path.touch()
    with closing(sqlite3.connect(tmp_path / "vacant.sqlite")) as db:
        db.execute("VACUUM")
    for empty in (path, tmp_path / "vacant.sqlite"):
        before = empty.read_bytes()
        with pytest.raises(LedgerError) as caught:
            open_to_write(empty)
        assert str(caught.value) == (
            f"The ledger {empty} (ledger_path) is empty, which no ledger is: restore it from a "
            "backup, or delete it and run without state, which reads all again"
        )
        assert empty.read_bytes() == before


def test_a_ledger_appears_whole(tmp_path: Path) -> None:
    """A run that is killed while it creates its ledger leaves none, instead of an empty file."""
    path = tmp_path / "ledger.sqlite"
    seen = []

    def interrupt(*_: object) -> t.NoReturn:
        seen.extend(tmp_path.iterdir())
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "link", interrupt)
        with pytest.raises(KeyboardInterrupt):
            open_to_write(path)
    assert seen != []
    assert list(tmp_path.iterdir()) == []
    with closing(open_to_write(path)):
        assert path in tmp_path.iterdir()


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_two_runs_that_create_a_ledger_at_once(tmp_path: Path, *, links: bool) -> None:
    """The first one's is not replaced, on file systems without links either."""
    path = tmp_path / "ledger.sqlite"
    link, first = os.link, []

    def late(source: str, place: str) -> None:
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(os, "link", link)
            if not first:
                first.append(open_to_write(path))
        if not links:
            raise OSError
        link(source, place)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "link", late)
        second = open_to_write(path)
    with closing(first[0]), closing(second):
        first[0].execute("INSERT INTO runs VALUES (1, '', NULL, 'x', 'apply', '', 0, '', '', '')")
        assert second.execute("SELECT status FROM runs").fetchall() == [("x",)]


def other_database(path: Path, application: int, version: int) -> bytes:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE runs (n)")
        db.execute(f"PRAGMA application_id = {application}")
        db.execute(f"PRAGMA user_version = {version}")
    return path.read_bytes()


def test_the_database_of_another_program(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    before = other_database(path, 0, 0)
    with pytest.raises(LedgerError) as caught:
        open_to_write(path)
    assert str(caught.value) == (
        f"The ledger {path} (ledger_path) cannot be used (it belongs to another program): name "
        "another file, in a writable folder"
    )
    with pytest.raises(LedgerError) as caught:
        open_to_read(path)
    assert str(caught.value) == (
        f"{path} is not a ledger (it belongs to another program): give the file named by the "
        "setting ledger_path as --ledger"
    )
    assert path.read_bytes() == before


@pytest.mark.parametrize("opened", [open_to_write, open_to_read])
def test_a_ledger_from_a_newer_version(
    tmp_path: Path, opened: t.Callable[[Path], sqlite3.Connection]
) -> None:
    path = tmp_path / "newer.sqlite"
    before = other_database(path, APPLICATION, 99)
    with pytest.raises(LedgerError) as caught:
        opened(path)
    assert str(caught.value) == (
        f"The ledger {path} (ledger_path) was written by a newer version of target-servicenow "
        f"(format 99; this one knows {FORMAT}): update target-servicenow"
    )
    assert path.read_bytes() == before


def test_a_damaged_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with closing(LedgerWriter(path)) as run:
        run.start(mode="apply", mapping="default")
        payload = {"text": "x" * 3000}
        run.record(Entry("t", str(n), "held", payload=payload) for n in range(100))
    contents = path.read_bytes()
    path.write_bytes(contents[:65_536] + b"\xff" * (len(contents) - 65_536))
    sentence = (
        "The ledger (ledger_path) cannot be read (database disk image is malformed): check its "
        "disk, and restore the file from a backup if it is damaged"
    )
    with closing(LedgerReader(path)) as reader, pytest.raises(LedgerError) as caught:
        reader.rejects()
    assert str(caught.value) == sentence
    with closing(LedgerWriter(path)) as run, pytest.raises(LedgerError) as caught:
        run.pending()
    assert str(caught.value) == sentence
    result = CliRunner().invoke(ledger, ["--ledger", str(path), "rejects"])
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"Error: {sentence}\n")
