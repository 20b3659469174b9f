-- The ledger of target-servicenow, in its current format. Times are UTC by the clock of the machine
-- it runs on, as YYYY-MM-DDTHH:MM:SSZ. JSON columns hold objects. Open it with any SQLite client,
-- also while a run writes.
--
-- migrations.py brings a ledger of an older format to this one. Both are written in the SQL that
-- SQLite (3.35 or later) and PostgreSQL share, but for what dialect.py lists.

CREATE TABLE runs (
  run      INTEGER PRIMARY KEY,
  started  TEXT NOT NULL,
  finished TEXT,
  status   TEXT NOT NULL,  -- running, finished, stopped
  mode     TEXT NOT NULL,  -- apply, plan
  mapping  TEXT NOT NULL,
  calls    INTEGER,        -- requests sent to ServiceNow, without token requests
  message  TEXT,           -- why it stopped
  instance TEXT NOT NULL DEFAULT '',  -- the address of the instance it wrote to
  mark     TEXT NOT NULL DEFAULT ''   -- a random name, which the state that it emitted carries
);

-- How many rows of each table met each outcome in a run; unchanged rows are counted here only.
CREATE TABLE counts (
  run       INTEGER NOT NULL REFERENCES runs (run),
  "table"   TEXT NOT NULL,
  outcome   TEXT NOT NULL,
  rows      INTEGER NOT NULL,
  PRIMARY KEY (run, "table", outcome)
) WITHOUT ROWID;

-- The money that the rows of each outcome stood for, in tables whose mapping says which column holds
-- it; counted as in counts. A credit is negative.
CREATE TABLE amounts (
  run       INTEGER NOT NULL REFERENCES runs (run),
  "table"   TEXT NOT NULL,
  currency  TEXT NOT NULL,  -- its code; '' where the records name none
  outcome   TEXT NOT NULL,
  rows      INTEGER NOT NULL,  -- rows that have an amount
  amount    TEXT NOT NULL,     -- the exact sum, such as 1200.50
  PRIMARY KEY (run, "table", currency, outcome)
) WITHOUT ROWID;

-- What was done, or refused, and why. Rows are only ever added. The cause is the reason in one word:
--   schema       the record does not match the schema of its stream
--   record       the record does not fit the mapping: a type, a choice, an empty key
--   no_rule      no rule of the mapping fits the record
--   reference    the row it points at is not in ServiceNow
--   length       a text is longer than its column
--   duplicate    several rows carry its identifier
--   adoption     several rows, or several records, could be each other's
--   hidden       its row was there, and ServiceNow does not show it; it is never made twice
--   reassigned   its row carries another identifier now
--   refused      ServiceNow refused the row
--   too_large    ServiceNow cannot read a request with the row in it
--   too_many_gone  so many are gone at once that a person has to confirm it (max_inactive_percent)
--   vanished     its record vanished before it was final, so a person has to look at it
--   gone         its record, or its part of a newer version of it, is no longer there
--   not_wanted   the mapping does not want the row any more
--   corrected    its record came again under another key, or the row was corrected by hand
--   lost_answer  the answer to the write was lost; the row was found afterwards
CREATE TABLE outcomes (
  number     INTEGER PRIMARY KEY,
  run        INTEGER NOT NULL REFERENCES runs (run),
  at         TEXT NOT NULL,
  "table"    TEXT NOT NULL,
  identifier TEXT NOT NULL,
  sys_id     TEXT NOT NULL,
  outcome    TEXT NOT NULL,  -- as in counts; dropped: it waited, and is not tried again;
                             -- forgotten: see records
  changes    TEXT NOT NULL,  -- {"column": {"old": ..., "new": ...}}
  altered    TEXT NOT NULL,  -- columns stored (old) differently from what was sent (new)
  status     INTEGER NOT NULL,
  attempts   INTEGER NOT NULL,
  reason     TEXT NOT NULL,
  cause      TEXT NOT NULL DEFAULT ''
);
CREATE INDEX outcomes_identifier ON outcomes (identifier);

-- Rows on their way: noted before the call that carries them, removed with its outcome. What a run
-- that was cut off leaves here is looked up by the next run that meets the row.
CREATE TABLE sending (
  "table"    TEXT NOT NULL,
  identifier TEXT NOT NULL,
  run        INTEGER NOT NULL REFERENCES runs (run),
  at         TEXT NOT NULL,
  outcome    TEXT NOT NULL,  -- what it is to be: created, adopted, updated
  changes    TEXT NOT NULL,
  PRIMARY KEY ("table", identifier)
) WITHOUT ROWID;

-- Every row ever seen: where it is (empty: it was never in ServiceNow; ?: it was created and never
-- shown), and the last run that saw it. It is asked before a row is created. `ledger forget` deletes
-- a row here, and leaves the outcome `forgotten`.
CREATE TABLE records (
  "table"    TEXT NOT NULL,
  identifier TEXT NOT NULL,
  sys_id     TEXT NOT NULL,
  last_seen  INTEGER NOT NULL REFERENCES runs (run),
  version    INTEGER,        -- the Singer version it last came under
  PRIMARY KEY ("table", identifier)
) WITHOUT ROWID;

-- Rows of which ServiceNow stores columns otherwise than sent: not sent again while neither the value
-- to send nor the stored one changes.
CREATE TABLE altered (
  "table"    TEXT NOT NULL,
  identifier TEXT NOT NULL,
  columns    TEXT NOT NULL,  -- {"column": {"old": stored, "new": sent}}, of long values a digest
  modifications TEXT NOT NULL,  -- its sys_mod_count then, where it has amounts with a currency
  PRIMARY KEY ("table", identifier)
) WITHOUT ROWID;

-- Rows held or rejected and not settled since, and rows written without a reference (blank):
-- retried in the next run.
CREATE TABLE rejects (
  "table"    TEXT NOT NULL,
  identifier TEXT NOT NULL,
  run        INTEGER NOT NULL REFERENCES runs (run),
  outcome    TEXT NOT NULL,  -- held, rejected; created, updated ... without a reference; dropped:
                             -- by a person, and not listed until a new record of it waits
  reason     TEXT NOT NULL,
  stream     TEXT NOT NULL,
  payload    TEXT NOT NULL,  -- the Singer record, amounts exact; {} of a row that is to be set
                             -- gone, or was written and vanished; of too_many_gone, how many of how
                             -- many
  cause      TEXT NOT NULL DEFAULT '',
  since      INTEGER NOT NULL DEFAULT 0,  -- the run in which it began to wait with this outcome
  money      TEXT NOT NULL DEFAULT '',  -- what it stands for, such as USD;1200.50; '' if nothing
  PRIMARY KEY ("table", identifier)
) WITHOUT ROWID;

-- What a tap says of its own run, record by record: the streams under `ledger` in the mapping.
CREATE TABLE logs (
  run        INTEGER NOT NULL REFERENCES runs (run),
  number     INTEGER NOT NULL,  -- in the order in which they came
  at         TEXT NOT NULL,     -- when it came
  stream     TEXT NOT NULL,
  record     TEXT NOT NULL,     -- JSON; its times say whose clock they are by
  PRIMARY KEY (run, number)
) WITHOUT ROWID;

-- The last SCHEMA message of each stream, so that rejects can be exported as Singer messages.
CREATE TABLE schemas (
  stream         TEXT PRIMARY KEY,
  schema         TEXT NOT NULL,
  key_properties TEXT NOT NULL
) WITHOUT ROWID;
