DROP TABLE chunk;
DROP TABLE part;
DROP TABLE message;
DROP TABLE participant;
DROP TABLE conversation;
DROP TABLE user;
DROP TABLE request;
DROP TABLE counter;
