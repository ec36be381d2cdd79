DROP INDEX conversation_by_context;
ALTER TABLE conversation DROP COLUMN context;
DROP TABLE user_setting;
DROP TABLE setting;
DROP TABLE context;
