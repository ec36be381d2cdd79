-- Chunks of archived conversations, compressed together: some whole messages each, none twice.
CREATE TABLE packed_chunk (
  user          INTEGER NOT NULL,
  conversation  INTEGER NOT NULL,
  first_message INTEGER NOT NULL,
  last_message  INTEGER NOT NULL,
  data          TEXT NOT NULL,     -- Z85 of gzip of JSON: [[message, seq, part, text, tokens, at], …]
  PRIMARY KEY (user, conversation, first_message),
  FOREIGN KEY (user, conversation) REFERENCES conversation ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX conversation_archived ON conversation (user, conversation) WHERE status = 'archived';

-- The search index reads packed chunks from here on. It is built anew: before, nothing kept it up.
INSERT INTO search_text (search_text) VALUES ('delete-all');
DELETE FROM search_doc;
DELETE FROM search_due;
UPDATE search_state SET generation = generation + 1, source = CASE WHEN EXISTS (SELECT 1 FROM user) THEN 0 END, after = '';
