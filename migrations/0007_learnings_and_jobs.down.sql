DROP TABLE job;
DROP TABLE learning_source;
DROP TABLE learning_tag;
DROP TABLE learning;
