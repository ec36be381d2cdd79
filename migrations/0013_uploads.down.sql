DROP TABLE upload;
DELETE FROM setting WHERE name = 'uploads.limits';
DELETE FROM user_setting WHERE name = 'uploads.limits';
