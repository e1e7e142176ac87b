-- One row per place where a quality check failed, with the check's severity. `timestamp` is in UTC.
CREATE VIEW bars_quality AS
SELECT * REPLACE (timestamp AT TIME ZONE 'UTC' AS timestamp)
FROM read_parquet({bars_quality}, union_by_name = true, hive_partitioning = false);
