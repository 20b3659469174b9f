-- The ledger of target-servicenow. Times are UTC by the clock of the machine it runs on, as
-- YYYY-MM-DDTHH:MM:SSZ. JSON columns hold objects. Open it with any SQLite client, also while a
-- run writes.

CREATE TABLE IF NOT EXISTS runs (
  run      INTEGER PRIMARY KEY,
  started  TEXT NOT NULL,
  finished TEXT,
  status   TEXT NOT NULL,  -- running, finished, stopped
  mode     TEXT NOT NULL,  -- apply, plan
  mapping  TEXT NOT NULL,
  calls    INTEGER,        -- requests sent to ServiceNow, token requests apart
  message  TEXT            -- why it stopped
);

-- How many rows of each table met each outcome in a run; unchanged rows are counted here only.
CREATE TABLE IF NOT EXISTS counts (
  run       INTEGER NOT NULL REFERENCES runs (run),
  "table"   TEXT NOT NULL,
  outcome   TEXT NOT NULL,
  rows      INTEGER NOT NULL,
  PRIMARY KEY (run, "table", outcome)
) WITHOUT ROWID;

-- What was done, or refused, and why. Only ever appended to.
CREATE TABLE IF NOT EXISTS outcomes (
  number     INTEGER PRIMARY KEY,
  run        INTEGER NOT NULL REFERENCES runs (run),
  at         TEXT NOT NULL,
  "table"    TEXT NOT NULL,
  identifier TEXT NOT NULL,
  sys_id     TEXT NOT NULL,
  outcome    TEXT NOT NULL,
  changes    TEXT NOT NULL,  -- {"column": {"old": ..., "new": ...}}
  swallowed  TEXT NOT NULL,  -- the same, for columns that came back other than they were sent
  status     INTEGER NOT NULL,
  attempts   INTEGER NOT NULL,
  reason     TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS outcomes_identifier ON outcomes (identifier);

-- Rows on their way: noted before the call that carries them, removed with its outcome. What a run
-- that was cut off leaves here is looked for by the next run that meets the row.
CREATE TABLE IF NOT EXISTS sending (
  "table"    TEXT NOT NULL,
  identifier TEXT NOT NULL,
  run        INTEGER NOT NULL REFERENCES runs (run),
  at         TEXT NOT NULL,
  outcome    TEXT NOT NULL,  -- what it is to be: created, adopted, updated
  changes    TEXT NOT NULL,
  PRIMARY KEY ("table", identifier)
) WITHOUT ROWID;

-- Every row ever seen: where it is, and the last run it came by.
CREATE TABLE IF NOT EXISTS records (
  "table"    TEXT NOT NULL,
  identifier TEXT NOT NULL,
  sys_id     TEXT NOT NULL,
  last_seen  INTEGER NOT NULL REFERENCES runs (run),
  version    INTEGER,        -- the Singer version it last came under
  PRIMARY KEY ("table", identifier)
) WITHOUT ROWID;

-- Rows held or rejected and not settled since: tried again in the next run.
CREATE TABLE IF NOT EXISTS rejects (
  "table"    TEXT NOT NULL,
  identifier TEXT NOT NULL,
  run        INTEGER NOT NULL REFERENCES runs (run),
  outcome    TEXT NOT NULL,  -- held, rejected
  reason     TEXT NOT NULL,
  stream     TEXT NOT NULL,
  payload    TEXT NOT NULL,  -- the Singer record, amounts exact
  PRIMARY KEY ("table", identifier)
) WITHOUT ROWID;

-- The last SCHEMA message of each stream, so that rejects can be given out as Singer messages.
CREATE TABLE IF NOT EXISTS schemas (
  stream         TEXT PRIMARY KEY,
  schema         TEXT NOT NULL,
  key_properties TEXT NOT NULL
) WITHOUT ROWID;
