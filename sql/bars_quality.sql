-- Places where a quality check failed, with the check's severity.
CREATE VIEW bars_quality AS
SELECT *
FROM read_parquet({bars_quality}, union_by_name = true, hive_partitioning = false);
