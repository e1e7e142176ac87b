-- One row per row that could not be a bar, as the provider sent it, with the reason. `timestamp` is
-- in UTC.
CREATE VIEW bars_quarantine AS
SELECT * REPLACE (timestamp AT TIME ZONE 'UTC' AS timestamp)
FROM read_parquet({bars_quarantine}, union_by_name = true, hive_partitioning = false);
