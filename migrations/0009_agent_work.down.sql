DROP TABLE metric;
DROP TABLE timeline_event;
DROP TABLE artifact;
DROP TABLE construct_link;
DROP INDEX conversation_by_session;
ALTER TABLE conversation DROP COLUMN session;
DROP TABLE session;
DROP TABLE construct;
