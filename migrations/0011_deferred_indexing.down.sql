-- What is still due is found by building the index anew: without this table nothing would keep it up.
INSERT INTO search_text (search_text) SELECT 'delete-all' WHERE EXISTS (SELECT 1 FROM search_due);
DELETE FROM search_doc WHERE EXISTS (SELECT 1 FROM search_due);
UPDATE search_state SET generation = generation + 1, source = 0, after = '' WHERE EXISTS (SELECT 1 FROM search_due);
DROP TABLE search_due;
