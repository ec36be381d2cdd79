-- What was erased for good: which record, never what it held.

CREATE TABLE erasure (
  erasure      INTEGER PRIMARY KEY,
  record       TEXT NOT NULL,      -- the id of the user or conversation that is gone
  requested_at INTEGER NOT NULL,
  done_at      INTEGER,
  segments     INTEGER NOT NULL DEFAULT 0,   -- journal segments that were rewritten
  set_aside    INTEGER NOT NULL DEFAULT 0    -- files of `quarantine/` that were removed
) STRICT;

CREATE INDEX erasure_waiting ON erasure (erasure) WHERE done_at IS NULL;
