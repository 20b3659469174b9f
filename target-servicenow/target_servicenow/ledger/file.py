"""The ledger's file: made, opened, and told apart from any other SQLite file."""

from __future__ import annotations

import sqlite3
import typing as t
from importlib import resources

if t.TYPE_CHECKING:
    from pathlib import Path

APPLICATION: t.Final = 0x534E4C47
"""What the file says it is, in SQLite's ``application_id``."""

FORMAT: t.Final = 1
"""How its tables are laid out, in SQLite's ``user_version``; raised when ``schema.sql`` changes."""

_SCHEMA = (resources.files("target_servicenow.ledger") / "schema.sql").read_text(encoding="utf-8")
_LAYOUT = f"""
BEGIN IMMEDIATE;
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {FORMAT};
{_SCHEMA}
COMMIT;
"""


class LedgerError(Exception):
    """The ledger cannot be used. The message is one sentence that names the setting."""


def to_write(path: Path) -> sqlite3.Connection:
    """Open the file for a run, made if it is not there. It may be used from several threads.

    Raises:
        LedgerError: it cannot be opened or written, or is something else.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    except (sqlite3.Error, OSError) as error:
        raise _unusable(path, str(error)) from None
    fault = _stranger(db)
    if fault == _EMPTY:
        fault = _made(db)
    if fault:
        db.close()
        raise _unusable(path, fault)
    db.execute("PRAGMA synchronous = FULL")
    return db


def _made(db: sqlite3.Connection) -> str:
    """Lay out an empty file; why that failed, or nothing."""
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(_LAYOUT)
    except sqlite3.Error as error:
        return str(error)
    return ""


def _unusable(path: Path, why: str) -> LedgerError:
    return LedgerError(
        f"Setting ledger_path: {path} cannot be used as the ledger ({why}); name another file, in "
        "a folder that can be written"
    )


def claim(path: Path) -> sqlite3.Connection:
    """Keep every other run from writing by this ledger, for as long as the connection lives.

    Two runs at once could both miss a row and both create it. The lock is SQLite's, on an empty
    file beside the ledger, so it goes with its process however that ends.

    Raises:
        LedgerError: another run is at work, or the lock cannot be made.
    """
    beside = path.with_name(f"{path.name}.lock")
    try:
        lock = sqlite3.connect(beside, timeout=0, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise _unusable(path, str(error)) from None
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        lock.close()
        if "locked" not in str(error):
            raise _unusable(path, str(error)) from None
        raise LedgerError(
            f"Another run is writing by the ledger {path}, setting ledger_path ({error}): let it "
            "end and run again"
        ) from None
    return lock


def to_read(path: Path) -> sqlite3.Connection:
    """Open the file for reading, also while a run writes.

    Raises:
        LedgerError: there is no ledger at `path`.
    """
    try:
        db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    except sqlite3.Error as error:
        raise _none(path, str(error)) from None
    if fault := _stranger(db):
        db.close()
        raise _none(path, fault)
    return db


def _none(path: Path, why: str) -> LedgerError:
    return LedgerError(
        f"{path} is not a ledger ({why}): name the file of the setting ledger_path with --ledger"
    )


_EMPTY = "there is nothing in it"


def _stranger(db: sqlite3.Connection) -> str:
    """Why the file is no ledger of this format; empty when it is one."""
    try:
        application, layout, tables = db.execute(
            "SELECT (SELECT application_id FROM pragma_application_id),"
            " (SELECT user_version FROM pragma_user_version), (SELECT COUNT(*) FROM sqlite_master)"
        ).fetchone()
    except sqlite3.Error as error:
        return str(error)
    if not tables:
        return _EMPTY
    if application != APPLICATION:
        return "it holds something else"
    if layout != FORMAT:
        return f"it is of format {layout}, and this version of the target keeps format {FORMAT}"
    return ""
