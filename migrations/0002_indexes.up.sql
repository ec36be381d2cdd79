-- Every foreign key that no primary key leads, and every order and filter that lists offer.

CREATE INDEX conversation_by_update ON conversation (user, updated_at, conversation);
CREATE INDEX conversation_by_creation ON conversation (user, created_at, conversation);
CREATE INDEX participant_by_name ON participant (user, participant, conversation);
CREATE INDEX message_by_parent ON message (user, conversation, parent, message);
CREATE INDEX message_by_creation ON message (user, conversation, created_at, message);
CREATE INDEX message_streaming ON message (user, conversation, message) WHERE status = 'streaming';
CREATE INDEX request_by_age ON request (at);
