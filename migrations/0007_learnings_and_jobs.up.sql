-- Learnings with their tags and sources, and the job queue.

CREATE TABLE learning (
  learning   TEXT PRIMARY KEY,     -- a UUIDv7
  user       INTEGER NOT NULL REFERENCES user ON DELETE CASCADE,
  context    TEXT NOT NULL,
  text       TEXT NOT NULL,
  category   TEXT,
  confidence REAL NOT NULL CHECK (confidence >= 0 AND confidence <= 1),
  likeness   TEXT NOT NULL,        -- the hash of the text without what does not tell duplicates apart
  metadata   TEXT NOT NULL,
  version    INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX learning_by_update ON learning (user, updated_at, learning);
CREATE INDEX learning_by_creation ON learning (user, created_at, learning);
CREATE INDEX learning_by_confidence ON learning (user, confidence, learning);
CREATE INDEX learning_by_context ON learning (user, context, updated_at, learning);
CREATE INDEX learning_by_category ON learning (user, category, updated_at, learning);
CREATE INDEX learning_by_likeness ON learning (user, likeness, learning);

CREATE TABLE learning_tag (
  learning TEXT NOT NULL REFERENCES learning ON DELETE CASCADE,
  tag      TEXT NOT NULL,
  user     INTEGER NOT NULL REFERENCES user ON DELETE CASCADE,
  PRIMARY KEY (learning, tag)
) STRICT, WITHOUT ROWID;

CREATE INDEX learning_tag_by_name ON learning_tag (user, tag, learning);

-- A source is a name: what it names may be gone, and the learning stays.
CREATE TABLE learning_source (
  learning TEXT NOT NULL REFERENCES learning ON DELETE CASCADE,
  kind     TEXT NOT NULL CHECK (kind = 'message' OR kind = 'construct' OR kind = 'session' OR kind = 'other'),
  source   TEXT NOT NULL,
  user     INTEGER NOT NULL REFERENCES user ON DELETE CASCADE,
  PRIMARY KEY (learning, kind, source)
) STRICT, WITHOUT ROWID;

CREATE INDEX learning_source_by_name ON learning_source (user, kind, source, learning);

-- With a rowid: its many indexes then hold a number for each job, and not its id.
CREATE TABLE job (
  job            TEXT PRIMARY KEY NOT NULL, -- a UUIDv7
  user           INTEGER NOT NULL REFERENCES user ON DELETE CASCADE,
  number         INTEGER NOT NULL, -- grows with every job of the store
  queue          TEXT NOT NULL,
  state          TEXT NOT NULL CHECK (state = 'queued' OR state = 'running' OR state = 'done' OR state = 'dead' OR state = 'cancelled'),
  priority       INTEGER NOT NULL,
  run_at         INTEGER NOT NULL,
  key            TEXT,
  payload        TEXT NOT NULL,    -- JSON
  max_attempts   INTEGER NOT NULL,
  backoff_ms     INTEGER NOT NULL,
  max_backoff_ms INTEGER NOT NULL,
  attempts       INTEGER NOT NULL,
  lease          TEXT,             -- the token of whoever runs it
  lease_until    INTEGER,
  result         TEXT,             -- JSON
  error          TEXT,
  created_at     INTEGER NOT NULL,
  updated_at     INTEGER NOT NULL,
  ended_at       INTEGER,
  CHECK ((state = 'running') = (lease IS NOT NULL) AND (lease IS NULL) = (lease_until IS NULL)),
  CHECK ((ended_at IS NULL) = (state = 'queued' OR state = 'running'))
) STRICT;

CREATE INDEX job_by_number ON job (user, number);
CREATE INDEX job_by_state ON job (user, state, number);
CREATE INDEX job_by_queue ON job (user, queue, number, state);
CREATE INDEX job_due ON job (queue, priority, run_at, number) WHERE state = 'queued';
CREATE INDEX job_due_by_user ON job (user, queue, priority, run_at, number) WHERE state = 'queued';
CREATE INDEX job_leased ON job (queue, lease_until) WHERE state = 'running';
CREATE INDEX job_ended ON job (user, ended_at) WHERE ended_at IS NOT NULL;
-- Not unique: where damage took lines of the journal, those after them must still apply.
CREATE INDEX job_by_key ON job (user, queue, key) WHERE key IS NOT NULL AND ended_at IS NULL;
