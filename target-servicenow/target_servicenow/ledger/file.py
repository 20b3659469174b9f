"""The ledger's file: opened, told apart from other files, locked, and upgraded."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import sys
import tempfile
import typing as t
from pathlib import Path

from target_servicenow.errors import TargetError
from target_servicenow.ledger import migrations
from target_servicenow.ledger.dialect import SQLITE
from target_servicenow.ledger.migrations import FORMAT

if t.TYPE_CHECKING:
    from collections.abc import Iterator

APPLICATION: t.Final = 0x534E4C47
"""Marks a ledger, in SQLite's ``application_id``; its format is in ``user_version``."""

if sys.platform != "win32":
    import fcntl

logger = logging.getLogger(__name__)


class Closeable(t.Protocol):
    """What ends when it is closed."""

    def close(self) -> None:
        """End it."""


class LedgerError(TargetError):
    """The ledger cannot be used."""


def open_to_write(path: Path) -> sqlite3.Connection:
    """Open the file for a run, created if it is not there. Several threads may use it.

    A ledger of an older format is left as it is, for `upgrade`.

    Raises:
        LedgerError: It cannot be opened or written, is not a ledger, or is a newer one.
    """
    with contextlib.ExitStack() as undo:
        try:
            if not path.exists():
                _create(path)
            db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            undo.callback(db.close)
            if not _format(db, path):
                raise LedgerError(
                    f"The ledger {path} (ledger_path) is empty, which no ledger is: restore it "
                    "from a backup, or delete it and run without state, which reads all again"
                )
            db.execute("PRAGMA synchronous = FULL")
        except (sqlite3.Error, OSError) as error:
            raise _unusable(path, error) from None
        undo.pop_all()
    return db


def _create(path: Path) -> None:
    """Create a ledger, which appears whole, so that an empty file is known to be none.

    Raises:
        OSError: It cannot be created.
        sqlite3.Error: Likewise.
    """
    place = path.resolve()
    place.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f"{place.name}.", suffix=".new", dir=place.parent)
    os.close(descriptor)  # SQLite opens it again; only its owner can read it
    new = Path(name)
    try:
        with contextlib.closing(sqlite3.connect(new, isolation_level=None)) as db:
            db.execute("PRAGMA journal_mode = WAL")  # which stays
            _migrate(db, new)
        with contextlib.suppress(FileExistsError):  # another run has just created it
            _rename(new, place)
    finally:
        new.unlink(missing_ok=True)


def _rename(new: Path, place: Path) -> None:
    """Rename a file, but never over another one.

    Raises:
        FileExistsError: Another one is there.
    """
    try:
        os.link(new, place)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if place.exists():
            raise FileExistsError from None
        new.rename(place)


def make_private(path: Path) -> None:
    """Create a file that only its owner can read, if it is not there.

    Raises:
        OSError: It cannot be created.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def lock(path: Path) -> Closeable:
    """Keep every other run away from this ledger, until what is returned is closed.

    Two runs at once could both miss a row and both create it. The lock goes with its process
    however that ends, and holds whatever name the ledger is opened by.

    Raises:
        LedgerError: Another run is using the ledger, or it cannot be locked.
    """
    try:
        return _locked(path)
    except (sqlite3.Error, OSError) as error:
        if not isinstance(error, BlockingIOError) and "locked" not in str(error):
            raise _unusable(path, error) from None
    raise LedgerError(
        f"Another run is using the ledger {path} (ledger_path): wait until it ends, then run again"
    )


if sys.platform == "win32":

    def _locked(path: Path) -> Closeable:
        """Lock a file beside the ledger, which Windows lets nobody delete while it is open."""
        real = path.resolve()
        beside = real.with_name(f"{real.name}.lock")
        held = sqlite3.connect(beside, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            held.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error:
            held.close()
            raise
        return held

else:

    def _locked(path: Path) -> Closeable:
        """Lock the ledger itself, so that there is no other file to delete.

        Closing it takes SQLite's own locks of this process from the ledger, which are of another
        kind: so it must be closed last.
        """
        held = path.open("rb")
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            held.close()
            raise
        return held


def upgrade(db: sqlite3.Connection, path: Path) -> None:
    """Bring a ledger of an older format to the current one; it needs the lock.

    Args:
        db: The ledger, opened to write.
        path: Its file, for the message.

    Raises:
        LedgerError: It cannot be upgraded, and stays as it was.
    """
    try:
        found = _format(db, path)
        if found < FORMAT:
            _migrate(db, path)
            logger.info("The ledger %s was upgraded from format %d to %d", path, found, FORMAT)
    except sqlite3.Error as error:
        raise _not_upgraded(path, error) from None


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open the file for reading, also while a run writes.

    A ledger of an older format is read from an upgraded copy, in a temporary database that SQLite
    keeps in memory while it is small and on disk otherwise. The file itself is only upgraded by a
    run, since the version that wrote it may still be in use.

    Raises:
        LedgerError: There is no ledger at `path`, or a newer one.
    """
    with contextlib.ExitStack() as undo:
        try:
            db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
            undo.callback(db.close)
            found = _format(db, path)
            if not found:
                raise sqlite3.DatabaseError("the file is empty")
        except sqlite3.Error as error:
            raise _no_ledger(path, error) from None
        if found < FORMAT:
            return _upgraded_copy(db, path)
        undo.pop_all()
    return db


@contextlib.contextmanager
def reading() -> Iterator[None]:
    """Report an open ledger that cannot be read, or that holds what no run wrote.

    Raises:
        LedgerError: Its disk failed, or the file is damaged.
    """
    try:
        yield
    except (sqlite3.Error, ValueError) as error:  # ValueError: not JSON, or not a time
        raise LedgerError(
            f"The ledger (ledger_path) cannot be read ({error}): check its disk, and restore the "
            "file from a backup if it is damaged"
        ) from None


@contextlib.contextmanager
def writing(db: sqlite3.Connection) -> Iterator[None]:
    """Run one transaction, whole or not at all.

    Raises:
        LedgerError: The file cannot be written any more.
    """
    try:
        with db:
            db.execute(SQLITE.begin)
            yield
    except sqlite3.Error as error:
        raise LedgerError(
            f"The ledger (ledger_path) cannot be written ({error}): check that its disk has room "
            "and that no other program locks the file, then run again"
        ) from None


def _upgraded_copy(db: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    copy = sqlite3.connect("", isolation_level=None)
    try:
        db.backup(copy)
        _migrate(copy, path)
    except sqlite3.Error as error:
        copy.close()
        raise _not_upgraded(path, error) from None
    return copy


def _format(db: sqlite3.Connection, path: Path) -> int:
    """Return the format of a ledger, up to the current one; 0 for an empty file.

    Raises:
        sqlite3.Error: It is not a database, or is another program's.
        LedgerError: Its format is newer.
    """
    application, found, tables = db.execute(
        "SELECT (SELECT application_id FROM pragma_application_id),"
        " (SELECT user_version FROM pragma_user_version), (SELECT COUNT(*) FROM sqlite_master)"
    ).fetchone()
    if not tables:
        return 0
    if application != APPLICATION:
        raise sqlite3.DatabaseError("it belongs to another program")
    if found > FORMAT:
        raise LedgerError(
            f"The ledger {path} (ledger_path) was written by a newer version of target-servicenow "
            f"(format {found}; this one knows {FORMAT}): update target-servicenow"
        )
    return int(found)


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    with db:
        db.execute(SQLITE.begin)
        for statement in migrations.statements(_format(db, path)):
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION}")
        db.execute(f"PRAGMA user_version = {FORMAT}")


def _unusable(path: Path, why: Exception) -> LedgerError:
    return LedgerError(
        f"The ledger {path} (ledger_path) cannot be used ({why}): name another file, in a writable "
        "folder"
    )


def _no_ledger(path: Path, why: Exception) -> LedgerError:
    return LedgerError(
        f"{path} is not a ledger ({why}): give the file named by the setting ledger_path as "
        "--ledger"
    )


def _not_upgraded(path: Path, why: Exception) -> LedgerError:
    return LedgerError(
        f"The ledger {path} (ledger_path) cannot be upgraded to format {FORMAT} and stays as it "
        f"was ({why}): check that its disk has room and that the file is intact, then run again"
    )
