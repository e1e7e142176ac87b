-- Rows that could not be bars, as the provider sent them, each with the reason.
CREATE VIEW bars_quarantine AS
SELECT *
FROM read_parquet({bars_quarantine}, union_by_name = true, hive_partitioning = false);
