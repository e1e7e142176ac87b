-- Rows that could not be bars, as the provider sent them, each with the reason; `timestamp` is in
-- UTC.
CREATE VIEW bars_quarantine AS
SELECT * REPLACE (timestamp AT TIME ZONE 'UTC' AS timestamp)
FROM read_parquet({bars_quarantine}, union_by_name = true, hive_partitioning = false);
