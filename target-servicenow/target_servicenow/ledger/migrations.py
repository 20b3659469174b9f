"""Bringing the tables of an older ledger to the current format, that of ``schema.sql``.

The first format is 1, and each migration turns a format into the next one.
"""

from __future__ import annotations

import sqlite3
import typing as t
from importlib import resources

from target_servicenow.ledger.dialect import SQLITE

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from target_servicenow.ledger.dialect import Dialect

_SCHEMA = (resources.files("target_servicenow.ledger") / "schema.sql").read_text(encoding="utf-8")

# Before format 2 only the words of a reason told its cause. Patterns without a leading % come
# first: what follows in the text may quote a record or ServiceNow.
_CAUSE = """
  CASE
    WHEN reason LIKE 'it does not fit its schema: %' THEN 'schema'
    WHEN reason LIKE 'too long for %' THEN 'length'
    WHEN reason LIKE 'column %' THEN 'record'
    WHEN reason LIKE 'a part of its key (%' THEN 'record'
    WHEN reason LIKE 'no rule of % fits it' THEN 'no_rule'
    WHEN reason LIKE 'the row is too large for %' THEN 'too_large'
    WHEN reason LIKE 'ServiceNow %' THEN 'refused'
    WHEN reason LIKE 'the answer was lost; %' THEN 'lost_answer'
    WHEN reason LIKE 'written in run %' THEN 'lost_answer'
    WHEN reason LIKE '% rows of % carry %: delete or clear all but one; %' THEN 'duplicate'
    WHEN reason LIKE '% rows of % have % and no %: set %' THEN 'adoption'
    WHEN reason LIKE '% records have % and could claim the row %' THEN 'adoption'
    WHEN reason LIKE '% points at %, which % does not hold' THEN 'reference'
    WHEN reason LIKE '% cannot be worked out: %' THEN 'record'
    WHEN reason LIKE '% is not a list of objects' THEN 'record'
    WHEN reason LIKE '% is no code' THEN 'record'
    ELSE ''
  END
"""

_MIGRATIONS = (
    # From format 1 to 2: the cause of a fate beside its reason.
    f"""
    ALTER TABLE outcomes RENAME COLUMN swallowed TO altered;
    ALTER TABLE outcomes ADD COLUMN cause TEXT NOT NULL DEFAULT '';
    ALTER TABLE rejects ADD COLUMN cause TEXT NOT NULL DEFAULT '';
    UPDATE outcomes SET cause = {_CAUSE} WHERE reason <> '';
    UPDATE rejects SET cause = {_CAUSE};
    """,  # noqa: S608 - both parts are written here
    # To the next format: columns that ServiceNow stores otherwise than sent.
    """
    CREATE TABLE altered (
      "table"    TEXT NOT NULL,
      identifier TEXT NOT NULL,
      columns    TEXT NOT NULL,
      modifications TEXT NOT NULL,
      PRIMARY KEY ("table", identifier)
    ) WITHOUT ROWID;
    """,
    # To the next format: the instance of a run and its mark, and how long a row has waited.
    """
    ALTER TABLE runs ADD COLUMN instance TEXT NOT NULL DEFAULT '';
    ALTER TABLE runs ADD COLUMN mark TEXT NOT NULL DEFAULT '';
    ALTER TABLE rejects ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
    UPDATE rejects SET since = run;
    """,
    # To the next format: what a tap says of its own run.
    """
    CREATE TABLE logs (
      run        INTEGER NOT NULL REFERENCES runs (run),
      number     INTEGER NOT NULL,  -- in the order in which they came
      at         TEXT NOT NULL,     -- when it came
      stream     TEXT NOT NULL,
      record     TEXT NOT NULL,     -- JSON; its times say whose clock they are by
      PRIMARY KEY (run, number)
    ) WITHOUT ROWID;
    """,
)

FORMAT: t.Final = 1 + len(_MIGRATIONS)
"""The current format."""


def statements(since: int, dialect: Dialect = SQLITE) -> Iterator[str]:
    """Yield the SQL that brings a ledger to the current format, to be run in one transaction.

    Args:
        since: The ledger's format; 0 for a database that is still empty.
        dialect: The SQL of its database.
    """
    for script in _MIGRATIONS[since - 1 :] if since else (_SCHEMA,):
        yield from _split(dialect.translate(script))


def _split(script: str) -> Iterator[str]:
    """Yield the statements of a script, each with the comments above it."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement.strip()
            statement = ""
