DROP TABLE retention_policy;
