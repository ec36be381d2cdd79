-- Contexts, which keep a user's domains of life apart, and settings, of the app and of each user.

CREATE TABLE context (
  user       INTEGER NOT NULL REFERENCES user ON DELETE CASCADE,
  name       TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (user, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE setting (
  name       TEXT PRIMARY KEY,
  value      TEXT NOT NULL,        -- JSON
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE user_setting (
  user       INTEGER NOT NULL REFERENCES user ON DELETE CASCADE,
  name       TEXT NOT NULL,
  value      TEXT NOT NULL,        -- JSON
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (user, name)
) STRICT, WITHOUT ROWID;

ALTER TABLE conversation ADD COLUMN context TEXT NOT NULL DEFAULT 'default';
CREATE INDEX conversation_by_context ON conversation (user, context, updated_at, conversation);

INSERT INTO context (user, name, created_at)
  SELECT user, 'default', min(created_at) FROM conversation GROUP BY user;
