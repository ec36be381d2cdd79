DELETE FROM counter WHERE name GLOB 'charts/*';
DROP TABLE chart_event;
DROP TABLE chart_line;
DROP TABLE relation;
DROP TABLE observation;
DROP TABLE entity;
