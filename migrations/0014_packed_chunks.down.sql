INSERT INTO search_text (search_text) VALUES ('delete-all');
DELETE FROM search_doc;
DELETE FROM search_due;
UPDATE search_state SET generation = generation + 1, source = CASE WHEN EXISTS (SELECT 1 FROM user) THEN 0 END, after = '';
INSERT INTO chunk (user, conversation, message, seq, part, text, tokens, at)
  SELECT b.user, b.conversation, r.value ->> 0, r.value ->> 1, r.value ->> 2, r.value ->> 3, r.value ->> 4, r.value ->> 5
  FROM packed_chunk AS b, json_each(unpack(b.data)) AS r;
DROP INDEX conversation_archived;
DROP TABLE packed_chunk;
