DROP INDEX request_by_age;
DROP INDEX message_streaming;
DROP INDEX message_by_creation;
DROP INDEX message_by_parent;
DROP INDEX participant_by_name;
DROP INDEX conversation_by_creation;
DROP INDEX conversation_by_update;
