DROP TABLE search_state;
DROP TABLE search_doc;
DROP TABLE search_text;
