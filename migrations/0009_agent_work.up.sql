-- Agent work: constructs, their sessions, the links between them, their artifacts, timeline and metrics.

CREATE TABLE construct (
  construct  TEXT PRIMARY KEY,     -- a UUIDv7
  user       INTEGER NOT NULL REFERENCES user ON DELETE CASCADE,
  context    TEXT NOT NULL,
  type       TEXT NOT NULL,
  name       TEXT NOT NULL,
  status     TEXT NOT NULL CHECK (status = 'pending' OR status = 'provisioning' OR status = 'ready' OR status = 'failed' OR status = 'suspended' OR status = 'retired'),
  metadata   TEXT NOT NULL,
  version    INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  deleted_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX construct_by_update ON construct (user, updated_at, construct);
CREATE INDEX construct_by_creation ON construct (user, created_at, construct);
CREATE INDEX construct_by_status ON construct (user, status, updated_at, construct);
CREATE INDEX construct_by_type ON construct (user, type, updated_at, construct);
CREATE INDEX construct_by_context ON construct (user, context, updated_at, construct);

CREATE TABLE session (
  session    TEXT PRIMARY KEY,     -- a UUIDv7
  user       INTEGER NOT NULL REFERENCES user ON DELETE CASCADE,
  construct  TEXT NOT NULL REFERENCES construct ON DELETE CASCADE,
  name       TEXT NOT NULL,
  status     TEXT NOT NULL CHECK (status = 'active' OR status = 'suspended' OR status = 'ended' OR status = 'failed'),
  state      TEXT NOT NULL,        -- JSON
  metadata   TEXT NOT NULL,
  version    INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  ended_at   INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX session_by_update ON session (user, updated_at, session);
CREATE INDEX session_by_status ON session (user, status, updated_at, session);
CREATE INDEX session_by_construct ON session (construct, updated_at, session);

-- The session that a conversation is the transcript of, and dies with.
ALTER TABLE conversation ADD COLUMN session TEXT REFERENCES session ON DELETE CASCADE;
CREATE INDEX conversation_by_session ON conversation (session);

-- Each pair and kind is there once. The one writer sees to that and no unique index, because the lines that follow lost
-- ones must still apply.
CREATE TABLE construct_link (
  link       TEXT PRIMARY KEY,     -- a UUIDv7
  user       INTEGER NOT NULL REFERENCES user ON DELETE CASCADE,
  source     TEXT NOT NULL REFERENCES construct ON DELETE CASCADE,
  target     TEXT NOT NULL REFERENCES construct ON DELETE CASCADE,
  kind       TEXT NOT NULL,
  metadata   TEXT NOT NULL,
  version    INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CHECK (source <> target)
) STRICT, WITHOUT ROWID;

CREATE INDEX construct_link_by_creation ON construct_link (user, created_at, link);
CREATE INDEX construct_link_by_ends ON construct_link (source, target, kind);
CREATE INDEX construct_link_by_source ON construct_link (source, created_at, link);
CREATE INDEX construct_link_by_target ON construct_link (target, created_at, link);

CREATE TABLE artifact (
  artifact   TEXT PRIMARY KEY,     -- a UUIDv7
  user       INTEGER NOT NULL REFERENCES user ON DELETE CASCADE,
  construct  TEXT REFERENCES construct ON DELETE CASCADE,
  session    TEXT REFERENCES session ON DELETE CASCADE,
  message    TEXT,                 -- a name: the message may be gone
  kind       TEXT NOT NULL,
  name       TEXT NOT NULL,
  media_type TEXT NOT NULL,
  size       INTEGER CHECK (size >= 0),
  hash       TEXT,
  metadata   TEXT NOT NULL,
  version    INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX artifact_by_creation ON artifact (user, created_at, artifact);
CREATE INDEX artifact_by_kind ON artifact (user, kind, created_at, artifact);
CREATE INDEX artifact_by_construct ON artifact (construct, created_at, artifact);
CREATE INDEX artifact_by_session ON artifact (session, created_at, artifact);

CREATE TABLE timeline_event (
  event     TEXT PRIMARY KEY,      -- a UUIDv7
  user      INTEGER NOT NULL REFERENCES user ON DELETE CASCADE,
  construct TEXT REFERENCES construct ON DELETE CASCADE,
  session   TEXT REFERENCES session ON DELETE CASCADE,
  kind      TEXT NOT NULL,
  at        INTEGER NOT NULL,
  number    INTEGER NOT NULL,      -- grows with every event of the store
  data      TEXT NOT NULL          -- JSON
) STRICT, WITHOUT ROWID;

CREATE INDEX timeline_event_by_time ON timeline_event (user, at, number);
CREATE INDEX timeline_event_by_kind ON timeline_event (user, kind, at, number);
CREATE INDEX timeline_event_by_construct ON timeline_event (construct, at, number);
CREATE INDEX timeline_event_by_session ON timeline_event (session, at, number);

CREATE TABLE metric (
  metric    TEXT PRIMARY KEY,      -- a UUIDv7
  user      INTEGER NOT NULL REFERENCES user ON DELETE CASCADE,
  construct TEXT REFERENCES construct ON DELETE CASCADE,
  session   TEXT REFERENCES session ON DELETE CASCADE,
  name      TEXT NOT NULL,
  value     REAL NOT NULL,
  unit      TEXT NOT NULL,
  labels    TEXT NOT NULL,         -- a JSON object of texts
  at        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX metric_by_time ON metric (user, at, metric);
CREATE INDEX metric_by_name ON metric (user, name, at, metric);
CREATE INDEX metric_by_construct ON metric (construct, at, metric);
CREATE INDEX metric_by_session ON metric (session, at, metric);
