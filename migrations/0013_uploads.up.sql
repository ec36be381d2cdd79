-- Files on their way in, in parts: they go on where they were after a reload.

CREATE TABLE upload (
  upload     TEXT PRIMARY KEY,     -- a UUIDv7
  user       INTEGER NOT NULL REFERENCES user ON DELETE CASCADE,
  becomes    TEXT NOT NULL,        -- JSON: the artifact to be made of it
  state      TEXT NOT NULL CHECK (state = 'pending' OR state = 'uploading' OR state = 'stored' OR state = 'failed' OR state = 'published'),
  received   INTEGER NOT NULL,     -- bytes that are kept
  failures   INTEGER NOT NULL,
  error      TEXT,                 -- what the last failure was
  blob       INTEGER REFERENCES blob,  -- what has arrived, until it is published
  artifact   TEXT,                 -- what it became
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX upload_by_creation ON upload (user, created_at, upload);
CREATE INDEX upload_by_state ON upload (user, state, created_at, upload);
CREATE INDEX upload_by_blob ON upload (blob);
