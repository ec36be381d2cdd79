-- Contents of artifacts. What is in a content is what it is called; pieces are shared by all contents that have them.

CREATE TABLE piece (
  piece   TEXT PRIMARY KEY,        -- the BLAKE3 hash of its bytes
  size    INTEGER NOT NULL,
  stored  INTEGER NOT NULL,        -- its length as it is kept
  packing TEXT NOT NULL CHECK (packing = 'plain' OR packing = 'gzip' OR packing = 'inline'),
  content TEXT,                    -- its text, if it is kept here; else it is in blobs/<two digits>/<hash>
  CHECK ((packing = 'inline') = (content IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE blob (
  blob         INTEGER PRIMARY KEY,
  hash         TEXT NOT NULL,      -- the BLAKE3 hash of its bytes
  size         INTEGER NOT NULL,
  unused_since INTEGER             -- since when nothing has it
) STRICT;

CREATE INDEX blob_by_hash ON blob (hash);
CREATE INDEX blob_by_disuse ON blob (unused_since) WHERE unused_since IS NOT NULL;

CREATE TABLE blob_piece (
  blob     INTEGER NOT NULL REFERENCES blob ON DELETE CASCADE,
  position INTEGER NOT NULL,       -- the byte where it begins
  piece    TEXT NOT NULL REFERENCES piece,
  PRIMARY KEY (blob, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX blob_piece_by_piece ON blob_piece (piece);

-- What an artifact's content was and is; the last revision is the one it has.
CREATE TABLE artifact_revision (
  artifact   TEXT NOT NULL REFERENCES artifact ON DELETE CASCADE,
  revision   INTEGER NOT NULL,
  blob       INTEGER NOT NULL REFERENCES blob,
  media_type TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (artifact, revision)
) STRICT, WITHOUT ROWID;

CREATE INDEX artifact_revision_by_blob ON artifact_revision (blob);

ALTER TABLE artifact ADD COLUMN revision INTEGER;
