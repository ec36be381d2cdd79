-- The search index. It is derived from the other tables: nothing of it is journalled.

-- Words only, folded and cut by this package: the tokenizer has nothing left to decide.
CREATE VIRTUAL TABLE search_text USING fts5(words, content='', contentless_delete=1, tokenize='ascii');

-- What each row of the index is a text of.
CREATE TABLE search_doc (
  doc          INTEGER PRIMARY KEY,  -- the index's rowid: (user - 1) * 2^32 and a number that grows
  record       TEXT NOT NULL,        -- the record's id
  kind         TEXT NOT NULL,
  piece        INTEGER NOT NULL,     -- a long text is several rows: which of them, from 0
  user         INTEGER NOT NULL,
  conversation INTEGER,              -- the conversation it is in, which says its context
  context      TEXT,                 -- its own context, where it is in no conversation
  role         TEXT,
  at           INTEGER NOT NULL,
  digest       INTEGER NOT NULL,     -- of all that was indexed
  UNIQUE (record, kind, piece)
) STRICT;

CREATE INDEX search_doc_by_time ON search_doc (user, at);

-- How far the index is built, and how often it was begun anew.
CREATE TABLE search_state (
  one        INTEGER PRIMARY KEY CHECK (one = 1),
  generation INTEGER NOT NULL,
  source     INTEGER,                -- the source that is being read; null when all are
  after      TEXT NOT NULL           -- the last of its records that is indexed
) STRICT;

INSERT INTO search_state (one, generation, source, after)
  SELECT 1, 1, CASE WHEN EXISTS (SELECT 1 FROM user) THEN 0 END, '';
