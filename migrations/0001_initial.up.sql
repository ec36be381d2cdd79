-- People, conversations, messages and their chunks.
-- Keys are the numbers of the readable ids, so that what belongs together lies together.
-- Times are milliseconds since 1970-01-01 UTC. JSON columns hold one JSON value.
-- Checks compare one value after the other: for a list of more than two, SQLite would fill a table at every insert.

CREATE TABLE counter (
  name  TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Answers to requests that carried an id, so that the same request has one effect and one answer.
CREATE TABLE request (
  id     TEXT PRIMARY KEY,
  op     TEXT NOT NULL,
  answer TEXT NOT NULL,
  at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE user (
  user              INTEGER PRIMARY KEY,
  uuid              TEXT NOT NULL UNIQUE,
  name              TEXT NOT NULL,
  metadata          TEXT NOT NULL,
  next_conversation INTEGER NOT NULL,
  version           INTEGER NOT NULL,
  created_at        INTEGER NOT NULL,
  updated_at        INTEGER NOT NULL
) STRICT;

CREATE TABLE conversation (
  user         INTEGER NOT NULL REFERENCES user ON DELETE CASCADE,
  conversation INTEGER NOT NULL,
  uuid         TEXT NOT NULL UNIQUE,
  title        TEXT NOT NULL,
  status       TEXT NOT NULL CHECK (status IN ('active', 'archived')),
  metadata     TEXT NOT NULL,
  leaf         INTEGER,            -- the last message of the active path
  next_message INTEGER NOT NULL,
  version      INTEGER NOT NULL,
  created_at   INTEGER NOT NULL,
  updated_at   INTEGER NOT NULL,
  deleted_at   INTEGER,
  PRIMARY KEY (user, conversation)
) STRICT, WITHOUT ROWID;

CREATE TABLE participant (
  user         INTEGER NOT NULL,
  conversation INTEGER NOT NULL,
  participant  TEXT NOT NULL,      -- a user's id, or the app's name for an agent
  kind         TEXT NOT NULL CHECK (kind IN ('user', 'agent')),
  name         TEXT,
  added_at     INTEGER NOT NULL,
  PRIMARY KEY (user, conversation, participant),
  FOREIGN KEY (user, conversation) REFERENCES conversation ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE message (
  user         INTEGER NOT NULL,
  conversation INTEGER NOT NULL,
  message      INTEGER NOT NULL,
  uuid         TEXT NOT NULL UNIQUE,
  parent       INTEGER,
  role         TEXT NOT NULL CHECK (role = 'user' OR role = 'assistant' OR role = 'system' OR role = 'tool'),
  author       TEXT,               -- the participant who wrote it
  model        TEXT,
  status       TEXT NOT NULL CHECK (status = 'streaming' OR status = 'complete' OR status = 'interrupted' OR status = 'error'),
  usage        TEXT,
  metadata     TEXT NOT NULL,
  version      INTEGER NOT NULL,
  created_at   INTEGER NOT NULL,
  updated_at   INTEGER NOT NULL,
  PRIMARY KEY (user, conversation, message),
  FOREIGN KEY (user, conversation) REFERENCES conversation ON DELETE CASCADE,
  -- No cascade along the tree: a long conversation is deeper than SQLite lets triggers nest.
  FOREIGN KEY (user, conversation, parent) REFERENCES message
) STRICT, WITHOUT ROWID;

CREATE TABLE part (
  user         INTEGER NOT NULL,
  conversation INTEGER NOT NULL,
  message      INTEGER NOT NULL,
  part         INTEGER NOT NULL,
  kind         TEXT NOT NULL CHECK (kind = 'text' OR kind = 'reasoning' OR kind = 'tool_call' OR kind = 'tool_result' OR kind = 'file' OR kind = 'data'),
  data         TEXT,               -- JSON; null for text and reasoning, whose content is chunks
  PRIMARY KEY (user, conversation, message, part),
  FOREIGN KEY (user, conversation, message) REFERENCES message ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE chunk (
  user         INTEGER NOT NULL,
  conversation INTEGER NOT NULL,
  message      INTEGER NOT NULL,
  seq          INTEGER NOT NULL,
  part         INTEGER NOT NULL,
  text         TEXT NOT NULL,
  tokens       INTEGER NOT NULL,
  at           INTEGER NOT NULL,
  PRIMARY KEY (user, conversation, message, seq),
  FOREIGN KEY (user, conversation, message) REFERENCES message ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
