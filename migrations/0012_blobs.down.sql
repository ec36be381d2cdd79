ALTER TABLE artifact DROP COLUMN revision;
DROP TABLE artifact_revision;
DROP TABLE blob_piece;
DROP TABLE blob;
DROP TABLE piece;
DELETE FROM counter WHERE name = 'blob';
