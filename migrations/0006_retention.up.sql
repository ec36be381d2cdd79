-- Policies by which records are let go of.

CREATE TABLE retention_policy (
  policy     INTEGER PRIMARY KEY,
  user       INTEGER REFERENCES user ON DELETE CASCADE,   -- null: the app's own, for every user
  kind       TEXT NOT NULL,        -- the group of the records: conversations, …
  context    TEXT,
  status     TEXT,
  age_ms     INTEGER NOT NULL CHECK (age_ms >= 0),
  keep       INTEGER NOT NULL CHECK (keep >= 0),
  action     TEXT NOT NULL CHECK (action = 'archive' OR action = 'remove' OR action = 'delete'),
  enabled    INTEGER NOT NULL CHECK (enabled = 0 OR enabled = 1),
  version    INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  run_at     INTEGER,              -- when it last found nothing more to do
  run_count  INTEGER NOT NULL      -- records it has let go of
) STRICT;

CREATE INDEX retention_policy_by_user ON retention_policy (user, policy);
