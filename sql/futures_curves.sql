-- Settlement of every contract of the futures series, day by day.
CREATE VIEW futures_curves AS
SELECT *
FROM read_parquet({futures_curves}, union_by_name = true, hive_partitioning = false);
