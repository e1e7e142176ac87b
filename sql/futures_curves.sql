-- One row per day and contract of the futures series: its settlement.
CREATE VIEW futures_curves AS
SELECT *
FROM read_parquet({futures_curves}, union_by_name = true, hive_partitioning = false);
