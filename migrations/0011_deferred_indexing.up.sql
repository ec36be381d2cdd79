-- Records that changed together with so many others that they are looked at for the search index afterwards.
CREATE TABLE search_due (
  record TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
