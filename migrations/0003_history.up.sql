-- The audit index: which journal lines touched which record, by whom. No contents: those are in the journal.
-- Lines of one operation that touched the same record close together share a row, from the first to the last.

CREATE TABLE history (
  record    TEXT NOT NULL,         -- a record's id, such as us01-co12-ms02
  first_seq INTEGER NOT NULL,
  last_seq  INTEGER NOT NULL,
  op        TEXT NOT NULL,
  by        TEXT,
  at        INTEGER NOT NULL,
  PRIMARY KEY (record, first_seq)
) STRICT, WITHOUT ROWID;
